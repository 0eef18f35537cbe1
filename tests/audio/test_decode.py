import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from svtok.audio.decode import AudioInfo, open_audio, read_audio
from svtok.errors import AudioError

RATE = 16000
SAMPLES = np.random.default_rng(0).integers(-20000, 20000, RATE).astype(np.int16)
FORMATS = {"a.wav": "WAV", "a.flac": "FLAC", "a.sph": "NIST", "sphere.wav": "NIST", "a.aiff": "AIFF"}


@pytest.fixture(params=FORMATS)
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path: Path = tmp_path / request.param
    soundfile.write(path, SAMPLES, RATE, format=FORMATS[request.param], subtype="PCM_16")
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(path, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def info_of(path: Path) -> AudioInfo:
    with open_audio(path) as (_, info):
        return info


def cut(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def test_samples_come_as_float32_scaled_from_16_bits(recording: Path) -> None:
    wave, rate = read_audio(recording)
    assert rate == RATE
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, SAMPLES / np.float32(32768))
    assert info_of(recording) == AudioInfo(RATE, RATE, 1)


def test_a_part_is_cut_out_by_seconds(recording: Path) -> None:
    wave, _ = read_audio(recording, start=0.25, end=0.5)
    np.testing.assert_array_equal(wave, SAMPLES[4000:8000] / np.float32(32768))
    np.testing.assert_array_equal(read_audio(recording, start=0.75)[0], SAMPLES[12000:] / np.float32(32768))


@pytest.mark.parametrize(("start", "end"), [(0.5, 1.01), (1.0, None), (0.5, 0.5), (0.6, 0.5), (-0.1, 0.5)])
def test_a_part_outside_the_file_is_refused(recording: Path, start: float, end: float | None) -> None:
    assert "it lasts 1 s; correct the start and end" in refusal(recording, start=start, end=end)


def test_a_truncated_file_is_refused(recording: Path) -> None:
    cut(recording, recording.stat().st_size // 2)
    assert refusal(recording).startswith("is truncated")
    if recording.suffix != ".flac":  # what a FLAC header promises cannot be compared with the size of the file
        with pytest.raises(AudioError, match="is truncated"):
            info_of(recording)


def test_a_file_that_lacks_its_last_sample_is_truncated(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SAMPLES, RATE)
    cut(tmp_path / "a.wav", 44 + 2 * RATE - 2)
    assert refusal(tmp_path / "a.wav").startswith("is truncated: its header speaks of 32044 bytes, it has 32042")


def streamed(path: Path, size: bytes, subtype: str = "PCM_16", between: bytes = b"") -> None:
    """A WAV as a recorder leaves it that cannot seek back, with this in place of its sizes."""
    soundfile.write(path, SAMPLES, RATE, subtype=subtype)
    content = path.read_bytes()
    data = content.index(b"data")
    riff = content[:4] + size + content[8:data]
    path.write_bytes(riff + between + b"data" + size + content[data + 8 :])


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\xf0\xff\x7f"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_a_streamed_wav_is_read_to_the_end_of_the_file(tmp_path: Path, size: bytes, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES, RATE, subtype=subtype)
    expected, _ = read_audio(path)
    streamed(path, size, subtype)
    np.testing.assert_array_equal(read_audio(path)[0], expected)
    assert info_of(path) == AudioInfo(RATE, RATE, 1, streamed=True)
    np.testing.assert_array_equal(read_audio(path, start=0.25, end=0.5)[0], expected[4000:8000])


def test_a_streamed_wav_may_have_chunks_before_its_samples_and_end_inside_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    streamed(path, b"\0\0\0\0", between=b"LIST\x04\x00\x00\x00abcd")
    with open(path, "ab") as stream:
        stream.write(b"x")  # half a sample
    np.testing.assert_array_equal(read_audio(path)[0], SAMPLES / np.float32(32768))


@pytest.mark.parametrize("behind", [b"", b"LIST\x04\x00\x00\x00abcd"])
def test_a_wav_that_says_truly_that_it_is_empty_is_not_a_streamed_one(tmp_path: Path, behind: bytes) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES[:0], RATE)
    path.write_bytes(path.read_bytes()[:44] + behind)
    assert refusal(path) == "has no samples; make or fetch it again"


def test_chunks_before_the_samples_are_stepped_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES, RATE)
    content = path.read_bytes()
    path.write_bytes(content[:36] + b"LIST\x03\x00\x00\x00abc\x00" + content[36:])
    assert len(read_audio(path)[0]) == RATE
    cut(path, 20000)
    assert refusal(path).startswith("is truncated: its header speaks of 32056 bytes")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.wav") == "there is no such file"
    assert refusal(tmp_path) == "is a folder, not a file"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert refusal(path).startswith("is empty (0 bytes)")
    soundfile.write(path, SAMPLES[:0], RATE)
    assert refusal(path).startswith("has no samples")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.raw", "a.txt", "noending"])
def test_what_is_not_audio_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("not audio at all, but long enough for any header " * 10)
    assert refusal(tmp_path / name).startswith("is not audio that can be decoded")


def test_of_two_channels_one_must_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([SAMPLES, SAMPLES // 2], axis=1), RATE)
    assert refusal(path) == (
        "has 2 channels, not one; choose with --channel 1|2|mean, or a column 'channel' of the list"
    )
    first, second = (read_audio(path, channel=channel)[0] for channel in "12")
    np.testing.assert_array_equal(first, SAMPLES / np.float32(32768))
    np.testing.assert_array_equal(second, (SAMPLES // 2) / np.float32(32768))
    np.testing.assert_array_equal(read_audio(path, channel="mean")[0], (first + second) / 2)
    np.testing.assert_array_equal(read_audio(path, channel="2", start=0.25, end=0.5)[0], second[4000:8000])


def test_a_file_of_one_channel_has_a_first_channel_and_a_mean_but_no_second(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES, RATE)
    for channel in ("1", "mean"):
        np.testing.assert_array_equal(read_audio(path, channel=channel)[0], SAMPLES / np.float32(32768))
    assert refusal(path, channel="2") == "has 1 channel, and no channel 2"


def test_another_rate_is_refused_unless_resampled(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    time = np.arange(44100) / 44100
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * time), 44100)
    assert refusal(path, sample_rate=RATE).startswith("sampling rate is 44100 Hz, not 16000; set 'resample: true'")
    wave, rate = read_audio(path, sample_rate=RATE, resample=True)
    assert (rate, wave.shape, wave.dtype) == (RATE, (RATE,), np.dtype(np.float32))
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(wave[100:-100], expected[100:-100], atol=2e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    wave = np.zeros(RATE, np.float32)
    wave[77] = bad
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    assert refusal(tmp_path / "a.wav").startswith("holds samples that are not numbers")


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(AudioError(Path("a.wav"), "is empty")))
    assert (str(error), error.path, error.what) == ("a.wav: is empty", Path("a.wav"), "is empty")
