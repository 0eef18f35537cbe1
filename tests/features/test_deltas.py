import numpy as np

from svtok.features.spectral import with_deltas


def test_order_0_is_the_features_themselves() -> None:
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(with_deltas(features, 0), features)


def test_a_ramp_has_its_slope_inside_and_less_at_the_ends() -> None:
    ramp = 3 * np.arange(10, dtype=np.float32)[:, None]
    with_first = with_deltas(ramp, 1)
    assert with_first.dtype == np.float32
    np.testing.assert_array_equal(with_first[:, 0], ramp[:, 0])
    np.testing.assert_allclose(with_first[2:-2, 1], 3, rtol=1e-6)
    # at frame 0, with frame 0 repeated to the left: (1 (3 - 0) + 2 (6 - 0)) / 10; at frame 1: (6 - 0 + 2 (9 - 0)) / 10
    np.testing.assert_allclose(with_first[[0, 1], 1], [1.5, 2.4], rtol=1e-6)
    np.testing.assert_allclose(with_first[[-1, -2], 1], [1.5, 2.4], rtol=1e-6)


def test_the_second_derivative_of_a_parabola_is_constant_inside() -> None:
    parabola = np.arange(12, dtype=np.float32)[:, None] ** 2
    np.testing.assert_allclose(with_deltas(parabola, 2)[4:-4, 2], 2, rtol=1e-5)


def test_orders_follow_each_other_and_dimensions_do_not_mix() -> None:
    features = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    whole = with_deltas(features, 2)
    assert whole.shape == (7, 9)
    for d in range(3):
        np.testing.assert_array_equal(whole[:, d::3], with_deltas(features[:, d : d + 1], 2))


def test_every_order_repeats_the_end_frames_of_the_features_as_kaldi_does() -> None:
    features = np.random.default_rng(1).normal(size=(5, 2))
    slope = {j: j / 10 for j in range(-2, 3)}
    second: dict[int, float] = {}
    for i, a in slope.items():
        for j, b in slope.items():
            second[i + j] = second.get(i + j, 0.0) + a * b
    for order, weights in ((1, slope), (2, second)):
        expected = [
            sum(weight * features[min(max(t + j, 0), 4)] for j, weight in weights.items()) for t in range(len(features))
        ]
        got = with_deltas(features.astype(np.float32), order)[:, -2:]
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_one_frame_does_not_change() -> None:
    np.testing.assert_allclose(with_deltas(np.ones((1, 2), np.float32), 2), [[1, 1, 0, 0, 0, 0]], atol=1e-7)
