FORMAT = 2
"""Of what svtok score, score-phrases, calibrate and fuse write: raised where the same inputs come to
give something else, and only then."""
