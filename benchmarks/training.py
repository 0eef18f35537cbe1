"""A training step on one thread, and an epoch with its data path, against what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks import on_one_thread
from benchmarks.sidebyside import Comparison, compare, rounds_option, show
from benchmarks.table import Row

GOALS = {
    "step, 2 layers, fp32": 2.0,
    "step, 2 layers, bf16": 3.2,
    "step, 6 layers, fp32": 1.5,
    "step, 6 layers, bf16": 3.0,
    "step, ECAPA-TDNN, fp32": 1.8,
    "epoch of mixed lengths, 2 layers": 2.0,
}
"""How many times faster than its peer each is to be at least."""


@click.command("training")
@click.option("--full/--quick", default=True, show_default=True, help="quick: tiny sizes, to try it out.")
@rounds_option(5)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def training(full: bool, rounds: int, json_file: Path | None) -> None:
    """Training steps of the encoder and of ECAPA-TDNN, and an epoch of mixed lengths, on one thread.

    \b
    Example:
      python -m benchmarks training --json training.json
    """
    on_one_thread()
    show(list(_comparisons(rounds, full=full)), unit="utterance", per=1, json_file=json_file)


def rows() -> Iterator[Row]:
    """For the table."""
    for found in _comparisons(3, full=True):
        ours, theirs = 1e3 * found.our_seconds, 1e3 * found.peer_seconds
        yield Row(found.what, found.peer, found.ratio, GOALS[found.what], f"{ours:.0f} ms a clip beside {theirs:.0f}")


def _comparisons(rounds: int, *, full: bool) -> Iterator[Comparison]:
    import torch

    from benchmarks.networks import NO_BF16, SPEECHBRAIN, has_bf16

    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch, frames = (16, 250) if full else (2, 20)
    for layers in (2, 6):
        yield encoder_step(layers, batch, frames, rounds, bf16=False)
        if has_bf16():
            yield encoder_step(layers, batch, frames, rounds, bf16=True)
    if not has_bf16():
        click.echo(f"encoder in bf16: {NO_BF16}", err=True)
    try:
        yield ecapa_step(512 if full else 16, max(2, batch // 2), 200 if full else 20, rounds)
    except ImportError:
        click.echo(f"ECAPA-TDNN beside SpeechBrain's: not measured: {SPEECHBRAIN}", err=True)
    with TemporaryDirectory() as folder:
        yield epoch(Path(folder), 64 if full else 6, 305 if full else 30, rounds)


def encoder_step(layers: int, batch: int, frames: int, rounds: int, *, bf16: bool) -> Comparison:
    """The encoder, all utterances of one length, beside nn.TransformerEncoder in fp32; seconds an utterance."""
    import torch

    from benchmarks.networks import BANDS, CLASSES, ClassToken, Step

    data = torch.randn(batch, frames, BANDS), torch.full((batch,), frames), torch.randint(CLASSES, (batch,))
    theirs, ours = Step(ClassToken(layers, ours=False)), Step(ClassToken(layers, ours=True), bf16=bf16)
    return compare(
        f"step, {layers} layers, {'bf16' if bf16 else 'fp32'}",
        "nn.TransformerEncoder, fp32",
        theirs=lambda: theirs(*data),
        ours=lambda: ours(*data),
        rounds=rounds,
        items=(batch, batch),
    )


def ecapa_step(channels: int, batch: int, frames: int, rounds: int) -> Comparison:
    """ECAPA-TDNN beside SpeechBrain's, both in fp32; seconds an utterance."""
    import torch

    from benchmarks.networks import BANDS, CLASSES, OurEcapa, Step, TheirEcapa

    data = torch.randn(batch, frames, BANDS), torch.full((batch,), frames), torch.randint(CLASSES, (batch,))
    theirs, ours = Step(TheirEcapa(channels)), Step(OurEcapa(channels))
    return compare(
        "step, ECAPA-TDNN, fp32",
        "SpeechBrain's",
        theirs=lambda: theirs(*data),
        ours=lambda: ours(*data),
        rounds=rounds,
        items=(batch, batch),
    )


def epoch(folder: Path, utterances: int, mean_frames: int, rounds: int) -> Comparison:
    """Utterances of mixed lengths: sorted batches of 8 from the feature store, beside random ones of 16 from files.

    Both augment nothing; the peer's encoder is nn.TransformerEncoder, and padded. Seconds an utterance.
    """
    import numpy as np
    import torch
    from torch.utils.data import DataLoader

    from benchmarks.networks import BANDS, CLASSES, ClassToken, Step, has_bf16
    from svtok.features.config import FeaturesConfig
    from svtok.features.store import FeatureStore, write_features
    from svtok.trained.config import StepsConfig
    from svtok.training.data import TrainingUtterances, make_loader, pad

    random = np.random.default_rng(0)
    lengths = random.normal(mean_frames, 0.26 * mean_frames, utterances).clip(mean_frames / 3).astype(int)
    blocks = [random.standard_normal((frames, BANDS)).astype(np.float32) for frames in lengths]
    names = [f"{number:05d}" for number in range(utterances)]
    for name, block in zip(names, blocks, strict=True):
        np.save(folder / f"{name}.npy", block)
    feats = folder / "feats"
    feats.mkdir()
    write_features(feats, names, lengths.tolist(), blocks, config=FeaturesConfig(bands=(BANDS,)), fingerprint="")
    labels = random.integers(CLASSES, size=(utterances, 1))
    none = {"tempo": 0.0, "time_masks": 0, "dim_masks": 0, "erasings": 0}
    config = StepsConfig.model_validate({"batch_size": 8, "augment": none})
    loader, _ = make_loader(TrainingUtterances(FeatureStore.open(feats), names, labels, config, 0), torch.device("cpu"))

    def padded(numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        loaded = [np.load(folder / f"{names[number]}.npy") for number in numbers]
        return *pad(loaded), torch.from_numpy(labels[numbers, 0])

    usual: DataLoader[int] = DataLoader(
        list(range(utterances)),  # type: ignore[arg-type]
        batch_size=16,
        shuffle=True,
        collate_fn=padded,
    )
    theirs, ours = Step(ClassToken(2, ours=False)), Step(ClassToken(2, ours=True), bf16=has_bf16())

    def their_epoch() -> None:
        for data in usual:
            theirs(*data)

    def our_epoch() -> None:
        for batch in loader:
            ours(batch.frames, batch.lengths, batch.labels[:, 0])

    return compare(
        "epoch of mixed lengths, 2 layers",
        "random padded batches, nn.TransformerEncoder, fp32",
        theirs=their_epoch,
        ours=our_epoch,
        rounds=rounds,
        items=(utterances, utterances),
    )
