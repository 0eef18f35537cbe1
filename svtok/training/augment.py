"""Augmentation of the features of one utterance: tempo, random erasing, SpecAugment. In numpy, seeded by the caller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from svtok.training.config import AugmentConfig


def augment(
    features: np.ndarray, config: AugmentConfig, rng: np.random.Generator, phonetic_dim: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two changed copies of features (T, F): with all augmentation, and with all but the erasing.

    Both have the same tempo, so the same T, which differs from that of `features`, and the same masks. The last
    `phonetic_dim` columns have the tempo alone: they are not what was recorded.
    """
    unerased = change_tempo(features, config.tempo, rng)
    augmented = unerased.copy()
    views = [array[:, : features.shape[1] - phonetic_dim] for array in (augmented, unerased)]
    for _ in range(config.erasings):
        if rng.random() < config.erase_probability:
            erase(views[0], config.erase_area, rng)
    for _ in range(config.time_masks):
        mask_run(views, config.time_mask_share, rng)
    for _ in range(config.dim_masks):
        mask_run([view.T for view in views], config.dim_mask_share, rng)
    return augmented, unerased


def change_tempo(features: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Stretch or squeeze time by up to `most`, by linear interpolation between frames: (T, F) -> a new (T', F)."""
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
    """
    rows = len(views[0])
    run = int(rng.integers(int(rows * most) + 1))
    start = rng.integers(rows - run + 1)
    for view in views:
        view[start : start + run] = view.mean()
