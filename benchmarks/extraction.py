"""Embeddings on one thread: from features, and from audio files, against one utterance at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from benchmarks import on_one_thread
from benchmarks.sidebyside import Comparison, compare, rounds_option, show
from benchmarks.table import Row

if TYPE_CHECKING:
    import torch


@click.command("extraction")
@click.option("--full/--quick", default=True, show_default=True, help="quick: tiny sizes, to try it out.")
@rounds_option(5)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def extraction(full: bool, rounds: int, json_file: Path | None) -> None:
    """Embeddings of features by a class token and by ECAPA-TDNN, and of audio files, on one thread.

    \b
    Example:
      python -m benchmarks extraction --json extraction.json
    """
    on_one_thread()
    show(list(_comparisons(rounds, full=full)), unit="utterance", per=1, json_file=json_file)


def rows() -> Iterator[Row]:
    """For the table."""
    for found in _comparisons(3, full=True):
        ours, theirs = 1e3 * found.our_seconds, 1e3 * found.peer_seconds
        goal = 2.0 if found.what.startswith("audio") else 3.5
        yield Row(found.what, found.peer, found.ratio, goal, f"{ours:.1f} ms a clip beside {theirs:.1f}")


def _comparisons(rounds: int, *, full: bool) -> Iterator[Comparison]:
    import torch

    from benchmarks.networks import NO_BF16, SPEECHBRAIN, has_bf16

    if hasattr(os, "sched_setaffinity"):  # one process of svtok's, too
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    utterances, frames = (32, 300) if full else (3, 20)
    for layers in (2, 4):
        yield class_token(layers, utterances, frames, rounds)
    if not has_bf16():
        click.echo(f"in bf16: {NO_BF16}", err=True)
    try:
        with TemporaryDirectory() as folder:
            yield files(Path(folder), utterances, 3.0 if full else 0.3, 512 if full else 16, rounds)
    except ImportError:
        click.echo(f"ECAPA-TDNN beside SpeechBrain's: not measured: {SPEECHBRAIN}", err=True)


def class_token(
    layers: int,
    utterances: int,
    frames: int,
    rounds: int,
    *,
    dim: int = 256,
    peers: int | None = None,
    device: torch.device | None = None,
    bf16: bool = False,
) -> Comparison:
    """A class token's embeddings in batches, beside nn.TransformerEncoder in fp32 one by one; seconds an utterance.

    The peer reads only so many of the utterances as `peers` says.
    """
    from contextlib import nullcontext

    import numpy as np
    import torch

    from benchmarks.networks import BANDS, ClassToken
    from svtok.trained.inference import compute_all

    random = np.random.default_rng(0)
    store = _Memory(random.standard_normal((utterances, frames, BANDS)).astype(np.float32))
    names = [str(number) for number in range(utterances)]
    where = device or torch.device("cpu")
    theirs, ours = (ClassToken(layers, ours=own, dim=dim).eval().to(where) for own in (False, True))

    def one_by_one() -> None:
        with torch.inference_mode():
            for name in names[:peers]:
                theirs.embed(torch.from_numpy(store[name])[None].to(where), torch.tensor([frames], device=where)).cpu()

    def in_batches() -> None:
        with torch.autocast(where.type, torch.bfloat16) if bf16 else nullcontext():
            compute_all(ours.embed, ours, store, names, where)  # type: ignore[arg-type]

    return compare(
        f"features to embeddings, {layers} layers, {'bf16' if bf16 else 'fp32'}",
        "nn.TransformerEncoder one by one, all rows, fp32",
        theirs=one_by_one,
        ours=in_batches,
        rounds=rounds,
        items=(peers or utterances, utterances),
    )


class _Memory:
    """Features (N, T, F) by number."""

    def __init__(self, features: object) -> None:
        import numpy as np

        self.features = np.asarray(features)

    def frames(self, _: str) -> int:
        return int(self.features.shape[1])

    def __getitem__(self, name: str) -> object:
        return self.features[int(name)]


def files(folder: Path, utterances: int, seconds: float, channels: int, rounds: int) -> Comparison:
    """Audio files to embeddings by ECAPA-TDNN, all that `svtok extract-embeddings` does, beside a loop over the files.

    The loop reads with soundfile, computes torchaudio's Kaldi filter bank, takes the mean away and asks SpeechBrain's
    ECAPA-TDNN of the same size, a file at a time, as its and WeSpeaker's do. Seconds a file.
    """
    import numpy as np
    import pandas as pd
    import soundfile
    import torch

    from benchmarks.networks import BANDS, OurEcapa, speechbrain_ecapa
    from svtok.audio.torchaudio_guard import import_torchaudio
    from svtok.embeddings.extract import extract_embeddings
    from svtok.features.config import FeaturesConfig
    from svtok.manifest.sets import PreparedSet, write_set
    from svtok.trained.classes import ClassList
    from svtok.trained.config import Config
    from svtok.trained.folder import write_settings, write_weights

    theirs = speechbrain_ecapa(channels).eval()
    random = np.random.default_rng(0)
    paths = [folder / f"{number:03d}.wav" for number in range(utterances)]
    for path in paths:
        soundfile.write(path, 0.1 * random.standard_normal(round(seconds * 16000)), 16000)
    table = {"utt": [path.stem for path in paths], "path": list(map(str, paths)), "spk": "a", "phrase": "b"}
    write_set(PreparedSet(pd.DataFrame(table)), folder / "data")
    ours, features = OurEcapa(channels).network, FeaturesConfig(bands=(BANDS,), normalise="mean")
    config = Config(features=features, network=ours.config)
    trained = folder / "network"
    trained.mkdir()
    write_settings(trained, config, ClassList(tuple((str(number), "") for number in range(100))), {})
    write_weights(trained, ours.state_dict())
    kaldi = import_torchaudio().compliance.kaldi

    def one_by_one() -> None:
        vectors = []
        with torch.inference_mode():
            for path in paths:
                wave, _ = soundfile.read(path, dtype="float32")
                frames = kaldi.fbank(torch.from_numpy(wave)[None] * 32768, num_mel_bins=BANDS)
                vectors.append(theirs((frames - frames.mean(dim=0))[None])[0, 0].numpy())
        np.save(folder / "theirs.npy", np.stack(vectors))

    return compare(
        "audio files to embeddings, ECAPA-TDNN, fp32",
        "SpeechBrain's, a file at a time",
        theirs=one_by_one,
        ours=lambda: extract_embeddings(trained, folder / "data", None, folder / "ours", torch.device("cpu")),
        rounds=rounds,
        items=(utterances, utterances),
    )
