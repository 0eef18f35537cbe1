"""Synthetic corpora: speech of espeak-ng, altered into speakers, sessions and rooms, in the layout of real corpora."""
