"""Augmentation of features."""

from typing import Any

import numpy as np
import pytest

from svtok.trained.config import AugmentConfig
from svtok.training.data import View, augment, change_tempo, erase, mask_run

VIEWS: tuple[View, ...] = ("augmented", "unerased", "clean")

NOTHING = AugmentConfig(tempo=0, erasings=0, time_masks=0, dim_masks=0)


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)


class FixedStretch(np.random.Generator):
    """A generator whose `uniform` gives one value."""

    def __init__(self, value: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.value = value

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        assert low <= self.value <= high
        return self.value


def test_tempo_interpolates_between_frames() -> None:
    ramp = np.array([[0.0], [1.0], [2.0]], dtype=np.float32)
    stretched = change_tempo(ramp, 0.7, FixedStretch(2 / 3))
    np.testing.assert_allclose(stretched[:, 0], [0, 0.5, 1, 1.5, 2])
    squeezed = change_tempo(ramp, 0.7, FixedStretch(-1 / 3))
    np.testing.assert_allclose(squeezed[:, 0], [0, 2])


def test_erasing_fills_one_rectangle_of_the_asked_area(features: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        changed = features.copy()
        erase(changed, (0.1, 0.2), rng)
        rows, columns = np.nonzero(changed != features)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert (changed != features).sum() == height * width  # a full rectangle
        assert height * width <= 0.2 * features.size
        assert height == 50 or width == 8 or height * width > 0.05 * features.size  # rounding, and clipped at an edge


def test_a_mask_sets_one_run_of_rows_to_the_mean(features: np.ndarray) -> None:
    rng, runs = np.random.default_rng(2), set()
    for _ in range(200):
        changed = features.copy()
        mask_run((changed,), 0.1, rng)
        rows = np.nonzero((changed != features).any(axis=1))[0]
        runs.add(len(rows))
        if len(rows):
            assert np.ptp(rows) + 1 == len(rows)
            np.testing.assert_allclose(changed[rows], features.mean(), rtol=1e-5)
    assert runs == {0, 1, 2, 3, 4, 5}


def test_the_original_is_left_alone_and_nothing_asked_changes_nothing(features: np.ndarray) -> None:
    before = features.copy()
    everything = AugmentConfig(tempo=0.2, erasings=3, erase_probability=1, time_masks=2, dim_masks=2)
    assert not np.array_equal(augment(features, everything, np.random.default_rng(0))["augmented"][:40], before[:40])
    np.testing.assert_array_equal(features, before)
    for view in augment(features, NOTHING, np.random.default_rng(0), views=VIEWS).values():
        np.testing.assert_array_equal(view, before)


def test_the_same_generator_gives_the_same_features(features: np.ndarray) -> None:
    config = AugmentConfig(tempo=0.2)
    one, other = (augment(features, config, np.random.default_rng(7), views=VIEWS) for _ in range(2))
    assert one.keys() == other.keys() == set(VIEWS)
    for view in VIEWS:
        np.testing.assert_array_equal(one[view], other[view])


@pytest.mark.parametrize("views", [["augmented"], ["unerased"], ["clean"], ["augmented", "clean"]])
def test_a_view_is_the_same_whatever_is_asked_for_beside_it(features: np.ndarray, views: list[View]) -> None:
    config = AugmentConfig(tempo=0.2, erasings=2, erase_probability=1)
    every = augment(features, config, np.random.default_rng(7), views=VIEWS)
    some = augment(features, config, np.random.default_rng(7), views=views)
    assert list(some) == views
    for view in views:
        np.testing.assert_array_equal(some[view], every[view])


def test_the_unerased_view_has_the_same_tempo_and_masks_but_no_erasing(features: np.ndarray) -> None:
    config = AugmentConfig(tempo=0.3, erasings=2, erase_probability=1, time_masks=0, dim_masks=0)
    augmented, unerased, _ = augment(features, config, np.random.default_rng(4), views=VIEWS).values()
    np.testing.assert_array_equal(unerased, change_tempo(features, 0.3, np.random.default_rng(4)))
    assert len(unerased) != len(features)
    assert 0 < (augmented != unerased).mean() < 0.4
    masks = config.model_copy(update={"time_masks": 1, "dim_masks": 1})
    masked, masked_unerased, _ = augment(features, masks, np.random.default_rng(4), views=VIEWS).values()
    touched = masked_unerased != unerased
    assert touched.any()
    untouched_by_both = ~touched & (augmented == unerased)
    np.testing.assert_array_equal(masked[untouched_by_both], unerased[untouched_by_both])
    assert (masked[touched] != augmented[touched]).all()


def test_without_erasing_both_views_are_the_same(features: np.ndarray) -> None:
    config = AugmentConfig(tempo=0.2, erasings=0)
    augmented, unerased, _ = augment(features, config, np.random.default_rng(3), views=VIEWS).values()
    np.testing.assert_array_equal(augmented, unerased)
