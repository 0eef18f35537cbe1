"""Speed, side by side with a peer that does the same work: `python -m benchmarks NAME` from the checkout's root."""

import os


def on_one_thread() -> None:
    """Keep numpy's libraries to one thread; to be called before numpy is imported."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
