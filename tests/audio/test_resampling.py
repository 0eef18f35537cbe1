"""Another sampling rate: with torch and without it, the samples are the same."""

from __future__ import annotations

import numpy as np
import pytest

from svtok.audio.resampling import by_filter, resampled


@pytest.mark.parametrize(("rate", "new_rate"), [(8000, 16000), (16000, 8000), (44100, 16000), (22050, 16000)])
def test_without_torch_the_samples_are_the_same(rate: int, new_rate: int) -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 5001).astype(np.float32)
    with_torch, without = resampled(wave, rate, new_rate), by_filter(wave, rate, new_rate)
    assert without.dtype == np.float32
    assert with_torch.shape == without.shape == (-(-5001 * new_rate // rate),)
    np.testing.assert_allclose(without, with_torch, atol=5e-5)  # torchaudio computes its filter in single precision


def test_the_same_rate_gives_the_samples_themselves() -> None:
    wave = np.ones(3, np.float32)
    assert resampled(wave, 8000, 8000) is wave
