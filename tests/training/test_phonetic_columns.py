"""Phonetic columns in the training of a speaker network: what augmentation leaves alone."""

import numpy as np

from svtok.trained.config import AugmentConfig
from svtok.training.data import View, augment

EVERYTHING = {"erasings": 3, "erase_probability": 1, "time_masks": 2, "dim_masks": 2, "dim_mask_share": 0.5}


def features() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((30, 9)).astype(np.float32)


def test_erasing_and_masks_leave_phonetic_columns_alone() -> None:
    clean = features()
    for seed in range(20):
        config, random = AugmentConfig(**EVERYTHING), np.random.default_rng(seed)
        for view in augment(clean, config, random, phonetic_dim=4, views=["augmented", "unerased"]).values():
            np.testing.assert_array_equal(view[:, 5:], clean[:, 5:])
            assert not np.array_equal(view[:, :5], clean[:, :5])


def test_masks_reach_into_the_last_columns_where_none_are_phonetic() -> None:
    clean = features()
    changed = [
        augment(clean, AugmentConfig(**EVERYTHING), np.random.default_rng(seed))["augmented"] for seed in range(20)
    ]
    assert any(not np.array_equal(view[:, 5:], clean[:, 5:]) for view in changed)


def test_the_acoustic_columns_are_changed_as_if_they_stood_alone() -> None:
    clean, config = features(), AugmentConfig(tempo=0.2, **EVERYTHING)
    views: list[View] = ["augmented", "unerased"]
    both = augment(clean, config, np.random.default_rng(1), phonetic_dim=4, views=views)
    alone = augment(clean[:, :5], config, np.random.default_rng(1), views=views)
    for view in views:
        np.testing.assert_array_equal(both[view][:, :5], alone[view])


def test_the_tempo_stretches_all_columns_alike() -> None:
    config = AugmentConfig(tempo=0.3, erasings=0, time_masks=0, dim_masks=0)
    twice = np.repeat(np.arange(20, dtype=np.float32)[:, None], 2, axis=1)
    stretched = augment(twice, config, np.random.default_rng(3), phonetic_dim=1)["augmented"]
    assert len(stretched) != 20
    np.testing.assert_array_equal(stretched[:, 0], stretched[:, 1])
