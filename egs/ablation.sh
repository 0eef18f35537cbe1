# shellcheck shell=bash
# The runner of every ablation: `. ablation.sh "$@"` at the end of egs/*/ablation.sh, which says what differs:
#   root, folds        the defaults of --root and --folds
#   phonetic_options   how svtok train-phonetic gets the phones of what was said
#   recipe_options     the names of its own options (variables with their defaults), recipe_help what they mean
#   check_corpus       stops where the corpus is not there
#   prepare_fold K     writes data/foldK with svtok
# Everything but the results is written under $work: data/foldK, feats/foldK and exp/; and where the plan has systems
# with `features: feats-phonetic`, phonetic/foldK and feats-phonetic/foldK. Where they have other `features: feats-NAME` or
# `warp: feats-NAME`, feats-NAME/foldK is extracted as conf/NAME.yaml says; where they have `embeddings: ENCODER`,
# ENCODER/foldK has the embeddings of a public encoder; and where they have `data: fold{fold}-speeds/train`, after
# `features`, data/foldK-speeds/train is the training set at other speeds.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

plan=$here/conf/ablation.plan.yaml
features_config=$here/conf/features.yaml
work=$here/exp/ablation
results=$here/results.json
seeds=
systems=
against="avg"
jobs=
nproc=1
device=auto
option_names="$recipe_options root plan features_config work results folds seeds systems against jobs nproc device"
help_message="usage: bash $0 [options]

$recipe_help

Prepares the folds, extracts their features, runs svtok ablate and prints the table of its results, which is also written
to exp/ablation.md of the work folder. What is done is skipped: stop it at any time, and run the same command again.

  --folds 1,2                 folds to prepare and to run ($folds)
  --seeds 0,1                 seeds of the trainings (all of the plan)
  --systems NAMES,...         systems to run (all of the plan)
  --against NAMES,...         systems with which the table compares all others ($against)
  --plan FILE                 the systems, and how each is trained and scored (conf/ablation.plan.yaml)
  --features-config FILE      configuration of features (conf/features.yaml)
  --work DIR                  where data/, feats/ and exp/ are written (exp/ablation of the recipe's folder)
  --results FILE              the results of every single run, kept and added to (results.json of the recipe's folder)
  --jobs N                    runs at once (as many as processors; on a GPU, what the plan says)
  --nproc N                   processes that share features and runs, one a GPU, by torchrun; --jobs of each ($nproc)
  --device NAME               auto, cpu or cuda ($device)
  --conf FILE                 shell assignments of these options"

# shellcheck source=steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

# extract_features FOLD FOLDER SET...
extract_features() {
  local fold=$1 folder=$2 config=$features_config part
  [[ "$folder" == feats ]] || config=$here/conf/${folder#feats-}.yaml
  for part in "${@:3}"; do
    call_together extract-features "data/fold$fold/$part" --config "$config" --out "$folder/fold$fold/$part" \
      ${jobs:+--jobs "$jobs"}
  done
}

# The folders of further features, feats-NAME, that the plan asks for.
further_features() {
  sed -nE 's/^[^#]*(features|warp): (feats-[a-z]+).*/\2/p' "$plan" | sort -u | grep -vx feats-phonetic || true
}

# The folders of features that systems read who learn the training set at other speeds too.
features_at_speeds() {
  awk '/^  [^ #]/ { folder = "feats" }
    match($0, /features: feats-[a-z]+/) { folder = substr($0, RSTART + 10, RLENGTH - 10) }
    /^[^#]*data: .*fold[{]fold[}]-speeds/ { print folder }' "$plan" | sort -u
}

# prepare_speeds FOLD: the training set at other speeds, as more speakers
prepare_speeds() {
  local folders folder
  folders=$(features_at_speeds)
  [[ -n "$folders" ]] || return 0
  call svtok disturb --data "data/fold$1/train" --out "data/fold$1-speeds/train" --side all --set "speeds=[0.9,1.1]" \
    ${jobs:+--jobs "$jobs"}
  for folder in $folders; do extract_features "$1-speeds" "$folder" train; done
}

# The public encoders whose embeddings the plan asks for.
encoders() {
  sed -nE 's/^([^#]*[ {,])?embeddings: ([a-z]+).*/\2/p' "$plan" | sort -u
}

# encode FOLD ENCODER
encode() {
  local part
  for part in train dev eval; do
    call svtok extract-embeddings --encoder "$2" --data "data/fold$1/$part" --out "$2/fold$1/$part" --device "$device"
  done
}

extract_phonetic_features() {
  local fold=$1 part
  call svtok train-phonetic --data "data/fold$fold/train" --features "feats/fold$fold/train" --dev "data/fold$fold/dev" \
    --dev-features "feats/fold$fold/dev" "${phonetic_options[@]}" --out "phonetic/fold$fold" --device "$device" --anew
  for part in train dev eval; do
    call_together extract-features "data/fold$fold/$part" --config "$features_config" \
      --phonetic "phonetic/fold$fold" --out "feats-phonetic/fold$fold/$part" ${jobs:+--jobs "$jobs"}
  done
}

print_table() {
  local options=() system
  for system in $against; do options+=(--against "$system"); done
  call svtok ablation-table "$results" --plan "$plan" --folds "$folds" --seeds "$seeds" --systems "$systems" \
    "${options[@]+"${options[@]}"}" --markdown exp/ablation.md
}

run_ablation() {
  local fold name failed=0
  work=$(absolute "$work") root=$(absolute "$root") plan=$(absolute "$plan") results=$(absolute "$results")
  features_config=$(absolute "$features_config")
  finished=false # an exit status does not say so: it is 0 in the trap of a killed shell
  trap finish EXIT
  check_corpus
  mkdir -p "$work"
  cd "$work"
  for fold in $folds; do
    prepare_fold "$fold"
    for name in feats $(further_features); do extract_features "$fold" "$name" train dev eval; done
    prepare_speeds "$fold"
    for name in $(encoders); do encode "$fold" "$name"; done
    if grep -q '^[^#]*features: feats-phonetic' "$plan"; then extract_phonetic_features "$fold"; fi
  done
  call_together ablate "$plan" --work . --results "$results" --folds "$folds" --seeds "$seeds" --systems "$systems" \
    ${jobs:+--jobs "$jobs"} --device "$device" || failed=$?
  if [[ "$failed" -le 1 && -e "$results" ]]; then print_table; fi
  [[ "$failed" -eq 0 ]] || exit "$failed"
  finished=true
}

invocation="bash ${here#"$top"/}/ablation.sh$(printf ' %q' "$@")"
# shellcheck source=../bin/parse_options.sh
. "$top/bin/parse_options.sh" "$@"
folds=${folds//,/ } seeds=${seeds//,/ } systems=${systems//,/ } against=${against//,/ }
[[ ${#arguments[@]} -eq 0 ]] || fail "unexpected argument '${arguments[0]}' (--help lists the options)"
check_nproc
log "$invocation"
run_ablation
