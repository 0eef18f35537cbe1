#!/usr/bin/env bash
# RSR2015 Part II, from the licensed corpus or from a synthetic one in the same layout.
#   bash egs/rsr2015/run.sh --root /corpora/RSR2015        (or $RSR2015_ROOT)
#   bash egs/rsr2015/run.sh --synthetic
root=${RSR2015_ROOT:-}
part=2
corpus=rsr2015-part$part
synthetic=false
synthesize_options=
recipe_options="synthetic synthesize_options"
recipe_help="RSR2015 Part II: short commands, from the licensed corpus or spoken by espeak-ng.

  --root DIR                   the corpus, which holds sph/ and key/ (default: \$RSR2015_ROOT)
  --synthetic                  instead, synthesize a corpus in the same layout (needs the extra 'synth')
  --synthesize-options \"...\"   more options of svtok synthesize rsr2015, such as \"--speakers 40\""

get_corpus() {
  if $synthetic; then
    # shellcheck disable=SC2086 # several options
    step synthesize data/synthetic -- svtok synthesize rsr2015 --out data/synthetic --seed "$seed" \
      ${jobs:+--jobs "$jobs"} $synthesize_options
  elif [[ ! -d "$root" ]]; then
    fail "--root '$root' is no folder; name the corpus with --root or \$RSR2015_ROOT, or use --synthetic"
  fi
}

prepare_corpus() {
  if $synthetic; then root=data/synthetic; fi
  # shellcheck disable=SC2086 # several options
  step prepare "data/$corpus" "$root/" -- svtok prepare rsr2015 --root "$root" --part "$part" --out "data/$corpus" \
    ${jobs:+--jobs "$jobs"} $prepare_options
}

# shellcheck source=../recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh" "$@"
