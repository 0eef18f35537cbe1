"""Training batches: utterances of about the same length, augmented, padded; the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from svtok.features.store import FeatureStore
from svtok.ranks import ALONE, Ranks
from svtok.trained.config import AugmentConfig, StepsConfig
from svtok.training.waveforms import Waveforms

View = Literal["augmented", "unerased", "clean"]
"""What a network may see of an utterance: all augmentation; all but the random erasing; none."""
AUGMENTED: tuple[View, ...] = ("augmented",)


def augment(
    features: np.ndarray,
    config: AugmentConfig,
    rng: np.random.Generator,
    phonetic_dim: int = 0,
    views: Collection[View] = AUGMENTED,
) -> dict[View, np.ndarray]:
    """Changed copies of the features of an utterance.

    Augmented and unerased ones have the same tempo, so the same T, which differs from that of `features`, and the same
    masks; what is drawn does not depend on which of them are asked for.

    Args:
        features: (T, F).
        config: what is done.
        rng: draws it.
        phonetic_dim: so many of the last columns have the tempo alone: they are not what was recorded.
        views: those asked for.

    Returns:
        (T', F) for each of the views; of `clean`, T' is T.
    """
    found: dict[View, np.ndarray] = {}
    if "augmented" in views or "unerased" in views:
        found["augmented"] = change_tempo(features, config.tempo, rng)
        if "unerased" in views:
            found["unerased"] = found["augmented"].copy()
        changed = [array[:, : features.shape[1] - phonetic_dim] for array in found.values()]
        for _ in range(config.erasings):
            if rng.random() < config.erase_probability:
                erase(changed[0], config.erase_area, rng)
        for _ in range(config.time_masks):
            mask_run(changed, config.time_mask_share, rng)
        for _ in range(config.dim_masks):
            mask_run([array.T for array in changed], config.dim_mask_share, rng)
    if "clean" in views:
        found["clean"] = np.array(features)
    return {name: array for name, array in found.items() if name in views}


def change_tempo(features: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Stretch or squeeze time by up to `most`, by linear interpolation between frames: (T, F) -> a new (T', F).

    Args:
        features: (T, F); they stay as they are.
        most: largest relative change of T, in [0, 1).
        rng: draws the change, uniform between -most and most; where `most` is 0, nothing is drawn.
    """
    frames = len(features)
    stretched = max(1, round(frames * (1 + rng.uniform(-most, most)))) if most else frames
    if stretched == frames:
        return features.copy()
    at = np.linspace(0, frames - 1, stretched)
    left = np.minimum(at.astype(np.int64), frames - 1)
    right = np.minimum(left + 1, frames - 1)
    share = (at - left).astype(features.dtype)[:, None]
    return np.asarray(features[left] * (1 - share) + features[right] * share)


def erase(features: np.ndarray, area: tuple[float, float], rng: np.random.Generator) -> None:
    """Fill a random rectangle of (T, F), in place, with noise of the utterance's mean and deviation.

    Random erasing of Zhong et al. (2020): area log-uniform between the two shares, aspect ratio between 0.3 and 1/0.3.

    Args:
        features: (T, F), changed in place.
        area: least and largest share of T * F, in (0, 1].
        rng: draws the rectangle and the noise.
    """
    frames, dims = features.shape
    size = frames * dims * np.exp(rng.uniform(np.log(area[0]), np.log(area[1])))
    aspect = np.exp(rng.uniform(np.log(0.3), -np.log(0.3)))
    height = int(np.clip(np.sqrt(size * aspect), 1, frames))
    width = int(np.clip(np.sqrt(size / aspect), 1, dims))
    top, left = rng.integers(frames - height + 1), rng.integers(dims - width + 1)
    noise = rng.standard_normal((height, width), dtype=np.float32)
    features[top : top + height, left : left + width] = features.mean() + features.std() * noise


def mask_run(views: Sequence[np.ndarray], most: float, rng: np.random.Generator) -> None:
    """Set a run of rows, up to the share `most`, to the mean, in place (SpecAugment, Park et al., 2019).

    The rows are the same ones in each of the views, which are of one shape; the mean is each view's own.

    Args:
        views: each (T, F), or (F, T) to mask dimensions; changed in place.
        most: largest share of the rows, in [0, 1].
        rng: draws the length of the run and where it begins.
    """
    rows = len(views[0])
    run = int(rng.integers(int(rows * most) + 1))
    start = rng.integers(rows - run + 1)
    for view in views:
        view[start : start + run] = view.mean()


WAVEFORM_DRAWS = 1
"""Ends the seed of what is done to a recording, so that it has draws of its own."""

Key = tuple[int, int]
"""What the loader asks for: the number of an utterance, and the epoch, which seeds its augmentation."""


@dataclass(frozen=True)
class StoredTeacher:
    """Embeddings that a student learns, made by anything: (N, D), a row for each of N names.

    `folder` is where they lie, or the first of them, for messages; `hash` is of the names and vectors.
    """

    folder: Path
    utts: Sequence[str]
    vectors: np.ndarray
    hash: str

    def goes_on_in(self, other: StoredTeacher) -> bool:
        """Whether another one may hold the same teacher's embeddings of other utterances."""
        return self.dim == other.dim and set(self.utts).isdisjoint(other.utts)

    def with_more(self, other: StoredTeacher) -> StoredTeacher:
        """This teacher's embeddings, and those in another one."""
        vectors, digest = np.concatenate([self.vectors, other.vectors]), f"{self.hash}+{other.hash}"
        return StoredTeacher(self.folder, [*self.utts, *other.utts], vectors, digest)

    @property
    def dim(self) -> int:
        """Dimension D."""
        return int(self.vectors.shape[1])

    def missing(self, utts: Sequence[str]) -> list[str]:
        """Those of the utterances that have no embedding, in their order."""
        known = set(self.utts)
        return [utt for utt in utts if utt not in known]

    def of(self, utts: Sequence[str]) -> np.ndarray:
        """Embeddings (len(utts), D) of utterances, none of which is missing."""
        rows = {utt: row for row, utt in enumerate(self.utts)}
        return np.asarray(self.vectors[[rows[utt] for utt in utts]], dtype=np.float32)


def centred(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, D) of length 1 less their mean, and of length 1 again.

    Encoders that end in a ReLU have a large mean (Resemblyzer's is 0.76 long), which their every embedding has in
    common: whoever learned that alone would be near all of them by the cosine, and know no speaker.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    apart = unit - unit.mean(axis=0)
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12), np.float32)


@dataclass
class Batch:
    """Frames (B, T, F), zero-padded, and lengths (B,) of each view that is asked for; labels (B, groups of classes).

    `stored` are the embeddings (B, D) by each stored teacher.
    """

    views: dict[View, tuple[Tensor, Tensor]]
    labels: Tensor
    stored: tuple[Tensor, ...] = ()

    @property
    def frames(self) -> Tensor:
        """Those with all augmentation."""
        return self.views["augmented"][0]

    @property
    def lengths(self) -> Tensor:
        """Of `frames`."""
        return self.views["augmented"][1]

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; from pinned memory the copy does not hold up what follows.

        Lengths stay where they are: to see which frames are real, nobody waits for a GPU.
        """
        moved = self._each(lambda tensor: tensor.to(device, non_blocking=True))
        return replace(moved, views={name: (moved.views[name][0], own[1]) for name, own in self.views.items()})

    def pin_memory(self) -> Batch:
        """The batch in memory that a GPU can read by itself; the loader calls this."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        views = {name: (change(frames), change(lengths)) for name, (frames, lengths) in self.views.items()}
        return Batch(views, change(self.labels), tuple(change(embeddings) for embeddings in self.stored))


Item = tuple[dict[View, np.ndarray], np.ndarray, tuple[np.ndarray, ...]]
"""The views of an utterance, its labels, and its embedding by each stored teacher, `centred` over the training set."""


class TrainingUtterances(Dataset[Item]):
    """Features and labels (groups,) of each utterance; its randomness is of (seed, epoch, number) alone.

    So an epoch is the same whichever process reads it, and a resumed run sees what an uninterrupted one would have.
    With `waveforms`, which number the utterances as `utts` and `labels` do, they are augmented as recordings before.
    """

    def __init__(
        self,
        store: FeatureStore,
        utts: Sequence[str],
        labels: np.ndarray,
        config: StepsConfig,
        seed: int,
        views: Collection[View] = AUGMENTED,
        waveforms: Waveforms | None = None,
        stored: Sequence[StoredTeacher] = (),
    ) -> None:
        self.store, self.utts, self.labels, self.config, self.seed = store, list(utts), labels, config, seed
        self.views, self.waveforms = tuple(views), waveforms
        self.embeddings = [centred(teacher.of(self.utts)) for teacher in stored]

    def __len__(self) -> int:
        return len(self.utts)

    def __getitem__(self, key: Key) -> Item:
        number, epoch = key
        seed, frames = [self.seed, epoch, number], self.config.crop_frames
        rng = np.random.default_rng(seed)
        clean = heard = np.asarray(self.store[self.utts[number]])
        if self.waveforms:
            draws = np.random.default_rng([*seed, WAVEFORM_DRAWS])
            clean, heard = self.waveforms.utterance(number, clean, draws, with_clean="clean" in self.views)
        heard_run = crop(heard, frames, rng)
        views = augment(heard_run, self.config.augment, rng, self.store.config.phonetic_dim, self.views)
        if "clean" in views and clean is not heard:
            views["clean"] = np.array(crop(clean, frames, np.random.default_rng(seed)))  # the same run of frames
        return views, self.labels[number], tuple(vectors[number] for vectors in self.embeddings)

    def lengths(self) -> np.ndarray:
        """Frames of each utterance, (N,), before the augmentation; of one at another speed, about so many."""
        lengths = [self.store.frames(utt) for utt in self.utts]
        if self.waveforms:
            lengths = [self.waveforms.frames(number, stored) for number, stored in enumerate(lengths)]
        return np.array(lengths, dtype=np.float64)


def crop(features: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """A random run of `frames` rows of features (T, F), or all of them if there are no more or `frames` is 0.

    Args:
        features: (T, F).
        frames: how many rows.
        rng: draws where the run begins; where all rows are kept, nothing is drawn.

    Returns:
        A view of the features, not a copy.
    """
    if not frames or len(features) <= frames:
        return features
    start = int(rng.integers(len(features) - frames + 1))
    return features[start : start + frames]


def bucketed_batches(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator, jitter: float = 0.05
) -> list[np.ndarray]:
    """Numbers of the utterances of each batch: neighbours in length together, the batches in random order.

    Lengths are jittered, so that the same utterances do not always meet. Every utterance is in one batch; a last batch
    of one, which BatchNorm cannot take, joins the batch before it.

    Args:
        lengths: frames of each utterance, (N,).
        batch_size: utterances of a batch.
        rng: draws the jitter and the order.
        jitter: the largest relative change of a length; 1: any utterances may meet.
    """
    if jitter < 1:
        order = np.argsort(lengths * rng.uniform(1 - jitter, 1 + jitter, len(lengths)), kind="stable")
    else:
        order = rng.permutation(len(lengths))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] = np.concatenate([batches[-1], last])
    return [batches[number] for number in rng.permutation(len(batches))]


class EpochSampler:
    """The keys of each batch of one epoch, those of this process's share; `epoch` is set before each pass.

    The batches are the same ones however many processes there are. Where a batch has fewer utterances than there are
    processes, those without one read its first, which counts for nothing: they have a step to do too.
    """

    def __init__(
        self, lengths: np.ndarray, batch_size: int, seed: int, jitter: float = 0.05, ranks: Ranks = ALONE
    ) -> None:
        self.lengths, self.batch_size, self.seed, self.jitter, self.epoch = lengths, batch_size, seed, jitter, 0
        self.ranks = ranks

    def __len__(self) -> int:
        full, rest = divmod(len(self.lengths), self.batch_size)
        return full + (1 if rest > 1 or not full else 0)

    def __iter__(self) -> Iterator[list[Key]]:
        for batch in self.batches():
            own = self.ranks.share(batch) or batch[:1]
            yield [(number, self.epoch) for number in own]

    def batches(self) -> list[list[int]]:
        """The numbers of the utterances of each batch of the epoch, those of all processes."""
        rng = np.random.default_rng([self.seed, self.epoch])
        return [batch.tolist() for batch in bucketed_batches(self.lengths, self.batch_size, rng, self.jitter)]


def pad(items: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Features (T_i, F) of several utterances -> zero-padded (B, T, F) and their lengths (B,)."""
    lengths = torch.tensor([len(item) for item in items])
    out = torch.zeros(len(items), int(lengths.max()), items[0].shape[1])
    for row, item in enumerate(items):
        out[row, : len(item)] = torch.from_numpy(item)
    return out, lengths


def collate(items: list[Item]) -> Batch:
    """One batch of items of the data set."""
    views, labels, embeddings = zip(*items, strict=True)
    return Batch(
        {name: pad([own[name] for own in views]) for name in views[0]},
        torch.from_numpy(np.stack(labels)),
        tuple(torch.from_numpy(np.stack(vectors)) for vectors in zip(*embeddings, strict=True)),
    )


def make_loader(
    data: TrainingUtterances, device: torch.device, ranks: Ranks = ALONE
) -> tuple[DataLoader[Any], EpochSampler]:
    """The loader of this process's share of the batches for a device, and the sampler whose `epoch` is to be set before
    each pass."""
    lengths = data.lengths()
    if data.config.crop_frames:
        lengths = np.minimum(lengths, data.config.crop_frames)
    sampler = EpochSampler(lengths, data.config.batch_size, data.seed, data.config.length_jitter, ranks)
    workers = data.config.workers
    loader: DataLoader[Any] = DataLoader(
        data,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # the loader's own draws leave those of dropout and tokens alone
        multiprocessing_context="spawn" if workers else None,
    )
    return loader, sampler
