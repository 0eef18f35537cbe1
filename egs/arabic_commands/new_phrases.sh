#!/usr/bin/env bash
# Words that no training saw: how well embeddings, and warping of cepstra, frame states and phone posteriors, know them.
#   bash egs/arabic_commands/new_phrases.sh --root DIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

root=
folds=1
new_phrases=20
config=$here/conf/ablation.yaml
layers="0 1 2"
work=$here/exp/new-phrases
seed=0
jobs=
nproc=1
device=auto
option_names="root folds new_phrases config layers work seed jobs nproc device"
help_message="usage: bash $0 [options]

Draws words that are kept out of training, trains a network on the phrases of the others and a phonetic one, and scores
the new words of other speakers by embeddings, by warping, and by a fusion fitted on the dev speakers. Prints a table for
dev and for eval, which are also written to foldK/new-phrases-dev.md and -eval.md of the work folder.

  --root DIR                  the corpus, which holds dataset/
  --folds 1,2                 folds to run, of 5 ($folds)
  --new-phrases N|FILE        words that train lacks, and that dev and eval say alone ($new_phrases)
  --config FILE               configuration of the network (conf/ablation.yaml)
  --layers 0,1,2              layers whose frame states are warped ($layers)
  --work DIR                  where all is written (exp/new-phrases of the recipe's folder)
  --seed N                    of the draw of words and of the trainings ($seed)
  --jobs N                    processes (as many as processors)
  --nproc N                   processes that extract and train together, one a GPU, by torchrun ($nproc)
  --device NAME               auto, cpu or cuda ($device)
  --conf FILE                 shell assignments of these options"

# shellcheck source=../steps.sh
. "$top/egs/steps.sh"

# features FOLDER CONFIG: of all sets
features() {
  local part
  for part in train dev eval; do
    call_together extract-features --data "data/$part" --config "$here/conf/$2.yaml" --out "$1/$part" ${jobs:+--jobs "$jobs"}
  done
}

# states NAME NETWORK [OPTION...]: frame states of all sets into states/NAME
states() {
  local name=$1 network=$2 part
  shift 2
  for part in train dev eval; do
    call svtok extract-embeddings --network "$network" --data "data/$part" --features "speech/$part" --frame-states \
      --out "states/$name/$part" --device "$device" "$@"
  done
}

# score SYSTEM FOLDER OPTION [OPTION...]: FOLDER/dev and FOLDER/eval, which are named by OPTION
score() {
  local system=$1 folder=$2 option=$3 part
  shift 3
  for part in dev eval; do
    call svtok score --data "data/$part" "$option" "$folder/$part" --out "scores/$part/$system.tsv" "$@"
  done
  systems="$systems $system"
}

# normalised SYSTEM FOLDER OPTION [OPTION...]: the same, by the training speakers' words, of each the first recording
normalised() {
  score "$@" --norm s-norm --cohort "$2/train" --cohort-data data/train --cohort-of classes
}

# fuse SYSTEM MEMBER...: fitted on dev, against wrong phrases
fuse() {
  local system=$1 part member stacked
  shift
  for part in dev eval; do
    stacked=()
    for member in "$@"; do stacked+=(--scores "scores/$part/$member.tsv"); done
    if [[ "$part" == dev ]]; then
      call svtok fuse fit "${stacked[@]}" --data data/dev --nontargets TW --out "$system.yaml"
    fi
    call svtok fuse apply "$system.yaml" "${stacked[@]}" --out "scores/$part/$system.tsv"
  done
  systems="$systems $system"
}

table() {
  local part=$1 system evaluations=()
  for system in $systems; do
    call svtok evaluate --scores "scores/$part/$system.tsv" --data "data/$part" --json "scores/$part/$system.json" >/dev/null
    evaluations+=("$system=scores/$part/$system.json")
  done
  call svtok compare "${evaluations[@]}" --markdown "new-phrases-$part.md"
}

run_fold() {
  local fold=$1 layer of_states
  mkdir -p "$work/fold$fold"
  cd "$work/fold$fold"
  call svtok prepare arabic-commands --root "$root" --folds 5 --fold "$fold" --new-phrases "$new_phrases" --seed "$seed" \
    --out data ${jobs:+--jobs "$jobs"}
  features cepstra-all cepstra-all
  features cepstra cepstra
  features speech speech
  call_together train --data data/train --features speech/train --dev data/dev --dev-features speech/dev --head avg \
    --config "$config" --set training.classes=phrase --seed "$seed" --out phrase --device "$device" --anew
  call svtok train-phonetic --data data/train --features speech/train --dev data/dev --dev-features speech/dev \
    --text-from phrase --lexicon "$here/conf/lexicon.txt" --seed "$seed" --out phonetic --device "$device" --anew
  for part in train dev eval; do
    call_together extract-embeddings --network phrase --data "data/$part" --features "speech/$part" \
      --out "embeddings/$part" --device "$device"
  done
  for layer in $layers; do states "$layer" phrase --layer "$layer"; done
  states phones phonetic

  systems=
  score embeddings embeddings --embeddings
  normalised embeddings-norm embeddings --embeddings
  score cepstra-all cepstra-all --frames --backend dtw
  score cepstra cepstra --frames --backend dtw
  normalised cepstra-norm cepstra --frames --backend dtw
  of_states=()
  for layer in $layers; do
    of_states+=("states-$layer-norm")
    score "states-$layer" "states/$layer" --frames --backend dtw
    normalised "states-$layer-norm" "states/$layer" --frames --backend dtw
  done
  score posteriors states/phones --frames --backend dtw
  normalised posteriors-norm states/phones --frames --backend dtw
  fuse fusion embeddings-norm cepstra-norm "${of_states[@]}" posteriors-norm
  table dev
  table eval
}

invocation="bash ${here#"$top"/}/new_phrases.sh$(printf ' %q' "$@")"
# shellcheck source=../../bin/parse_options.sh
. "$top/bin/parse_options.sh" "$@"
folds=${folds//,/ } layers=${layers//,/ }
[[ ${#arguments[@]} -eq 0 ]] || fail "unexpected argument '${arguments[0]}' (--help lists the options)"
root=$(absolute "$root") work=$(absolute "$work") config=$(absolute "$config")
[[ -d "$root/dataset" ]] || fail "--root '$root' holds no dataset/; see egs/arabic_commands/run.sh"
[[ -f "$new_phrases" ]] && new_phrases=$(absolute "$new_phrases")
check_nproc
log "$invocation"
finished=false # an exit status does not say so: it is 0 in the trap of a killed shell
trap finish EXIT
for fold in $folds; do run_fold "$fold"; done
finished=true
