ENCODERS = ("resemblyzer",)
"""Public speaker encoders, which others trained (`svtok.trained.encoders`)."""
