"""The response time of a verification, with the network loaded, beside SpeechBrain's or the plain road."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from benchmarks.sidebyside import COUNT, Comparison, compare, rounds_option, show
from benchmarks.table import Row

if TYPE_CHECKING:
    from svtok.verifier import Verifier

LIMIT = 0.05
"""Seconds for a file of 3 s."""


@click.command("verify")
@click.option("--network", type=click.Path(path_type=Path), help="Network with a scorer; default: that in the box.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of a recording.")
@click.option("--takes", default=3, show_default=True, type=COUNT, help="Enrolled takes.")
@rounds_option(15)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def verify(network: Path | None, seconds: float, takes: int, rounds: int, json_file: Path | None) -> None:
    """Verifier.verify of a file against an enrolled voice, on one thread: beside SpeechBrain's verify_files with ECAPA
    where that is installed, else beside the plain road, which embeds both files and takes their cosine.

    svtok looks at the quality of the recording, reads the store, and checks the phrase as well.

    \b
    Example:
      python -m benchmarks verify --rounds 30 --json verify.json
    """
    show([_comparison(network, seconds, takes, rounds)], unit="call", per=1, json_file=json_file)


def rows() -> Iterator[Row]:
    """For the table."""
    found = _comparison(None, 3.0, 3, 9)
    ours = f"{1e3 * found.our_seconds:.1f} ms"
    yield Row(found.what, found.peer, found.ratio, 1, f"{ours} beside {1e3 * found.peer_seconds:.0f}")
    yield Row(found.what, f"the limit of {1e3 * LIMIT:g} ms", LIMIT / found.our_seconds, 1, ours)


def _comparison(network: Path | None, seconds: float, takes: int, rounds: int) -> Comparison:
    """The times of a call on both sides."""
    import numpy as np
    import soundfile
    import torch

    from svtok.verifier import Verifier

    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        verifier = Verifier.load(network, store=folder / "voices.db")
        rate = verifier.trained.features.sample_rate
        random, times = np.random.default_rng(0), np.arange(round(seconds * rate)) / rate
        files = [folder / f"{number}.wav" for number in range(takes + 1)]
        for file in files:
            voice = sum(np.sin(2 * np.pi * 130 * k * times + random.uniform(0, 6)) / k for k in range(1, 20))
            soundfile.write(
                file, 0.1 * voice * np.sin(4 * times) ** 2 + 1e-3 * random.standard_normal(len(times)), rate
            )
        *enrolled, test = files
        verifier.enroll("speaker", "phrase", enrolled)
        peer, theirs = _peer(verifier, enrolled[0], test)
        ours = lambda: verifier.verify("speaker", test)  # noqa: E731
        return compare(f"verify {seconds:g} s, {takes} takes", peer, theirs=theirs, ours=ours, rounds=rounds)


def _peer(verifier: Verifier, enrolled: Path, test: Path) -> tuple[str, Callable[[], object]]:
    """What SpeechBrain's `verify_files` does: read both files, filter bank, mean away, embed, cosine.

    Its network has random weights of the published size, which nobody needs to fetch: the time is the same.
    """
    try:
        from benchmarks.networks import speechbrain_ecapa

        network = speechbrain_ecapa(1024).eval()
    except ImportError:
        return "embed both files, cosine", lambda: float(verifier.embed(enrolled) @ verifier.embed(test))
    import soundfile
    import torch

    from svtok.audio.torchaudio_guard import import_torchaudio

    kaldi = import_torchaudio().compliance.kaldi

    def embed(file: Path) -> torch.Tensor:
        wave, _ = soundfile.read(file, dtype="float32")
        frames = kaldi.fbank(torch.from_numpy(wave)[None] * 32768, num_mel_bins=80)
        vector: torch.Tensor = network((frames - frames.mean(dim=0))[None])[0, 0]
        return vector

    def verify_files() -> float:
        with torch.inference_mode():
            return float(torch.cosine_similarity(embed(enrolled), embed(test), dim=0))

    return "SpeechBrain's ECAPA-TDNN (1024), as verify_files", verify_files
