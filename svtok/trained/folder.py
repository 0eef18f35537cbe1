"""A trained network on disk: config.yaml, classes.tsv, network.safetensors; training.jsonl says how it went.

`network.safetensors` is written last: a folder without it is of a training that has not ended.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

import svtok
from svtok.config import load_yaml, validated, write_yaml
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.files import sha256_of_files, writing_file
from svtok.nets.network import FEATURES, Network
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.inference import as_recording, refuse_too_long

if TYPE_CHECKING:
    import pandas as pd

    from svtok.trained.embed import Recorded
    from svtok.trained.phones import PhoneticEmbedder

Tree = TypeVar("Tree", bound=BaseModel)
Module = TypeVar("Module", bound=nn.Module)

TEACHER = "teacher"
"""The folder, within a student's, of a teacher that was trained beside it."""

CONFIG, CLASSES, WEIGHTS, LOG = "config.yaml", "classes.tsv", "network.safetensors", "training.jsonl"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network and what it was trained with. `hash` is the SHA-256 of its weights' file, `folder` where that lies.

    It may be used by several threads at once.

    Example:
        >>> network = svtok.load_network("exp/cls")  # doctest: +SKIP
        >>> network.embed("anna.wav").shape  # doctest: +SKIP
        (256,)
        >>> network.embed(["anna.wav", (samples, 16000)]).shape  # doctest: +SKIP
        (2, 256)
    """

    network: Network
    config: Config
    features: FeaturesConfig
    classes: ClassList
    hash: str
    folder: Path | None = None

    def embed(self, recordings: Recorded | Sequence[Recorded], *, channel: str | None = None) -> NDArray[np.float32]:
        """The embedding (D,) of a recording, or the embeddings (N, D) of a list of them, in its order.

        Args:
            recordings: an audio file of at most a minute; or a pair of samples (N,), floating-point in [-1, 1] or
                integers, and their rate in Hz; or a list of such.
            channel: one of `svtok.audio.CHANNELS`, for files of several channels.

        Raises:
            ProblemsError: with every recording that cannot be read, has several channels, is too short or too long, or
                has another rate than the network's features, where these do not resample.
            SvtokError: the list is empty, or a recording is longer than the network can read.
        """
        from svtok.trained.embed import embed_recordings

        return embed_recordings(self, recordings, channel)

    @property
    def layers(self) -> Sequence[int]:
        """The layers of its encoder, whose states it gives; 0 is the front-end, FEATURES what that reads."""
        return range(FEATURES, self.network.config.layers + 1)

    @cached_property
    def phonetic(self) -> PhoneticEmbedder | None:
        """What computes the phonetic columns of the features, if they have some. Raises SvtokError as it is read."""
        from svtok.features.store import PHONETIC
        from svtok.trained.phones import stored_embedder

        if self.features.phonetic and self.folder is None:
            raise SvtokError(
                f"the network's features have phonetic columns, and its folder, with {PHONETIC}, is not known"
            )
        return stored_embedder(self.folder, self.features) if self.folder is not None else None

    def hear(
        self, wave: NDArray[np.float32], layer: int, name: str = "the recording"
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The embedding (D,) of samples (N,) at the rate of the features, and the states (T', W) of their frames.

        Args:
            wave: in [-1, 1).
            layer: of the encoder, whose states are given.
            name: what errors call the samples.

        Raises:
            SvtokError: they are too short or too long, or have no voiced frame.
        """
        _, frames, lengths = as_recording(wave, self.features, self.phonetic, name)
        refuse_too_long(self.network, name, int(lengths[0]))
        with torch.inference_mode():
            embeddings, states, _ = self.network.embed_with_states(frames, lengths, layer)
        return embeddings[0].numpy(), states[0].numpy()


def write_settings(folder: Path, config: Config, classes: ClassList, about: dict[str, Any]) -> None:
    """Write config.yaml and classes.tsv.

    Args:
        folder: that of the network.
        config: all of its configuration.
        classes: in the order of the classifier's outputs.
        about: as for `write_config`.
    """
    write_config(folder, config, about)
    with writing_file(folder / CLASSES) as temporary:
        classes.write(temporary)


def write_config(folder: Path, config: BaseModel, about: dict[str, Any]) -> None:
    """Write config.yaml: the tree, and what `about` says of the run.

    Args:
        folder: that of the network.
        config: the tree.
        about: values that YAML can hold, kept in the section `run` beside the version of svtok.
    """
    tree = {**config.model_dump(mode="json"), "run": {"svtok": svtok.__version__, **about}}
    write_yaml(folder / CONFIG, tree)


def read_settings(folder: Path, kind: type[Tree]) -> tuple[Tree, dict[str, Any]]:
    """The configuration of a folder, of the kind given, and what it holds of its run.

    Raises SvtokError where there is none, ProblemsError where it is of another kind.
    """
    if not (folder / CONFIG).is_file():
        raise SvtokError(f"{folder}: not the folder of a network (it has no {CONFIG})")
    tree = load_yaml(folder / CONFIG)
    about = tree.pop("run", {})
    if not isinstance(about, dict):
        raise SvtokError(f"{folder / CONFIG}: damaged ('run' is {about!r}); train the network again")
    return validated(kind, tree, str(folder / CONFIG)), about


def write_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write network.safetensors, which marks the training as ended."""
    whole = save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    with writing_file(folder / WEIGHTS) as temporary:
        temporary.write_bytes(whole)


def weights_hash(folder: Path) -> str:
    """The SHA-256 (hex) of a network's weights, which is what its students name."""
    return sha256_of_files([folder / WEIGHTS])


def check_ended(folder: Path) -> None:
    """Raise SvtokError where the training in a folder has not ended."""
    if not (folder / WEIGHTS).is_file():
        raise SvtokError(f"{folder}: its training has not ended (no {WEIGHTS}); run it again")


def with_weights(make: Callable[[], Module], folder: Path) -> Module:
    """The network that `make` gives, with the weights of a folder, in evaluation mode.

    Whether they fit is seen before memory is taken for the network, of which a configuration may ask any size.

    Raises SvtokError where they are damaged or of another network, or where there can be no such network.
    """
    try:
        weights = load_file(folder / WEIGHTS)
        if (shapes := _without_values(make)) is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that nothing is copied
                shapes.load_state_dict(weights)
        network = make()
        network.load_state_dict(weights)
    except (SafetensorError, RuntimeError, ValueError, MemoryError) as error:
        raise SvtokError(
            f"{folder / WEIGHTS}: damaged, or not of this {CONFIG} ({error}); train the network again, or copy its "
            "folder once more"
        ) from None
    return network.eval()


def _without_values(make: Callable[[], Module]) -> Module | None:
    """The network with shapes alone, which take no memory; None where one of its parts cannot be made so."""
    try:
        with torch.device("meta"):
            return make()
    except Exception:  # whatever a part raises: with values it may be made
        return None


def load_network(folder: str | Path) -> TrainedNetwork:
    """The network of a folder, in evaluation mode on the CPU.

    Raises SvtokError where the folder holds none, its training has not ended, or its files do not fit together.
    """
    folder = Path(folder)
    config, _ = read_settings(folder, Config)
    if config.features is None:
        raise SvtokError(f"{folder / CONFIG}: holds no features; train the network again")
    check_ended(folder)
    classes = ClassList.read(folder / CLASSES)
    sizes = config.features.dim, len(classes), config.features.phonetic_dim
    factors = classes.factors
    network = with_weights(lambda: Network(config.network, *sizes, factors), folder)
    return TrainedNetwork(network, config, config.features, classes, weights_hash(folder), folder)


def read_training_log(folder: Path) -> pd.DataFrame:
    """The epochs of a network's folder: a row each, a float column for each value, NaN where an epoch has none.

    The training need not have ended. Raises SvtokError where there is no log or it holds no epoch, ProblemsError with
    every line that is not an object of numbers, `epoch` among them.
    """
    import pandas as pd

    path = folder / LOG
    if not path.is_file():
        raise SvtokError(f"{folder}: not the folder of a network that was trained (it has no {LOG})")
    rows, problems = [], []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict) and "epoch" in row and all(map(_is_number, row.values())):
            rows.append(row)
        else:
            what = "not an epoch: it must be a JSON object of numbers, 'epoch' among them"
            problems.append(Problem(what, path, number))
    raise_problems(problems)
    if not rows:
        raise SvtokError(f"{path}: holds no epoch yet; wait for the first to end")
    return pd.DataFrame(rows).astype(float)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
