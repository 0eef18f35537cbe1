"""Run a benchmark by its name."""

from svtok.cli.lazy import LazyCommand, LazyGroup

BENCHMARKS = {
    "features": LazyCommand(
        "benchmarks.features", "features", "Filter banks and MFCC against torchaudio's Kaldi ones."
    ),
    "scoring": LazyCommand(
        "benchmarks.scoring", "scoring", "Trials, cosines, scores, error rates and AS-norm, against what is usual."
    ),
    "warping": LazyCommand("benchmarks.warping", "warping", "Dynamic time warping, against plain loops."),
    "verify": LazyCommand("benchmarks.verify", "verify", "The response time of a verification, beside SpeechBrain's."),
}

if __name__ == "__main__":
    LazyGroup("benchmarks", lazy=BENCHMARKS, help=__doc__)(prog_name="python -m benchmarks")
