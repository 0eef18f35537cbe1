"""Features of utterances: Kaldi-compatible filter banks and MFCC, in stores that are read as they are used."""

FORMAT = "0.1.0"
"""Of the numbers: another one where what `svtok extract-features` computes changes, and only then. The first is the
version of svtok that stood in its place, so that features of that time are up to date still."""
