"""Compressed NIST SPHERE, against the samples that a small encoder of our own packed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from svtok.audio.decode import read_audio
from svtok.errors import AudioError, SvtokError

pytestmark = pytest.mark.slow

Compressed = Callable[..., bytes]

SAMPLES = (np.cumsum(np.random.default_rng(0).normal(0, 200, 16100)) % 20000 - 10000).astype(np.int16)


@pytest.fixture
def path(tmp_path: Path, compressed_sphere: Compressed) -> Path:
    path = tmp_path / "m001_01_001.sph"
    path.write_bytes(compressed_sphere(SAMPLES))
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH (but for the shell), and no PyAV."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("svtok.audio.sphere._has_av", lambda: False)
    return folder


def program(folder: Path, text: str) -> None:
    """A stand-in for sph2pipe."""
    path = folder / "sph2pipe"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_pyav_unpacks_the_very_samples(path: Path) -> None:
    pytest.importorskip("av")
    wave, rate = read_audio(path)
    assert rate == 16000
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, SAMPLES / np.float32(32768))
    np.testing.assert_array_equal(read_audio(path, start=0.5, end=0.75)[0], wave[8000:12000])


@pytest.mark.parametrize("keep", [1024, 1030, 5000])
def test_pyav_finds_what_is_truncated(path: Path, keep: int) -> None:
    pytest.importorskip("av")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(AudioError, match="is truncated or damaged"):
        read_audio(path)


def test_sph2pipe_is_taken_where_pyav_is_not_installed(path: Path, tools: Path) -> None:
    wav = path.with_suffix(".wav")
    soundfile.write(wav, SAMPLES, 16000)
    program(tools, f'[ "$*" = "-p -f wav {path}" ] || exit 2\nexec /bin/cat "{wav}"')
    np.testing.assert_array_equal(read_audio(path)[0], SAMPLES / np.float32(32768))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'unable to open' >&2; exit 1", "sph2pipe: unable to open"),
        ("exit 3", "exit status 3"),
        ("exit 0", "exit status 0"),
    ],
)
def test_what_sph2pipe_says_is_passed_on(path: Path, tools: Path, text: str, said: str) -> None:
    program(tools, text)
    with pytest.raises(AudioError, match=said):
        read_audio(path)


@pytest.mark.usefixtures("tools")
def test_without_a_decoder_the_first_file_says_what_to_install(path: Path) -> None:
    with pytest.raises(SvtokError, match=r"embedded-shorten.*pip install 'svtok\[sphere\]' or put sph2pipe") as caught:
        read_audio(path)
    assert not isinstance(caught.value, AudioError)  # of which there would be one for each of thousands of files


def test_another_compression_is_refused(path: Path, compressed_sphere: Compressed) -> None:
    path.write_bytes(compressed_sphere(SAMPLES, coding="pcm,embedded-wavpack-v1.0"))
    with pytest.raises(AudioError, match=r"packed as pcm,embedded-wavpack.*w_decode"):
        read_audio(path)


def test_a_header_without_a_length_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svtok.audio.sphere._has_av", lambda: True)
    path.write_bytes(path.read_bytes().replace(b"sample_count", b"sample_COUNT"))
    with pytest.raises(AudioError, match="without a sample_count"):
        read_audio(path)
