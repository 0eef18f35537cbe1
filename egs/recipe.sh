# shellcheck shell=bash
# The stage runner of every recipe: `. recipe.sh "$@"` at the end of egs/*/run.sh, which says what differs:
#   corpus             the name of the prepared corpus: data/$corpus/{train,dev,eval}
#   root               the default of --root, the folder of the original corpus
#   recipe_options     the names of its own options (variables with their defaults), recipe_help what they mean
#   after_options      where it is there, what follows from the options, such as $corpus
#   get_corpus         stage 0
#   prepare_corpus     stage 1; writes data/$corpus with svtok prepare and $prepare_options
#   test_set           the default of --test-set, where it is not eval
# Everything is written under $work, by default the folder of run.sh: data/, feats/ and exp/.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

stage=0
stop_stage=7
work=$here
features_config=$here/conf/speech.yaml
config=$here/conf/train.yaml
systems="avg cls cls-sampled cls-sampled-dist"
teacher=cls-sampled
set=
backend=plda
nearest=18
prepare_options=
test_set=${test_set-eval}
seed=0
jobs=
at_once=1
nproc=1
device=
option_names="$recipe_options root stage stop_stage work features_config config systems teacher set"
option_names="$option_names backend nearest prepare_options test_set seed jobs at_once nproc device"
help_message="usage: bash $0 [options]

$recipe_help

Stages:
  0 get the corpus        3 train-teacher (the systems without a teacher)    6 score
  1 prepare               4 train-student                                    7 report
  2 extract-features      5 extract-embeddings
Each stage calls svtok, which does again what has changed in its configuration or in what it reads, and nothing else.
A network of other options in exp/ is trained anew, in its place.

Options of every recipe:
  --stage N, --stop-stage N    the first and the last stage to run ($stage, $stop_stage)
  --work DIR                   where data/, feats/ and exp/ are written (the recipe's folder)
  --systems NAMES,...          heads to train and compare ($systems)
  --teacher NAME               the system that teaches the students ($teacher)
  --config FILE                configuration of training (conf/train.yaml)
  --features-config FILE       configuration of features (conf/speech.yaml)
  --set \"KEY=VALUE ...\"        changes of the training configuration, such as training.epochs=5
  --backend plda|cosine        plda: of the training speakers' phrases, normalised by the nearest of these (AS-norm) ($backend)
  --nearest N                  how many are nearest ($nearest)
  --prepare-options \"...\"      more options of svtok prepare, see its --help
  --test-set dev|eval          the set whose trials are scored and evaluated ($test_set)
  --seed N                     seed of all that is random ($seed)
  --jobs N                     processes (as many as processors)
  --at-once N                  systems that are trained and scored at once, with a part of the processors each ($at_once)
  --nproc N                    processes that extract and train together, one a GPU, by torchrun ($nproc)
  --device NAME                cpu or cuda (cuda where there is one)
  --conf FILE                  shell assignments of these options
Recipes go from any folder: relative names on the command line are relative to the folder you are in."

# shellcheck source=steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

extract_features() {
  call_together extract-features --data "data/$corpus" --config "$features_config" ${jobs:+--jobs "$jobs"}
}

# train SYSTEM COMMAND [OPTION...]
train() {
  local system=$1 command=$2 setting
  shift 2
  for setting in $set; do
    set -- "$@" --set "$setting"
  done
  call_together "$command" --data "data/$corpus/train" --features "feats/$corpus/train" --dev "data/$corpus/dev" \
    --head "$system" --config "$config" --out "exp/$system" --seed "$seed" --anew ${device:+--device "$device"} "$@"
}

left= # systems that stage 4 trains beside the students

train_teachers() {
  local system alone= whole
  for system in $systems; do
    case "$system" in
      *-dist) ;;
      "$teacher") alone="$system $alone" ;;
      *) alone="$alone $system" ;;
    esac
  done
  # shellcheck disable=SC2086 # several names
  set -- $alone
  if [[ $# -gt "$at_once" && "$stop_stage" -gt 3 ]]; then # the last few alone would leave processors with nothing to do
    whole=$(($# / at_once * at_once))
    left=${*:whole + 1}
    set -- "${@:1:whole}"
  fi
  each train_system "$*"
}

train_students() {
  local system students=
  for system in $systems; do
    case "$system" in
      *-dist)
        [[ -e "exp/$teacher/network.safetensors" ]] || fail "$system needs its teacher: add $teacher to --systems and begin with --stage 3"
        students="$students $system"
        ;;
    esac
  done
  each train_system "$left $students"
}

train_system() {
  case "$1" in
    *-dist) train "$1" train-student --teacher "exp/$teacher" ;;
    "$teacher") train "$1" train-teacher ;;
    *) train "$1" train ;;
  esac
}

extract_embeddings() {
  local part
  for part in "$test_set" $of_training; do
    call_together extract-embeddings --network "exp/$1" --data "data/$corpus/$part" \
      --out "exp/$1/embeddings/$part" ${device:+--device "$device"}
  done
}

score() {
  local train=exp/$1/embeddings/train options=()
  if [[ -n "$of_training" ]]; then
    options=(--backend plda --shrinkage 0.02 --backend-train "$train" --backend-data "data/$corpus/train"
      --norm as-norm --top "$nearest" --cohort "$train" --cohort-data "data/$corpus/train" --cohort-of classes)
  fi
  call svtok score --embeddings "exp/$1/embeddings/$test_set" --data "data/$corpus/$test_set" \
    --out "exp/$1/scores$on_set.tsv" ${options[@]+"${options[@]}"}
}

evaluate() {
  call svtok evaluate --scores "exp/$1/scores$on_set.tsv" --data "data/$corpus/$test_set" \
    --json "exp/$1/evaluation$on_set.json" --det "exp/$1/det$on_set.png"
}

report() {
  local system evaluations=() folders=()
  each evaluate "$systems"
  for system in $systems; do
    evaluations+=("$system=exp/$system/evaluation$on_set.json")
    folders+=("exp/$system")
  done
  call svtok compare "${evaluations[@]}" --markdown "exp/results$on_set.md"
  {
    echo
    echo "Made by \`$invocation\` with seed $seed, $(svtok --version),"
    echo "commit $(git -C "$top" describe --always --dirty --abbrev=10 2>/dev/null || echo unknown)."
  } >>"exp/results$on_set.md"
  call svtok report "${folders[@]}" --data "data/$corpus/$test_set" --scores "scores$on_set.tsv" \
    --out "exp/report$on_set.html"
  log "to look at in a browser: $PWD/exp/report$on_set.html"
}

# each FUNCTION "NAME...": the function of each name, $at_once of them at a time
each() {
  local function=$1 name names=$2 processes wrong
  if [[ "$at_once" -eq 1 ]]; then
    for name in $names; do "$function" "$name"; done
    return
  fi
  processes=$(getconf _NPROCESSORS_ONLN)
  # shellcheck disable=SC2086 # several names
  set -- $names
  while [[ $# -gt 0 ]]; do
    running=() # process groups of their own, which "finish" of steps.sh ends where the recipe is stopped
    set -m
    for name in "${@:1:at_once}"; do
      beside "$function" "$name" $((processes / ($# < at_once ? $# : at_once))) &
      running+=($!)
    done
    set +m
    wrong=
    for name in "${running[@]}"; do wait "$name" || wrong=$name; done
    running=()
    [[ -z "$wrong" ]] || exit 1
    shift $(($# < at_once ? $# : at_once))
  done
}

# beside FUNCTION NAME THREADS: the function of one of several names; what it prints begins with the name
beside() {
  export OMP_NUM_THREADS=$(($3 > 1 ? $3 : 1))
  "$1" "$2" 2>&1 | while IFS= read -r line; do echo "$2: $line"; done >&2
}

run_stage() {
  local number=$1 what=$2
  shift 2
  if [[ "$stage" -le "$number" && "$stop_stage" -ge "$number" ]]; then
    log "stage $number: $what"
    "$@"
  fi
}

run_recipe() {
  check_nproc
  [[ "$nproc" -eq 1 || "$at_once" -eq 1 ]] || fail "--nproc and --at-once share the same processors: give one of them"
  [[ "$at_once" =~ ^[1-9][0-9]*$ ]] || fail "--at-once is a number of systems, from 1"
  [[ "$stage$stop_stage" =~ ^[0-9]+$ ]] || fail "--stage and --stop-stage are numbers from 0 to 7"
  work=$(absolute "$work") root=$(absolute "$root") config=$(absolute "$config") features_config=$(absolute "$features_config")
  case "$backend" in
    plda) of_training=train ;; # the set that the back-end is trained on
    cosine) of_training= ;;
    *) fail "--backend is plda or cosine, not '$backend'" ;;
  esac
  case "$test_set" in
    eval) on_set= ;; # what the names of results end with
    dev) on_set=-dev ;;
    *) fail "--test-set is dev or eval, not '$test_set'" ;;
  esac
  finished=false # an exit status does not say so: it is 0 in the trap of a killed shell
  trap finish EXIT
  mkdir -p "$work"
  cd "$work"
  run_stage 0 "get the corpus" get_corpus
  run_stage 1 "prepare" prepare_corpus
  run_stage 2 "extract-features" extract_features
  run_stage 3 "train-teacher" train_teachers
  run_stage 4 "train-student" train_students
  run_stage 5 "extract-embeddings" each extract_embeddings "$systems"
  run_stage 6 "score" each score "$systems"
  run_stage 7 "report" report
  finished=true
}

invocation="bash ${here#"$top"/}/run.sh$(printf ' %q' "$@")"
# shellcheck source=../bin/parse_options.sh
. "$top/bin/parse_options.sh" "$@"
systems=${systems//,/ }
[[ ${#arguments[@]} -eq 0 ]] || fail "unexpected argument '${arguments[0]}' (--help lists the options)"
log "$invocation"
if declare -F after_options >/dev/null; then after_options; fi
run_recipe
