"""Reading clips from a packed set, against soundfile a file at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.sidebyside import COUNT, Comparison, compare, rounds_option, show
from benchmarks.table import Row


@click.command("reading")
@click.option("--seconds", default=3.0, show_default=True, help="Length of a clip.")
@click.option("--clips", default=300, show_default=True, type=COUNT, help="Clips a round, in random order.")
@rounds_option(15)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def reading(seconds: float, clips: int, rounds: int, json_file: Path | None) -> None:
    """Clips as float32 from a packed set, each by `read_audio` with its part of the file, against `soundfile.read` of a
    WAV file of 16 bits each; all files are in the system's cache.

    \b
    Example:
      python -m benchmarks reading --rounds 30 --json reading.json
    """
    show([compare_reading(seconds, clips, rounds)], unit="clip", per=clips, json_file=json_file)


def compare_reading(seconds: float, clips: int, rounds: int) -> Comparison:
    """The times of so many clips."""
    import numpy as np
    import pandas as pd
    import soundfile

    from svtok.features.extract import utterances_of
    from svtok.features.pack import pack
    from svtok.manifest.sets import PreparedSet, read_set, write_set

    random, rate = np.random.default_rng(0), 16000
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = [folder / f"{number}.wav" for number in range(clips)]
        for path in paths:
            soundfile.write(path, 0.1 * random.standard_normal(round(seconds * rate)), rate, subtype="PCM_16")
        utts = [path.stem for path in paths]
        table = pd.DataFrame({"utt": utts, "path": [str(path) for path in paths], "spk": "s", "phrase": "p"})
        write_set(PreparedSet(table), folder / "set")
        pack(read_set(folder / "set"), folder / "packed", sample_rate=rate, jobs=1)
        order = random.permutation(clips)
        packed = utterances_of(read_set(folder / "packed"))
        files = [str(path) for path in paths]

        def theirs() -> None:
            for number in order:  # no clip is kept: memory that is new to a process takes longer to get than to fill
                soundfile.read(files[number], dtype="float32")

        def ours() -> None:
            for number in order:
                packed[number].read(rate, resample=False)

        peer = "soundfile.read, float32"
        return compare(f"a clip of {seconds:g} s", peer, theirs=theirs, ours=ours, rounds=rounds)


def rows() -> Iterator[Row]:
    """For the table."""
    clips = 300
    found = compare_reading(3.0, clips, 15)
    theirs, ours = (1e6 * seconds / clips for seconds in (found.peer_seconds, found.our_seconds))
    what = f"{ours:.0f} us beside {theirs:.0f}"
    yield Row("reading clips of 3 s, packed", "soundfile, a file at a time", found.ratio, 3, what)
