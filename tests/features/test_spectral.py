from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.spectral import FRAMES_AT_ONCE, spectral_features

Voiced = Callable[..., np.ndarray]
WINDOWS = ("povey", "hamming", "hanning", "rectangular", "blackman")
REAL_SPEECH = Path(__file__).parents[2].parent / "shared" / "data" / "arabic_speech_commands" / "dataset"


def kaldi(wave: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    """The same features by torchaudio.compliance.kaldi."""
    module = import_torchaudio().compliance.kaldi
    cepstral = {"num_ceps": config.num_ceps, "cepstral_lifter": config.cepstral_lifter}
    features = (module.mfcc if config.kind == "mfcc" else module.fbank)(
        torch.from_numpy(wave)[None] * 32768,
        num_mel_bins=config.bands[0],
        sample_frequency=float(config.sample_rate),
        window_type=config.window,
        low_freq=config.low_freq,
        high_freq=config.high_freq,
        frame_length=config.frame_length_ms,
        frame_shift=config.frame_shift_ms,
        preemphasis_coefficient=config.preemphasis,
        remove_dc_offset=config.remove_dc,
        energy_floor=config.energy_floor,
        use_energy=config.log_energy,
        **(cepstral if config.kind == "mfcc" else {}),
    )
    array: np.ndarray = features.numpy()
    return array


def ours(wave: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    return spectral_features(wave, config).features


# Kaldi's filter banks and cepstra once more, in float64 and one frame at a time, from the formulas.


def mel(frequency: float) -> float:
    return 1127.0 * np.log(1.0 + frequency / 700.0)


def window_value(kind: str, n: int, size: int) -> float:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / (size - 1))
    return float(
        {
            "povey": hann**0.85,
            "hanning": hann,
            "hamming": 0.54 - 0.46 * np.cos(2 * np.pi * n / (size - 1)),
            "rectangular": 1.0,
            "blackman": 0.42 - 0.5 * np.cos(2 * np.pi * n / (size - 1)) + 0.08 * np.cos(4 * np.pi * n / (size - 1)),
        }[kind]
    )


def triangles(bands: int, padded: int, config: FeaturesConfig) -> np.ndarray:
    """(bands, padded / 2 + 1)"""
    low, high = mel(config.low_freq), mel(config.upper_freq)
    step = (high - low) / (bands + 1)
    weights = np.zeros((bands, padded // 2 + 1))
    for band in range(bands):
        left, centre, right = (low + (band + k) * step for k in range(3))
        for k in range(padded // 2):
            here = mel(k * config.sample_rate / padded)
            if left < here < right:
                rising = here <= centre
                weights[band, k] = (here - left) / (centre - left) if rising else (right - here) / (right - centre)
    return weights


def reference(wave: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    """Features (T, F) without dither, derivatives, voice activity and normalisation."""
    size, shift = config.frame_length, config.frame_shift
    padded = 2 ** int(np.ceil(np.log2(size)))
    banks = np.concatenate([triangles(bands, padded, config) for bands in config.bands])
    window = np.array([window_value(config.window, n, size) for n in range(size)])
    rows = []
    for first in range(0, len(wave) - size + 1, shift):
        frame = wave[first : first + size].astype(np.float64) * 32768
        if config.remove_dc:
            frame = frame - frame.mean()
        energy = np.log(max(np.sum(frame**2), config.energy_floor))
        before = np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft((frame - config.preemphasis * before) * window, padded)) ** 2
        row = np.log(np.maximum(banks @ power, np.finfo(np.float32).eps))
        if config.kind == "mfcc":
            row = cepstra(row, config)
            if config.log_energy:
                row[0] = energy
        elif config.log_energy:
            row = np.concatenate([[energy], row])
        rows.append(row)
    return np.array(rows)


def cepstra(log_mel: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    bands = len(log_mel)
    values = []
    for c in range(config.num_ceps):
        basis = np.cos(np.pi / bands * (np.arange(bands) + 0.5) * c)
        scale = np.sqrt((1 if c == 0 else 2) / bands)
        lifter = config.cepstral_lifter
        lift = 1 + 0.5 * lifter * np.sin(np.pi * c / lifter) if lifter else 1
        values.append(scale * lift * np.sum(basis * log_mel))
    return np.array(values)


CONFIGS = {
    "fbank-64": FeaturesConfig(),
    "fbank-80-energy": FeaturesConfig(bands=(80,), log_energy=True),
    "narrow": FeaturesConfig(bands=(24,), low_freq=100, high_freq=-400, frame_length_ms=32, frame_shift_ms=12.5),
    "plain": FeaturesConfig(bands=(40,), preemphasis=0, remove_dc=False),
    "mfcc-20": FeaturesConfig(kind="mfcc", bands=(30,)),
    "mfcc-13-energy": FeaturesConfig(kind="mfcc", bands=(23,), num_ceps=13, cepstral_lifter=0, log_energy=True),
    **{window: FeaturesConfig(bands=(40,), window=window) for window in WINDOWS},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_features_are_those_of_torchaudio_and_of_the_formulas(voiced: Voiced, name: str) -> None:
    wave, config = voiced(0.6), CONFIGS[name]
    features = ours(wave, config)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, kaldi(wave, config), atol=1e-3, rtol=0)
    np.testing.assert_allclose(features, reference(wave, config), atol=1e-3, rtol=0)


def test_two_banks_and_the_energy_stand_side_by_side(voiced: Voiced) -> None:
    wave, config = voiced(0.6), FeaturesConfig(bands=(24, 32), log_energy=True)
    features = ours(wave, config)
    assert features.shape == (58, 57)
    np.testing.assert_allclose(features, reference(wave, config), atol=1e-3, rtol=0)
    np.testing.assert_allclose(features[:, 25:], ours(wave, FeaturesConfig(bands=(32,))), atol=1e-4, rtol=0)


@pytest.mark.parametrize("frames", [1, FRAMES_AT_ONCE - 1, FRAMES_AT_ONCE, FRAMES_AT_ONCE + 1, 2 * FRAMES_AT_ONCE + 7])
def test_any_number_of_frames_comes_out_alike(voiced: Voiced, frames: int) -> None:
    config = FeaturesConfig(log_energy=True)
    wave = voiced((400 + 160 * (frames - 1) + 159) / 16000)
    features = ours(wave, config)
    assert features.shape == (frames, 65)
    np.testing.assert_allclose(features, kaldi(wave, config), atol=1e-3, rtol=0)


def test_other_rates_have_their_own_windows(voiced: Voiced) -> None:
    config = FeaturesConfig(sample_rate=8000, bands=(24,))
    wave = voiced(0.5)
    np.testing.assert_allclose(ours(wave, config), kaldi(wave, config), atol=1e-3, rtol=0)
    np.testing.assert_allclose(ours(wave, config), reference(wave, config), atol=1e-3, rtol=0)


@pytest.mark.skipif(not REAL_SPEECH.is_dir(), reason="the recordings do not lie beside the checkout")
@pytest.mark.parametrize("config", [FeaturesConfig(bands=(80,), log_energy=True), CONFIGS["mfcc-20"]])
def test_features_of_real_speech_are_those_of_torchaudio(config: FeaturesConfig) -> None:
    recordings = sorted(REAL_SPEECH.glob("*/*_01.*"))[::40]
    assert len(recordings) >= 20
    for path in recordings:
        wave, _ = soundfile.read(path, dtype="float32")
        np.testing.assert_allclose(ours(wave, config), kaldi(wave, config), atol=1e-3, rtol=0, err_msg=path.name)


def test_silence_is_at_the_floors() -> None:
    features = ours(np.zeros(800, np.float32), FeaturesConfig(log_energy=True, energy_floor=10))
    np.testing.assert_allclose(features[:, 0], np.log(10), rtol=1e-6)
    np.testing.assert_allclose(features[:, 1:], np.log(np.finfo(np.float32).eps), rtol=1e-6)


def test_the_energy_is_given_wherever_the_configuration_uses_it(voiced: Voiced) -> None:
    wave = voiced(0.3)
    assert spectral_features(wave, FeaturesConfig()).log_energy is None
    energy = spectral_features(wave, FeaturesConfig(vad={})).log_energy
    assert energy is not None
    np.testing.assert_array_equal(energy, ours(wave, FeaturesConfig(log_energy=True))[:, 0])


def test_dither_is_noise_of_its_size_and_the_same_each_time(voiced: Voiced) -> None:
    config = FeaturesConfig(dither=2.0, log_energy=True, window="rectangular")
    silence, wave = np.zeros(160000, np.float32), voiced(0.3)
    energy = np.exp(ours(silence, config)[:, 0]) / 400
    assert np.mean(energy) == pytest.approx(4.0, rel=0.05)
    np.testing.assert_array_equal(ours(wave, config), ours(wave, config))
    assert not np.array_equal(ours(wave, config), ours(wave, FeaturesConfig(log_energy=True, window="rectangular")))


def test_the_samples_are_left_as_they_were(voiced: Voiced) -> None:
    wave = voiced(0.3)
    before = wave.copy()
    spectral_features(wave, FeaturesConfig(dither=1.0))
    np.testing.assert_array_equal(wave, before)


def test_less_than_one_window_is_refused() -> None:
    with pytest.raises(SvtokError, match=r"lasts 399 samples, less than one window of 400 \(25 ms\)"):
        spectral_features(np.zeros(399, np.float32), FeaturesConfig())


def test_bands_narrower_than_the_fft_are_refused() -> None:
    with pytest.raises(SvtokError, match=r"of the mel bands \[200\] are narrower than a step of the 512-point FFT"):
        spectral_features(np.zeros(800, np.float32), FeaturesConfig(bands=(200,)))
