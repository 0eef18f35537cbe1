FORMAT = 1
"""Of what svtok extract-embeddings writes: raised where the same inputs come to give something else, and only then."""
