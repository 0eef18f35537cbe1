"""A training epoch that augments packed recordings as it reads them, against one that reads stored features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from benchmarks import on_one_thread
from benchmarks.sidebyside import COUNT, Comparison, compare, rounds_option, show
from benchmarks.table import Row

if TYPE_CHECKING:
    import torch

    from svtok.features.store import Source
    from svtok.training.loop import Trainer

SECONDS = (2.0, 4.0)
SPEAKERS = 8
UTTERANCES = 48


@click.command("augmenting")
@click.option(
    "--utterances", default=UTTERANCES, show_default=True, type=COUNT, help="Utterances of an epoch, of 2 to 4 seconds."
)
@rounds_option(3)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a field of the configuration.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def augmenting(utterances: int, rounds: int, settings: tuple[str, ...], json_file: Path | None) -> None:
    """An epoch with training.waveform (packed recordings; noise, babble, rooms, lines, codecs and gain at their usual
    chances), against the same steps on stored features: network and batches of the usual size, one thread, no workers.

    \b
    Example:
      python -m benchmarks augmenting --set training.workers=1 --json augmenting.json
    """
    on_one_thread()
    show([compare_epochs(utterances, rounds, settings)], unit="utterance", per=utterances, json_file=json_file)


def compare_epochs(utterances: int, rounds: int, settings: tuple[str, ...] = ()) -> Comparison:
    """The times of an epoch of so many utterances."""
    import torch

    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch, ExitStack() as stack:
        source = make_source(Path(scratch), utterances)
        stored, augmented = (
            make_trainer(source, Path(scratch) / name, settings, stack, augment=name == "augmented")
            for name in ("stored", "augmented")
        )
        what = "an epoch, augmented as it is read"
        theirs, ours = lambda: steps(stored), lambda: steps(augmented)
        return compare(what, "stored features", theirs=theirs, ours=ours, rounds=rounds)


def make_source(folder: Path, count: int, distinct: int | None = None) -> Source:
    """A packed set of so many utterances, and its features; only so many of the recordings differ."""
    import numpy as np
    import pandas as pd
    import soundfile

    from svtok.features.config import FeaturesConfig
    from svtok.features.extract import extract_features
    from svtok.features.pack import pack
    from svtok.features.store import open_source
    from svtok.manifest.sets import PreparedSet, read_set, write_set
    from svtok.parallel import default_jobs

    random, rate, rows = np.random.default_rng(0), 16000, []
    (folder / "noise").mkdir()
    soundfile.write(folder / "noise/noise.wav", 0.1 * random.standard_normal(60 * rate), rate)
    for number in range(distinct or count):
        times = np.arange(round(random.uniform(*SECONDS) * rate)) / rate
        voice = sum(np.sin(2 * np.pi * (100 + 10 * (number % SPEAKERS)) * k * times) / k for k in range(1, 20))
        wave = 0.1 * voice * np.sin(4 * times) ** 2 + 1e-3 * random.standard_normal(len(times))
        soundfile.write(folder / f"{number:04d}.wav", wave, rate)
    for number in range(count):
        file = folder / f"{number % (distinct or count):04d}.wav"
        rows.append((f"{number:06d}", str(file), f"s{number % SPEAKERS}", "phrase"))
    table = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"])
    write_set(PreparedSet(table), folder / "set")
    jobs = default_jobs() if distinct else 1
    pack(read_set(folder / "set"), folder / "data/packed/train", sample_rate=rate, jobs=jobs)
    extract_features(read_set(folder / "data/packed/train"), FeaturesConfig(), folder / "feats/packed/train", jobs=jobs)
    return open_source(folder / "data/packed/train", None)


def make_trainer(
    source: Source,
    out: Path,
    settings: tuple[str, ...],
    stack: ExitStack,
    device: torch.device | None = None,
    *,
    augment: bool,
) -> Trainer:
    """What trains a network of the usual size on stored features, or on recordings that it augments."""
    import torch

    from svtok.nets.network import Network
    from svtok.trained.classes import ClassList
    from svtok.trained.config import Config, read_config
    from svtok.training.data import TrainingUtterances, make_loader
    from svtok.training.loop import Trainer
    from svtok.training.objectives import Classification, Networks
    from svtok.training.resuming import settled_precision
    from svtok.training.waveforms import decoded

    device = device or torch.device("cpu")
    noise = source.prepared.folder.parents[2] / "noise" if source.prepared.folder else out
    config = read_config(None, [*settings, *([f"training.waveform={{noise: {noise}}}"] if augment else [])])
    training = settled_precision(config.training, out, Config, device)
    recordings, waveforms = source.prepared, None
    if training.waveform:
        waveforms = stack.enter_context(decoded(recordings, source.store.config, training.waveform, out, jobs=1))
    classes = ClassList.of(recordings.utterances, training.classes, 2)
    labels, utts = classes.labels(recordings.utterances, training.classes), recordings.utterances["utt"].tolist()
    torch.manual_seed(0)
    networks = Networks(Network(config.network, source.store.dim, len(classes)), [], None)
    objective = Classification(config, classes.sizes)
    data = TrainingUtterances(source.store, utts, labels, training, 0, objective.views, waveforms)
    loader, sampler = make_loader(data, device)
    return Trainer(
        trained=objective.trained(networks),
        loss=lambda batch, done: objective(networks, batch, done),
        loader=loader,
        sampler=sampler,
        config=training,
        device=device,
        measure=lambda: None,
        save=lambda state: None,
        log=lambda row: None,
    )


def steps(trainer: Trainer) -> None:
    """The steps of an epoch."""
    for module in trainer.trained.values():
        module.train()
    whole = trainer.sampler.batches()
    for number, batch in enumerate(trainer.loader):
        _: Any = trainer._step(number, len(trainer.sampler), [batch], whole[number : number + 1])


def rows() -> Iterator[Row]:
    """For the table."""
    found = compare_epochs(UTTERANCES, 3)
    theirs, ours = (1e3 * seconds / UTTERANCES for seconds in (found.peer_seconds, found.our_seconds))
    what = f"{ours:.1f} ms an utterance beside {theirs:.1f}"
    yield Row("an epoch that augments packed audio", "the same from stored features", found.ratio, 0.85, what)
