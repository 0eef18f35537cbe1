"""When the frames are: hand-computed, and those that voice activity detection keeps."""

import numpy as np
import pytest

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig, VadConfig
from svtok.features.extract import compute_features
from svtok.features.frames import frame_spans, frame_times


def test_a_frame_is_in_the_middle_of_its_window() -> None:
    config = FeaturesConfig(frame_length_ms=25, frame_shift_ms=10)  # 400 and 160 samples
    times = frame_times(np.full(1000, 0.1, dtype=np.float32), config)
    np.testing.assert_allclose(times, [0.0125, 0.0225, 0.0325, 0.0425])


def test_frames_left_out_as_silence_have_no_time() -> None:
    config = FeaturesConfig(vad=VadConfig(context=0))
    rng = np.random.default_rng(0)
    wave = (1e-4 * rng.standard_normal(16000)).astype(np.float32)
    wave[4000:8000] += 0.3 * rng.standard_normal(4000).astype(np.float32)  # from 0.25 to 0.5 s
    times = frame_times(wave, config)
    assert len(times) == len(compute_features(wave, 16000, config))
    assert times.min() == pytest.approx(0.25, abs=0.02)
    assert times.max() == pytest.approx(0.5, abs=0.02)


def test_frames_after_subsampling_stand_where_their_middle_frame_does() -> None:
    wave = np.full(1040, 0.1, dtype=np.float32)  # five frames, from 12.5 ms on
    spans = frame_spans(wave, FeaturesConfig(frame_length_ms=25, frame_shift_ms=10), 2)
    np.testing.assert_allclose(spans, [[0.0025, 0.0225], [0.0225, 0.0425], [0.0425, 0.0625]])


def test_frames_that_were_left_out_leave_a_gap() -> None:
    wave = np.full(8000, 1e-5, dtype=np.float32)
    for start in (1600, 4800):  # two bursts
        wave[start : start + 1600] = 0.3 * np.sin(np.arange(1600))
    spans = frame_spans(wave, FeaturesConfig(vad=VadConfig(context=0)), 1)
    np.testing.assert_allclose(spans[:, 1] - spans[:, 0], 0.01)
    between = spans[1:, 0] - spans[:-1, 1]
    assert np.isclose(between, 0).sum() == len(between) - 1
    assert between.max() == pytest.approx(0.1, abs=0.05)


def test_less_than_a_window_is_refused() -> None:
    with pytest.raises(SvtokError, match="lasts 399 samples, less than one window of 400"):
        frame_times(np.zeros(399, dtype=np.float32), FeaturesConfig())
