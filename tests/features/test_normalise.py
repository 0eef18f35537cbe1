import numpy as np
import pytest
from scipy.stats import norm

from svtok.features.config import FeaturesConfig
from svtok.features.frames import gaussianised, normalised


def test_none_leaves_the_features() -> None:
    features = np.array([[1, 2], [3, 4]], np.float32)
    np.testing.assert_array_equal(normalised(features, FeaturesConfig(normalise="none")), features)


def test_mean_takes_the_mean_of_each_dimension_away() -> None:
    features = np.array([[1, 10], [3, 40]], np.float32)
    got = normalised(features, FeaturesConfig())
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, [[-1, -15], [1, 15]])


def test_mean_variance_also_scales_to_variance_1_and_leaves_a_constant_at_0() -> None:
    features = np.array([[1, 10, 5], [3, 40, 5]], np.float32)
    got = normalised(features, FeaturesConfig(normalise="mean_variance"))
    np.testing.assert_allclose(got, [[-1, -1, 0], [1, 1, 0]], atol=1e-6)


def test_an_utterance_within_one_window_takes_the_quantiles_of_its_ranks() -> None:
    got = gaussianised(np.array([[5], [-1], [100], [7]], np.float32), 10)
    np.testing.assert_allclose(got[:, 0], norm.ppf([0.375, 0.125, 0.875, 0.625]), atol=1e-6)


def test_ties_share_the_mean_of_their_ranks() -> None:
    got = gaussianised(np.array([[1, 3], [1, 3], [2, 3]], np.float32), 3)
    np.testing.assert_allclose(got[:, 0], norm.ppf([1 / 3, 1 / 3, 2.5 / 3]), atol=1e-6)
    np.testing.assert_allclose(got[:, 1], 0, atol=1e-7)


@pytest.mark.parametrize(("frames", "window"), [(9, 4), (9, 5), (70, 7), (33, 32), (40, 1), (1, 300)])
def test_warping_is_that_of_a_plain_loop_over_windows(frames: int, window: int) -> None:
    features = np.random.default_rng(frames).integers(0, 6, size=(frames, 2)).astype(np.float32)
    width = min(window, frames)
    expected = np.empty((frames, 2))
    for t in range(frames):
        first = min(max(t - width // 2, 0), frames - width)
        around = np.sort(features[first : first + width], axis=0)
        for d in range(2):
            ranks = [rank + 1 for rank in range(width) if around[rank, d] == features[t, d]]
            expected[t, d] = norm.ppf((np.mean(ranks) - 0.5) / width)
    np.testing.assert_allclose(gaussianised(features, window), expected, atol=1e-6)


def test_the_window_of_the_configuration_is_in_seconds() -> None:
    features = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
    config = FeaturesConfig(normalise="gaussianise", gaussianise_window_s=1.5, frame_shift_ms=10)
    np.testing.assert_array_equal(normalised(features, config), gaussianised(features, 150))
