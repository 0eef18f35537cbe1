"""Which recordings are refused, with what was measured, and that long ones are not decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from svtok.audio import quality
from svtok.audio.augment import mix
from svtok.audio.quality import measure, read_short, samples_of
from svtok.errors import AudioError, SvtokError

RATE = 16000


def phrase(seconds: float = 1.0, level: float = 0.3) -> NDArray[np.float32]:
    """Something with the ups and downs of speech: four syllables of harmonics."""
    times = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * times + k * k) / k for k in range(1, 9))
    wave: NDArray[np.float32] = (level * voice * np.sin(4 * np.pi * times / seconds) ** 4 / 2).astype(np.float32)
    return wave


def noise(seconds: float = 1.0, level: float = 0.05) -> NDArray[np.float32]:
    return level * np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)


def faults(wave: NDArray[np.float32]) -> list[str]:
    return list(measure(wave, RATE).faults())


def test_a_good_recording_has_no_fault_at_any_usual_level() -> None:
    assert faults(phrase()) == []
    assert faults(phrase(level=0.01)) == []
    assert faults(mix(phrase(), noise(), snr=10)) == []


@pytest.mark.parametrize("wave", [np.zeros(5 * RATE, np.float32), noise(5, level=1e-4)], ids=["zeros", "rounding"])
def test_five_seconds_of_silence_are_silent(wave: NDArray[np.float32]) -> None:
    [fault] = faults(wave)
    assert fault.startswith("is silent: its loudest parts are at -")


def test_the_level_is_that_of_the_loudest_frames() -> None:
    tone = np.sin(np.arange(RATE) * 0.3).astype(np.float32)
    assert measure(tone, RATE).level == pytest.approx(-3, abs=0.1)  # the power of a sine is 1/2
    assert measure(tone / 10, RATE).level == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("gain", [1.0, 0.3], ids=["at full scale", "turned down afterwards"])
def test_what_clipping_cut_off_is_seen_at_any_level(gain: float) -> None:
    [fault] = faults(gain * np.clip(6 * phrase(), -1, 1))
    assert fault.startswith("is clipped: ")
    assert "% of its samples" in fault


@pytest.mark.parametrize(
    "wave", [noise(), mix(phrase(), noise(), snr=-8)], ids=["nothing but noise", "speech under noise"]
)
def test_noise_is_refused_with_its_ratio(wave: NDArray[np.float32]) -> None:
    [fault] = faults(wave)
    assert fault.startswith("is mostly noise: its loudest parts are ")
    assert " dB over the quietest, 6 dB are the least" in fault


def test_a_click_in_a_second_is_too_short() -> None:
    wave = noise(level=1e-3)
    wave[8000:9600] += phrase(0.1)
    [fault] = faults(wave)
    assert fault.startswith("is too short: it has 0.")


def test_one_sample_can_be_measured() -> None:
    assert measure(np.array([0.5], np.float32), RATE).seconds == 0


def test_a_file_of_three_hours_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "night.flac"
    soundfile.write(path, np.zeros(3 * 3600 * 100, np.int16), 100)
    monkeypatch.setattr(quality, "read_part", None)  # which decodes
    with pytest.raises(AudioError, match=r"night\.flac: is too long: it lasts 10800 s, 60 s are the most"):
        read_short(path, 100)


def test_a_file_whose_header_says_no_length_is_bounded_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stream.wav"
    soundfile.write(path, phrase(), RATE)
    assert len(read_short(path, RATE)) == RATE
    monkeypatch.setattr(quality, "MOST_BYTES", 30_000)
    with pytest.raises(AudioError, match=r"is too long: it has 0 MB"):
        read_short(path, RATE)


def test_another_rate_is_refused_or_converted_as_the_features_say(tmp_path: Path) -> None:
    path = tmp_path / "phone.wav"
    soundfile.write(path, phrase()[::2], RATE // 2)
    with pytest.raises(AudioError, match=r"phone\.wav: sampling rate is 8000 Hz, not 16000"):
        read_short(path, RATE)
    assert len(read_short(path, RATE, resample=True)) == RATE
    with pytest.raises(SvtokError, match="sampling rate is 8000 Hz, not 16000"):
        samples_of(phrase()[::2], RATE // 2, RATE)
    assert len(samples_of(phrase()[::2], RATE // 2, RATE, resample=True)) == RATE


def test_two_channels_are_refused_or_chosen(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([phrase(), noise()], axis=1), RATE)
    with pytest.raises(AudioError, match="has 2 channels, not one"):
        read_short(path, RATE)
    np.testing.assert_allclose(read_short(path, RATE, channel="1"), phrase(), atol=1e-4)


def test_a_renamed_video_is_said_to_be_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(range(256)) * 40)
    with pytest.raises(AudioError, match=r"clip\.wav: is not audio that can be decoded"):
        read_short(path, RATE)


def test_samples_of_a_program_are_those_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, phrase(), RATE)
    integers, _ = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(samples_of(integers, RATE, RATE), read_short(path, RATE))
    np.testing.assert_array_equal(samples_of(list(phrase()), RATE, RATE), phrase())


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((100, 2)), r"float64 of shape \(100, 2\)"),
        ([], r"of shape \(0,\)"),
        (["a"], "numbers of one channel"),
        ([0.0, np.nan], "must be finite"),
        ([0.0, 3000.0], r"floating-point ones in \[-1, 1\]"),
        (np.zeros(61 * RATE), "is too long: it lasts 61 s"),
    ],
)
def test_samples_that_are_none_are_refused(samples: object, message: str) -> None:
    with pytest.raises(SvtokError, match=message):
        samples_of(samples, RATE, RATE)  # type: ignore[arg-type]
