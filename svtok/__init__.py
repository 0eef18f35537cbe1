"""svtok: text-dependent speaker verification with class, sampled class and distillation tokens."""

__version__ = "0.1.0"
