"""Features of single utterances on one thread, against torchaudio.compliance.kaldi."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.sidebyside import compare, show


@click.command("features")
@click.option("--seconds", default=3.0, show_default=True, help="Length of an utterance.")
@click.option("--utterances", default=16, show_default=True, help="Utterances a round, one after the other.")
@click.option("--rounds", default=15, show_default=True, help="Rounds; the medians over them are printed.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def features(seconds: float, utterances: int, rounds: int, json_file: Path | None) -> None:
    """Filter banks and MFCC against torchaudio's Kaldi ones, on one thread.

    \b
    Example:
      python -m benchmarks features --rounds 30 --json features.json
    """
    import numpy as np
    import torch

    from svtok.audio.torchaudio_guard import import_torchaudio
    from svtok.features.config import FeaturesConfig
    from svtok.features.spectral import spectral_features

    torch.set_num_threads(1)
    kaldi = import_torchaudio().compliance.kaldi
    noise = np.random.default_rng(0).normal(scale=0.1, size=(utterances, round(seconds * 16000)))
    waves = list(noise.astype(np.float32))
    tensors = [torch.from_numpy(wave)[None] * 32768 for wave in waves]
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
    ]
    frames = utterances * len(spectral_features(waves[0], fbank).features)
    show(comparisons, unit="frame", per=frames, json_file=json_file)
