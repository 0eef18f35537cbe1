"""Audio files: decoding and synthesis of speech."""

CHANNELS = ("1", "2", "mean")
"""What of a recording of several channels may be read: the first, the second, or the mean of all."""
