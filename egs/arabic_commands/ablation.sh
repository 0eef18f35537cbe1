#!/usr/bin/env bash
# All systems of conf/ablation.plan.yaml on five folds of Arabic Speech Commands, each speaker evaluated once.
#   bash egs/arabic_commands/ablation.sh --root DIR
root=
folds="1 2 3 4 5"
phonetic_options=(--text-from phrase --lexicon "$(cd "$(dirname "$0")" && pwd)/conf/lexicon.txt")
recipe_options=
recipe_help="Arabic Speech Commands: the speakers of fold K of 5 are evaluated, those of the next one are the dev set.

  --root DIR                  the corpus, which holds dataset/"

check_corpus() {
  [[ -d "$root/dataset" ]] || fail "--root '$root' holds no dataset/; see egs/arabic_commands/run.sh"
}

prepare_fold() {
  call svtok prepare arabic-commands --root "$root" --out "data/fold$1" --folds 5 --fold "$1" ${jobs:+--jobs "$jobs"}
}

# shellcheck source=../ablation.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ablation.sh" "$@"
