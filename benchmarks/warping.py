"""Dynamic time warping on one thread against plain loops, and how its memory grows with the trials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks import on_one_thread
from benchmarks.sidebyside import COUNT, Comparison, compare, rounds_option, show
from benchmarks.table import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from svtok.manifest.sets import PreparedSet

DIM, TAKES, MODELS = 60, 3, 20
SECONDS = (1, 3)
FRAMES_A_SECOND = 100
PEER_TRIALS = 10


class Stored:
    """Random frames (T, DIM) in memory, of lengths within a fifth of `length`."""

    def __init__(self, utts: list[str], length: int) -> None:
        import numpy as np

        random = np.random.default_rng(0)
        self.utts = utts
        self.arrays = {
            utt: random.standard_normal((random.integers(4 * length // 5, 6 * length // 5), DIM), np.float32)
            for utt in utts
        }

    def frames(self, name: str) -> int:
        """How many frames an utterance has."""
        return len(self.arrays[name])

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.arrays[name]


def trials_of(count: int) -> PreparedSet:
    """So many trials of MODELS models, each of TAKES takes, model after model."""
    import numpy as np
    import pandas as pd

    from svtok.manifest.sets import PreparedSet

    names = [f"m{number}" for number in range(MODELS)]
    models = pd.DataFrame(
        {"model": names, "utts": [" ".join(f"{name}-{take}" for take in range(TAKES)) for name in names]}
    )
    tests = [f"t{number}" for number in range(-(-count // MODELS))]
    pairs = {"model": np.repeat(names, len(tests))[:count], "utt": np.tile(tests, MODELS)[:count]}
    return PreparedSet(pd.DataFrame({"utt": tests}), models, pd.DataFrame(pairs))


def utts_of(prepared: PreparedSet) -> list[str]:
    """The utterances of the models and tests of such a set."""
    models, trials = prepared.protocol()
    return [utt for utts in models["utts"] for utt in utts.split()] + sorted(set(trials["utt"]))


def by_loops(prepared: PreparedSet, frames: Stored) -> NDArray[np.float32]:
    """The scores of `svtok.scoring.warping.score_by_warping`, trial after trial and cell after cell."""
    import numpy as np

    def cost(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
        first, second = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (first, second))
        costs = (1 - first @ second.T).tolist()
        last: list[float] = []
        for i, row in enumerate(costs):
            now: list[float] = []
            for j, here in enumerate(row):
                ways = [2 * here] if i == j == 0 else []
                if i:
                    ways.append(last[j] + here)
                if j:
                    ways.append(now[j - 1] + here)
                if i and j:
                    ways.append(last[j - 1] + 2 * here)
                now.append(min(ways))
            last = now
        return last[-1] / (len(first) + len(second))

    models, trials = prepared.protocol()
    takes = {model: utts.split() for model, utts in zip(models["model"], models["utts"], strict=True)}
    pairs = zip(trials["model"], trials["utt"], strict=True)
    return np.array(
        [-np.mean([cost(frames[take], frames[utt]) for take in takes[model]]) for model, utt in pairs], np.float32
    )


def peak_mb(prepared: PreparedSet, frames: Stored) -> float:
    """The most that scoring a set holds at once beside the frames."""
    import tracemalloc

    from svtok.scoring.warping import score_by_warping

    tracemalloc.start()
    score_by_warping(prepared, frames)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


@click.command("warping")
@rounds_option(5)
@click.option("--trials", default=2000, show_default=True, type=COUNT, help="Trials of a round, each of three takes.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def warping(rounds: int, trials: int, json_file: Path | None) -> None:
    """The time of a trial by dynamic time warping against plain loops, on one thread, and the memory of many trials.

    \b
    Example:
      python -m benchmarks warping --json warping.json
    """
    on_one_thread()
    show([_comparison(seconds, trials, rounds) for seconds in SECONDS], unit="trial", per=1, json_file=json_file)
    for count in (trials, 4 * trials):
        prepared = trials_of(count)
        frames = Stored(utts_of(prepared), FRAMES_A_SECOND)
        click.echo(
            f"{count} trials of {TAKES} takes of 1 s: at most {peak_mb(prepared, frames):.0f} MB beside the frames"
        )


def rows() -> Iterator[Row]:
    """For the table."""
    on_one_thread()
    for seconds in SECONDS:
        found = _comparison(seconds, 1000, 3)
        theirs, ours = 1e3 * found.peer_seconds, 1e3 * found.our_seconds
        yield Row(f"warping, {found.what}", found.peer, found.ratio, 1, f"{ours:.3g} ms a trial beside {theirs:.3g}")


def _comparison(seconds: int, trials: int, rounds: int) -> Comparison:
    """The times of a trial on both sides: of so many trials of one second, or of fewer that are longer."""
    from svtok.scoring.warping import score_by_warping

    count = trials // seconds**2
    prepared, few = trials_of(count), trials_of(PEER_TRIALS)
    frames = Stored(sorted({*utts_of(prepared), *utts_of(few)}), seconds * FRAMES_A_SECOND)
    return compare(
        f"{TAKES} takes, {seconds} s each",
        "loops over trials and cells",
        theirs=lambda: by_loops(few, frames),
        ours=lambda: score_by_warping(prepared, frames),
        rounds=rounds,
        items=(PEER_TRIALS, count),
    )
