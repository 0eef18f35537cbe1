"""Features of single utterances on one thread, against torchaudio.compliance.kaldi."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.sidebyside import COUNT, Comparison, compare, rounds_option, show
from benchmarks.table import Row


@click.command("features")
@click.option("--seconds", default=3.0, show_default=True, help="Length of an utterance.")
@click.option(
    "--utterances", default=16, show_default=True, type=COUNT, help="Utterances a round, one after the other."
)
@rounds_option(15)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def features(seconds: float, utterances: int, rounds: int, json_file: Path | None) -> None:
    """Filter banks and MFCC against torchaudio's Kaldi ones, on one thread.

    \b
    Example:
      python -m benchmarks features --rounds 30 --json features.json
    """
    comparisons, frames = compare_features(seconds, utterances, rounds)
    show(comparisons, unit="frame", per=frames, json_file=json_file)


def compare_features(seconds: float, utterances: int, rounds: int) -> tuple[list[Comparison], int]:
    """The times of so many utterances, and how many frames they have."""
    import numpy as np
    import torch

    from svtok.audio.torchaudio_guard import import_torchaudio
    from svtok.features.config import FeaturesConfig
    from svtok.features.spectral import spectral_features, with_deltas

    torch.set_num_threads(1)
    torchaudio = import_torchaudio()
    kaldi, deltas = torchaudio.compliance.kaldi, torchaudio.functional.compute_deltas
    noise = np.random.default_rng(0).normal(scale=0.1, size=(utterances, round(seconds * 16000)))
    waves = list(noise.astype(np.float32))
    tensors = [torch.from_numpy(wave)[None] * 32768 for wave in waves]

    def theirs_with_deltas(tensor: torch.Tensor) -> torch.Tensor:
        static = kaldi.mfcc(tensor, num_mel_bins=30, num_ceps=20).T  # (20, T)
        first = deltas(static)
        return torch.cat([static, first, deltas(first)]).T

    fbank, mfcc = FeaturesConfig(bands=(80,)), FeaturesConfig(kind="mfcc", bands=(30,))
    comparisons = [
        compare(
            "fbank, 80 bands",
            "torchaudio.compliance.kaldi.fbank",
            theirs=lambda: [kaldi.fbank(tensor, num_mel_bins=80) for tensor in tensors],
            ours=lambda: [spectral_features(wave, fbank) for wave in waves],
            rounds=rounds,
        ),
        compare(
            "MFCC, 20 of 30 bands",
            "torchaudio.compliance.kaldi.mfcc",
            theirs=lambda: [kaldi.mfcc(tensor, num_mel_bins=30, num_ceps=20) for tensor in tensors],
            ours=lambda: [spectral_features(wave, mfcc) for wave in waves],
            rounds=rounds,
        ),
        compare(
            "MFCC, 20 of 30 bands, deltas",
            "torchaudio.compliance.kaldi.mfcc, compute_deltas twice",
            theirs=lambda: [theirs_with_deltas(tensor) for tensor in tensors],
            ours=lambda: [with_deltas(spectral_features(wave, mfcc).features, 2) for wave in waves],
            rounds=rounds,
        ),
    ]
    return comparisons, utterances * len(spectral_features(waves[0], fbank).features)


def rows() -> Iterator[Row]:
    """For the table."""
    comparisons, frames = compare_features(3.0, 16, 15)
    for found, goal in zip(comparisons, (2.0, None, 3.0), strict=True):
        if goal is not None:
            theirs, ours = (1e6 * seconds / frames for seconds in (found.peer_seconds, found.our_seconds))
            yield Row(found.what, found.peer, found.ratio, goal, f"{ours:.2f} us a frame beside {theirs:.2f}")
