#!/usr/bin/env bash
# DeepMine of the TdSV Challenge 2024, Task 1, from the licensed corpus or from a synthetic one.
#   bash egs/tdsv2024/run.sh --root /corpora/tdsv2024/task1      (or $TDSV2024_ROOT)
#   bash egs/tdsv2024/run.sh --synthetic
root=${TDSV2024_ROOT:-}
corpus=tdsv2024
test_set=dev
synthetic=false
synthesize_options=
corpus_seed=1
recipe_options="synthetic synthesize_options corpus_seed"
recipe_help="DeepMine (TdSV 2024, Task 1): ten Persian and English phrases and free text, from the licensed corpus or spoken by
espeak-ng. The keys of eval are secret, so dev is evaluated. For a submission go on with --test-set eval --stop-stage 6,
then svtok submit.

  --root DIR                   the corpus, which holds docs/ and wav/ (default: \$TDSV2024_ROOT)
  --synthetic                  instead, synthesize a corpus in the same layout (needs the extra 'synth')
  --synthesize-options \"...\"   more options of svtok synthesize deepmine, such as \"--speakers 40\"
  --corpus-seed N              seed of the synthetic corpus, which --seed leaves as it is ($corpus_seed)"

get_corpus() {
  if $synthetic; then
    # shellcheck disable=SC2086 # several options
    call svtok synthesize deepmine --anew --layout tdsv2024 --out data/synthetic \
      --seed "$corpus_seed" ${jobs:+--jobs "$jobs"} $synthesize_options
  elif [[ ! -d "$root" ]]; then
    fail "--root '$root' is no folder; name the corpus with --root or \$TDSV2024_ROOT, or use --synthetic"
  fi
}

prepare_corpus() {
  if $synthetic; then root=data/synthetic; fi
  # shellcheck disable=SC2086 # several options
  call svtok prepare tdsv2024 --root "$root" --out "data/$corpus" ${jobs:+--jobs "$jobs"} $prepare_options
}

# shellcheck source=../recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh" "$@"
