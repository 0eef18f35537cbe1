"""Augmentation of waveforms: ratios, lengths and spectra that can be computed by hand."""

from typing import get_args

import numpy as np
import pytest

from svtok.audio.augment import (
    Codec,
    add_babble,
    change_gain,
    change_speed,
    limit_band,
    mix,
    power,
    reverberate,
    room_response,
    run_of,
    through_codec,
)
from svtok.errors import SvtokError

RATE = 16000


def tone(frequency: float, seconds: float = 1.0, amplitude: float = 0.25) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def white(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def level(wave: np.ndarray, frequency: float) -> float:
    """Of one frequency in a wave, dB."""
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    place = round(frequency * len(wave) / RATE)
    return float(20 * np.log10(spectrum[place - 2 : place + 3].max()))


def loudest_frequency(wave: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(wave)).argmax() * RATE / len(wave))


@pytest.mark.parametrize("snr", [-5.0, 0.0, 12.5])
def test_noise_is_added_at_the_ratio_asked_for(snr: float) -> None:
    wave, noise = tone(440), 7 * white(RATE)
    added = mix(wave, noise, snr) - wave
    assert 10 * np.log10(power(wave) / power(added)) == pytest.approx(snr, abs=1e-3)
    np.testing.assert_allclose(added / np.abs(added).max(), noise / np.abs(noise).max(), atol=1e-4)


def test_silence_stays_as_it_is() -> None:
    silence = np.zeros(100, np.float32)
    np.testing.assert_array_equal(mix(silence, white(100), 3), silence)
    np.testing.assert_array_equal(mix(tone(440)[:100], silence, 3), tone(440)[:100])
    np.testing.assert_array_equal(reverberate(silence, np.ones(3, np.float32)), silence)


def test_a_run_lies_in_a_longer_noise_and_a_shorter_one_is_repeated() -> None:
    count = np.arange(50, dtype=np.float32)
    starts = set()
    for seed in range(30):
        run = run_of(count, 10, np.random.default_rng(seed))
        assert (np.diff(run) == 1).all()
        starts.add(run[0])
    assert len(starts) > 5
    repeated = run_of(count[:3], 7, np.random.default_rng(0))
    assert len(repeated) == 7
    assert set(np.diff(repeated)) == {1, -2}


def test_babble_is_of_equally_loud_voices_at_the_ratio_asked_for() -> None:
    wave, low, high = tone(300), tone(1000, amplitude=0.01), tone(3000, amplitude=0.5)
    added = add_babble(wave, [low, high], 10, np.random.default_rng(0)) - wave
    assert 10 * np.log10(power(wave) / power(added)) == pytest.approx(10, abs=1e-2)
    assert level(added, 1000) == pytest.approx(level(added, 3000), abs=0.1)


def test_the_same_generator_gives_the_same_babble() -> None:
    wave, voices = tone(440), [white(5 * RATE), tone(700, 0.3)]
    one, two, other = (add_babble(wave, voices, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("seconds", [0.2, 0.6])
def test_a_rooms_reverberation_falls_by_60_db_in_its_time(seconds: float) -> None:
    """Schroeder's backward integral falls on a line: 30 dB in half of the time, to within the noise's chance."""
    response = room_response(RATE, seconds, 0, np.random.default_rng(3))
    assert len(response) == 1 + seconds * RATE
    tail = response[1:].astype(float) ** 2
    left = 10 * np.log10(tail[::-1].cumsum()[::-1] / tail.sum())
    assert np.flatnonzero(left < -30)[0] == pytest.approx(len(tail) / 2, rel=0.05)


def test_a_rooms_direct_sound_has_its_share_of_the_energy() -> None:
    response = room_response(RATE, 0.3, 6, np.random.default_rng(0))
    assert response[0] == 1
    assert 10 * np.log10(1 / np.sum(response[1:].astype(float) ** 2)) == pytest.approx(6, abs=1e-4)


def test_reverberation_keeps_length_loudness_and_place() -> None:
    wave = np.zeros(RATE, np.float32)
    wave[5000] = 0.5
    heard = reverberate(wave, np.array([1, 0, 0.5], np.float32))
    assert len(heard) == len(wave)
    assert power(heard) == pytest.approx(power(wave), rel=1e-5)
    assert heard[5000] / heard[5002] == pytest.approx(2, rel=1e-5)
    assert np.abs(heard[:5000]).max() < 1e-6


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_speed_changes_length_and_pitch(speed: float) -> None:
    changed = change_speed(tone(1000), speed)
    assert changed.dtype == np.float32
    assert len(changed) == np.ceil(RATE / speed)
    assert loudest_frequency(changed) == pytest.approx(1000 * speed, abs=2)
    assert change_speed(tone(1000), 1.0) == pytest.approx(tone(1000))


def test_a_band_lets_pass_what_is_inside_it() -> None:
    wave = tone(100) + tone(1000) + tone(6000)
    passed = limit_band(wave, RATE, 300, 3400)
    change = {f: level(passed, f) - level(wave, f) for f in (100, 1000, 6000)}
    assert change[1000] == pytest.approx(0, abs=0.1)
    assert max(change[100], change[6000]) < -30
    edge = level(limit_band(tone(300), RATE, 300, 3400), 300) - level(tone(300), 300)
    assert edge == pytest.approx(-6, abs=0.3)
    np.testing.assert_allclose(limit_band(wave, RATE, 0, 8000), wave, atol=1e-6)


@pytest.mark.parametrize("codec", get_args(Codec))
def test_a_codec_changes_the_wave_a_little_and_neither_length_nor_time(codec: Codec) -> None:
    wave = limit_band(white(RATE + 7), RATE, 300, 3000)
    coded = through_codec(wave, RATE, codec)
    assert len(coded) == len(wave)
    assert coded.dtype == np.float32
    assert np.correlate(coded, wave, "same").argmax() == np.correlate(wave, wave, "same").argmax()
    error = 10 * np.log10(power(wave) / power(coded - wave))
    assert 0 < error < 60
    np.testing.assert_array_equal(coded, through_codec(wave, RATE, codec))


def test_g711_has_its_step_sizes_and_nothing_above_4_khz() -> None:
    """8 bits on a logarithmic scale: about 38 dB over the quantisation noise, whatever the level."""
    for amplitude in (0.5, 0.05):
        wave = tone(1000, amplitude=amplitude) + tone(6000, amplitude=amplitude)
        coded = through_codec(wave, RATE, "mu-law")
        assert level(coded, 6000) < level(wave, 6000) - 40
        kept = tone(1000, amplitude=amplitude)
        middle = slice(RATE // 4, 3 * RATE // 4)
        assert 33 < 10 * np.log10(power(kept[middle]) / power((coded - kept)[middle])) < 43


def test_a_codec_that_libsndfile_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import svtok.audio.augment as module

    monkeypatch.setitem(module.CODINGS, "opus", module.Coding("OGG", "OPUS", 44100))
    with pytest.raises(SvtokError, match="the codec 'opus' does not work at 44100 Hz"):
        through_codec(tone(440), RATE, "opus")


def test_gain_is_in_decibels_and_cut_off_at_full_scale() -> None:
    wave = np.array([0.1, -0.25], np.float32)
    np.testing.assert_allclose(change_gain(wave, -20), [0.01, -0.025], rtol=1e-6)
    np.testing.assert_allclose(change_gain(wave, 20), [1 - 2**-15, -1], rtol=1e-6)
