#!/usr/bin/env bash
# RSR2015 Part I, II or III, from the licensed corpus or from a synthetic one in the same layout.
#   bash egs/rsr2015/run.sh --root /corpora/RSR2015        (or $RSR2015_ROOT)
#   bash egs/rsr2015/run.sh --synthetic --part 1 --work work/part1
root=${RSR2015_ROOT:-}
part=2
synthetic=false
synthesize_options=
corpus_seed=1
recipe_options="part synthetic synthesize_options corpus_seed"
recipe_help="RSR2015: fixed phrases, from the licensed corpus or spoken by espeak-ng.

  --root DIR                   the corpus, which holds sph/ and key/ (default: \$RSR2015_ROOT)
  --part N                     1: sentences, 2: home-control commands, 3: strings of digits ($part); give each a --work
  --synthetic                  instead, synthesize a corpus in the same layout (needs the extra 'synth')
  --synthesize-options \"...\"   more options of svtok synthesize rsr2015, such as \"--speakers 40\"
  --corpus-seed N              seed of the synthetic corpus, which --seed leaves as it is ($corpus_seed)"

after_options() {
  corpus=rsr2015-part$part
}

get_corpus() {
  if $synthetic; then
    # shellcheck disable=SC2086 # several options
    call svtok synthesize rsr2015 --anew --out data/synthetic --part "$part" \
      --seed "$corpus_seed" ${jobs:+--jobs "$jobs"} $synthesize_options
  elif [[ ! -d "$root" ]]; then
    fail "--root '$root' is no folder; name the corpus with --root or \$RSR2015_ROOT, or use --synthetic"
  fi
}

prepare_corpus() {
  if $synthetic; then root=data/synthetic; fi
  # shellcheck disable=SC2086 # several options
  call svtok prepare rsr2015 --root "$root" --part "$part" --out "data/$corpus" ${jobs:+--jobs "$jobs"} $prepare_options
}

# shellcheck source=../recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh" "$@"
