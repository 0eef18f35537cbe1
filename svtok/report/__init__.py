FORMAT = 3
"""Of what svtok evaluate writes: raised where the same inputs come to give something else, and only then."""
