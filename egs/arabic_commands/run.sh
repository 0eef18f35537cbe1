#!/usr/bin/env bash
# Arabic Speech Commands: 30 speakers, 40 words, real speech, free for all (see `svtok prepare arabic-commands --help`).
#   bash egs/arabic_commands/run.sh --root DIR
corpus=arabic-commands
root=
recipe_options=
recipe_help="Arabic Speech Commands: real speech, 30 speakers, 40 command words, on the authors' speaker-disjoint split.

  --root DIR                   the corpus, which holds dataset/"

get_corpus() {
  [[ -d "$root/dataset" ]] || fail "--root '$root' holds no dataset/; get the corpus with" \
    "'git clone https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset DIR' and give --root DIR"
}

prepare_corpus() {
  # shellcheck disable=SC2086 # several options
  call svtok prepare arabic-commands --root "$root" --out "data/$corpus" \
    --seed "$seed" ${jobs:+--jobs "$jobs"} $prepare_options
}

# shellcheck source=../recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh" "$@"
