#!/usr/bin/env bash
# All systems of conf/ablation.plan.yaml on RSR2015: the licensed corpus as one fold, or synthetic corpora, one a fold.
#   bash egs/rsr2015/ablation.sh --synthetic
#   bash egs/rsr2015/ablation.sh --root /corpora/RSR2015 --folds 1
root=${RSR2015_ROOT:-}
folds="1 2 3"
part=2
synthetic=false
synthesize_options=
phonetic_options=(--language en)
recipe_options="part synthetic synthesize_options"
recipe_help="RSR2015: fixed phrases, from the licensed corpus or spoken by espeak-ng.

  --root DIR                  the corpus, which holds sph/ and key/ (default: \$RSR2015_ROOT); its split is --folds 1
  --part N                    1: sentences, 2: home-control commands, 3: strings of digits ($part)
  --synthetic                 instead, fold K is a synthetic corpus of its own, of corpus seed K (needs the extra 'synth')
  --synthesize-options \"...\"  more options of svtok synthesize rsr2015, such as \"--speakers 40\""

check_corpus() {
  if $synthetic; then return; fi
  [[ -d "$root" ]] || fail "--root '$root' is no folder; name the corpus with --root or \$RSR2015_ROOT, or use --synthetic"
  [[ "$folds" == 1 ]] || fail "RSR2015 has one split of its speakers: use --folds 1"
}

prepare_fold() {
  local corpus=$root
  if $synthetic; then
    corpus=data/synthetic$1
    # shellcheck disable=SC2086 # several options
    call svtok synthesize rsr2015 --anew --out "$corpus" --part "$part" --seed "$1" \
      ${jobs:+--jobs "$jobs"} $synthesize_options
  fi
  call svtok prepare rsr2015 --root "$corpus" --part "$part" --out "data/fold$1" ${jobs:+--jobs "$jobs"}
}

# shellcheck source=../ablation.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ablation.sh" "$@"
