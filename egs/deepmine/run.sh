#!/usr/bin/env bash
# DeepMine of the SdSV challenges 2020 and 2021, Task 1, from the licensed corpus or from a synthetic one.
#   bash egs/deepmine/run.sh --root /corpora/sdsv2020/task1      (or $DEEPMINE_ROOT)
#   bash egs/deepmine/run.sh --synthetic
root=${DEEPMINE_ROOT:-}
corpus=deepmine
test_set=dev
synthetic=false
synthesize_options=
corpus_seed=1
hold_out=
recipe_options="synthetic synthesize_options corpus_seed hold_out"
recipe_help="DeepMine (SdSV 2020 and 2021, Task 1): ten Persian and English phrases, from the licensed corpus or spoken by
espeak-ng. The keys of the challenge are secret, so a dev set of held-out training speakers is evaluated. For a
submission go on with --test-set eval --stop-stage 6, then svtok submit.

  --root DIR                   the corpus, which holds docs/ and wav/ (default: \$DEEPMINE_ROOT)
  --hold-out N                 training speakers to hold out for dev (83; 16 with --synthetic)
  --synthetic                  instead, synthesize a corpus in the same layout (needs the extra 'synth')
  --synthesize-options \"...\"   more options of svtok synthesize deepmine, such as \"--speakers 40\"
  --corpus-seed N              seed of the synthetic corpus, and of the held-out speakers ($corpus_seed)"

get_corpus() {
  if $synthetic; then
    # shellcheck disable=SC2086 # several options
    call svtok synthesize deepmine --anew --out data/synthetic --seed "$corpus_seed" \
      ${jobs:+--jobs "$jobs"} $synthesize_options
  elif [[ ! -d "$root" ]]; then
    fail "--root '$root' is no folder; name the corpus with --root or \$DEEPMINE_ROOT, or use --synthetic"
  fi
}

prepare_corpus() {
  if $synthetic; then root=data/synthetic hold_out=${hold_out:-16}; fi
  # shellcheck disable=SC2086 # several options
  call svtok prepare deepmine --root "$root" --out "data/$corpus" \
    --hold-out "${hold_out:-83}" --seed "$corpus_seed" ${jobs:+--jobs "$jobs"} $prepare_options
}

# shellcheck source=../recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh" "$@"
