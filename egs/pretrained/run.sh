#!/usr/bin/env bash
# The network that comes with svtok: made of public speech and synthetic voices, taught by a public encoder.
#   bash egs/pretrained/run.sh --speechocean DIR --arabic DIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

speechocean=
arabic=
digits=
speeds="0.8,0.9,1.12,1.25"
voices=60
config=$here/conf/train.yaml
features_config=$here/conf/features.yaml
work=$here/exp
seed=0
jobs=
nproc=1
device=auto
set=
option_names="speechocean arabic digits speeds voices config features_config work seed jobs nproc device set"
help_message="usage: bash $0 [options]

Trains two networks of one kind. The first, heldout, never hears Arabic Speech Commands: its 30 speakers show how well
such a network does on a corpus, a language and voices that are new to it, and calibrate the scorer. The second, which
is released, hears these speakers too. WORK/box is then the folder that svtok/pretrained/network is a copy of.

  --speechocean DIR           speechocean762 (svtok prepare speechocean762 --help)
  --arabic DIR                Arabic Speech Commands, which holds dataset/ (egs/arabic_commands/run.sh)
  --digits DIR                Free Spoken Digit Dataset, which holds recordings/, as one more test (none)
  --speeds 0.8,0.9            each recording of speechocean762 at two of these too, as other speakers ($speeds)
  --voices N                  synthetic speakers ($voices)
  --config FILE               configuration of the network and its training (conf/train.yaml)
  --features-config FILE      configuration of features (conf/features.yaml)
  --set \"KEY=VALUE ...\"       changes of the configuration, such as training.epochs=1
  --work DIR                  where all is written (exp of the recipe's folder)
  --seed N                    of all that is random ($seed)
  --jobs N                    processes (as many as processors)
  --nproc N                   processes that extract features and train together, one a GPU, by torchrun ($nproc)
  --device NAME               auto, cpu or cuda ($device)
  --conf FILE                 shell assignments of these options"

# shellcheck source=../steps.sh
. "$top/egs/steps.sh"

# listed CORPUS SPEAKER PHRASE: a corpus of the recordings whose paths come in, all of them for tests; SPEAKER and PHRASE
# are awk's expressions of the parts p of a file's name and of its folder d
listed() {
  local corpus=$1 speaker=$2 phrase=$3
  {
    echo "path,spk,phrase,set"
    sort | awk -F/ '{ n = $NF; sub(/\.[^.]*$/, "", n); split(n, p, "_"); d = $(NF - 1);
      print "\"" $0 "\",\"" '"$speaker"' "\",\"" '"$phrase"' "\",eval" }'
  } >"$corpus.csv"
  # most trials are of wrong speakers who say something else: a share of these will do
  call svtok prepare table --csv "$corpus.csv" --out "data/$corpus" --iw-share 0.02 ${jobs:+--jobs "$jobs"}
}

prepare_corpora() {
  call svtok prepare speechocean762 --root "$speechocean" --out data/speechocean ${jobs:+--jobs "$jobs"}
  call svtok disturb --data data/speechocean/train --out data/speeds/train --side all --set "speeds=[$speeds]" \
    --draw 2 ${jobs:+--jobs "$jobs"}
  call svtok synthesize rsr2015 --out corpus --speakers "$voices" --dev-speakers 4 --eval-speakers 4 --phrases 10 \
    --sessions 4 ${jobs:+--jobs "$jobs"}
  call svtok prepare rsr2015 --root corpus --part 2 --out data/synthetic ${jobs:+--jobs "$jobs"}
  find "$arabic/dataset" -name '*.flac' -o -name '*.wav' | listed arabic 'p[1]' d
  if [[ -n "$digits" ]]; then find "$digits/recordings" -name '*.wav' | listed digits 'p[2]' 'p[1]'; fi
}

# hear SET: its features and, as the teacher, the public encoder's embeddings
hear() {
  call_together extract-features --data "data/$1" --config "$features_config" --out "feats/$1" ${jobs:+--jobs "$jobs"}
  call svtok extract-embeddings --encoder resemblyzer --data "data/$1" --out "teacher/$1" --device "$device"
}

# train NAME SET...: one network
train() {
  local name=$1 sets=() part change
  shift
  for part in "$@"; do
    sets+=(--data "data/$part" --features "feats/$part" --teacher-embeddings "teacher/$part")
  done
  for change in $set; do sets+=(--set "$change"); done
  call_together train-student "${sets[@]}" --head cls-dist --config "$config" --seed "$seed" --device "$device" \
    --out "$name"
}

# measure NETWORK CORPUS: embeddings and warping, each alone, of the corpus' eval set
measure() {
  local network=$1 corpus=$2 way
  call svtok extract-embeddings --network "$network" --data "data/$corpus/eval" --features "feats/$corpus/eval" \
    --out "$network/embeddings/$corpus" --device "$device"
  call svtok extract-embeddings --network "$network" --data "data/$corpus/eval" --features "feats/$corpus/eval" \
    --frame-states --layer features --out "$network/frames/$corpus" --device "$device"
  call svtok score --data "data/$corpus/eval" --embeddings "$network/embeddings/$corpus" \
    --out "$network/scores/$corpus/embeddings.tsv"
  call svtok score --data "data/$corpus/eval" --backend dtw --frames "$network/frames/$corpus" \
    --out "$network/scores/$corpus/warping.tsv"
  call svtok score --data "data/$corpus/eval" --embeddings "teacher/$corpus/eval" --out "$network/scores/$corpus/teacher.tsv"
  for way in teacher embeddings warping; do evaluate "$network" "$corpus" "$way"; done
}

# evaluate NETWORK CORPUS WAY
evaluate() {
  call svtok evaluate --scores "$1/scores/$2/$3.tsv" --data "data/$2/eval" --json "$1/scores/$2/$3.json"
}

run() {
  local trained=(speechocean/train speeds/train synthetic/train) part tests=(arabic)
  if [[ -n "$digits" ]]; then tests+=(digits); fi
  prepare_corpora
  for part in "${trained[@]}" "${tests[@]/%//eval}"; do hear "$part"; done
  train heldout "${trained[@]}"
  for part in "${tests[@]}"; do measure heldout "$part"; done
  train released "${trained[@]}" arabic/eval
  # calibrated on speakers whom the network did not hear, with the network of the same kind that did not hear them
  call svtok fit-scorer --embeddings heldout/embeddings/arabic --frames heldout/frames/arabic --data data/arabic/eval \
    --out heldout/scorer
  call svtok fit-scorer --embeddings heldout/embeddings/arabic --frames heldout/frames/arabic --data data/arabic/eval \
    --network released --out released/scorer
  for part in "${tests[@]}"; do
    call svtok score --scorer heldout/scorer --data "data/$part/eval" --embeddings "heldout/embeddings/$part" \
      --frames "heldout/frames/$part" --llr together --false-accept-rate 0.01 \
      --out "heldout/scores/$part/together.tsv"
    evaluate heldout "$part" together
  done
  call svtok export --network released --hub box --license apache-2.0 --language multilingual --forget-classes \
    --about "$here/card.md" --evaluation heldout/scores/arabic/embeddings.json
}

invocation="bash ${here#"$top"/}/run.sh$(printf ' %q' "$@")"
# shellcheck source=../../bin/parse_options.sh
. "$top/bin/parse_options.sh" "$@"
[[ ${#arguments[@]} -eq 0 ]] || fail "unexpected argument '${arguments[0]}' (--help lists the options)"
work=$(absolute "$work") config=$(absolute "$config") features_config=$(absolute "$features_config")
speechocean=$(absolute "$speechocean") arabic=$(absolute "$arabic") digits=$(absolute "$digits")
[[ -f "$speechocean/recordings.csv" || -d "$speechocean/WAVE" ]] ||
  fail "--speechocean '$speechocean' holds neither WAVE/ nor recordings.csv; svtok prepare speechocean762 --help says where it is"
[[ -d "$arabic/dataset" ]] || fail "--arabic '$arabic' holds no dataset/; see egs/arabic_commands/run.sh"
[[ -z "$digits" || -d "$digits/recordings" ]] || fail "--digits '$digits' holds no recordings/"
check_nproc
mkdir -p "$work"
cd "$work"
log "$invocation"
finished=false # an exit status does not say so: it is 0 in the trap of a killed shell
trap finish EXIT
run
finished=true
