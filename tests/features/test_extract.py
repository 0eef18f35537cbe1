import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import svtok
from svtok.audio.decode import read_audio
from svtok.errors import ProblemsError, SvtokError
from svtok.features import extract
from svtok.features.config import FeaturesConfig, VadConfig
from svtok.features.extract import compute_features, extract_features
from svtok.features.frames import gaussianised, voiced_frames
from svtok.features.spectral import spectral_features, with_deltas
from svtok.features.store import FeatureStore
from svtok.manifest.sets import PreparedSet

pytestmark = pytest.mark.slow

Voiced = Callable[..., np.ndarray]
MakeSet = Callable[..., PreparedSet]
CONFIG = FeaturesConfig(bands=(8,))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "UTTERANCES_A_PART", 2)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were decoded."""
    names: list[str] = []

    def recording(path: Path, **options: object) -> tuple[np.ndarray, int]:
        names.append(path.stem)
        return read_audio(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(extract, "read_audio", recording)
    return names


def path_of(prepared: PreparedSet, number: int) -> Path:
    return Path(prepared.utterances["path"][number])


def test_all_steps_follow_each_other(voiced: Voiced) -> None:
    wave = voiced(1.0)
    config = FeaturesConfig(kind="mfcc", bands=(30,), deltas=2, vad=VadConfig(), normalise="gaussianise")
    features, energy = spectral_features(wave, config)
    assert energy is not None
    voiced_ones = voiced_frames(energy, VadConfig())
    assert 10 < voiced_ones.sum() < len(voiced_ones) - 10
    got = compute_features(wave, 16000, config)
    assert (got.shape, got.dtype) == ((voiced_ones.sum(), 60), np.dtype(np.float32))
    np.testing.assert_array_equal(got, gaussianised(with_deltas(features, 2)[voiced_ones], 300))


def test_an_utterance_without_voice_another_rate_and_a_short_one_are_refused(voiced: Voiced) -> None:
    quiet = np.full(8000, 1 / 32768, np.float32)
    with pytest.raises(SvtokError, match="has no voiced frame"):
        compute_features(quiet, 16000, FeaturesConfig(vad=VadConfig()))
    with pytest.raises(SvtokError, match="sampling rate is 8000 Hz, the features are configured for 16000 Hz"):
        compute_features(voiced(1.0), 8000, FeaturesConfig())
    with pytest.raises(SvtokError, match="less than one window"):
        compute_features(voiced(0.02), 16000, FeaturesConfig())


def test_the_store_holds_the_features_of_every_utterance(make_set: MakeSet, tmp_path: Path) -> None:
    prepared = make_set(5)
    assert extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    store = FeatureStore.open(tmp_path / "feats")
    assert store.utts == prepared.utterances["utt"].tolist()
    assert store.config == CONFIG
    for number, utt in enumerate(store.utts):
        wave, rate = read_audio(path_of(prepared, number))
        np.testing.assert_array_equal(store[utt], compute_features(wave, rate, CONFIG))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "data", "feats"]


def test_several_processes_write_the_same_files(make_set: MakeSet, tmp_path: Path) -> None:
    prepared = make_set(5)
    threads = torch.get_num_threads()
    extract_features(prepared, CONFIG, tmp_path / "one", jobs=1)
    assert torch.get_num_threads() == threads
    extract_features(prepared, CONFIG, tmp_path / "two", jobs=2)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_utterances_may_be_parts_of_files(make_set: MakeSet, tmp_path: Path) -> None:
    prepared = make_set(2)
    table = prepared.utterances.assign(start=[0.0, 0.05], end=[0.1, 0.2])
    extract_features(replace(prepared, utterances=table), CONFIG, tmp_path / "feats", jobs=1)
    store = FeatureStore.open(tmp_path / "feats")
    wave, _ = read_audio(path_of(prepared, 1))
    np.testing.assert_array_equal(store["u001"], compute_features(wave[800:3200], 16000, CONFIG))
    assert store.frames("u000") == 8


def test_the_channel_of_each_utterance_is_read(make_set: MakeSet, tmp_path: Path) -> None:
    prepared, out = make_set(3), tmp_path / "feats"
    first, second = (read_audio(path_of(prepared, 0))[0], read_audio(path_of(prepared, 1))[0][:3200])
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.stack([first, second], axis=1), 16000)
    table = prepared.utterances.assign(path=str(stereo))
    for channels, chosen in ((["1", "2", "mean"], "as chosen"), (["2", "2", "2"], "as chosen anew")):
        assert extract_features(replace(prepared, utterances=table.assign(channel=channels)), CONFIG, out, jobs=1), (
            chosen
        )
        store = FeatureStore.open(out)
        waves = {"1": first, "2": second, "mean": (first + second) / 2}
        for utt, channel in zip(("u000", "u001", "u002"), channels, strict=True):
            np.testing.assert_array_equal(store[utt], compute_features(waves[channel], 16000, CONFIG))
    with pytest.raises(ProblemsError, match=r"has 2 channels, not one; choose with --channel 1\|2\|mean"):
        extract_features(replace(prepared, utterances=table), CONFIG, out, jobs=1)


def test_finished_features_are_kept_until_something_changes(
    make_set: MakeSet, tmp_path: Path, decoded: list[str]
) -> None:
    prepared, out = make_set(5), tmp_path / "feats"
    assert extract_features(prepared, CONFIG, out, jobs=1)
    assert not extract_features(prepared, CONFIG, out, jobs=1)
    assert len(decoded) == 5
    assert extract_features(prepared, FeaturesConfig(bands=(9,)), out, jobs=1)
    assert FeatureStore.open(out).dim == 9
    assert extract_features(replace(prepared, utterances=prepared.utterances[:4]), CONFIG, out, jobs=1)
    assert len(FeatureStore.open(out)) == 4
    soundfile.write(path_of(prepared, 3), np.zeros(8000), 16000)
    assert extract_features(replace(prepared, utterances=prepared.utterances[:4]), CONFIG, out, jobs=1)
    assert FeatureStore.open(out).frames("u003") == 48


def test_a_damaged_part_names_the_folder_to_remove(make_set: MakeSet, tmp_path: Path) -> None:
    prepared, out = make_set(4), tmp_path / "feats"
    path_of(prepared, 3).unlink()
    with pytest.raises(ProblemsError):
        extract_features(prepared, CONFIG, out, jobs=1)
    (part,) = tmp_path.glob(".feats.parts/*.npz")
    part.write_bytes(part.read_bytes()[:-30])
    soundfile.write(path_of(prepared, 3), np.zeros(800), 16000)
    with pytest.raises(SvtokError, match=r"npz: damaged \(.*; remove the folder .*\.feats\.parts and run again"):
        extract_features(prepared, CONFIG, out, jobs=1)


def test_damaged_features_are_made_again(make_set: MakeSet, tmp_path: Path) -> None:
    prepared, out = make_set(2), tmp_path / "feats"
    extract_features(prepared, CONFIG, out, jobs=1)
    (out / "features.npy").write_bytes(b"")
    assert extract_features(prepared, CONFIG, out, jobs=1)
    assert len(FeatureStore.open(out)) == 2


def test_all_bad_utterances_are_named_and_nothing_is_written(
    make_set: MakeSet, tmp_path: Path, decoded: list[str]
) -> None:
    prepared, out = make_set(8), tmp_path / "feats"
    path_of(prepared, 0).write_bytes(b"")
    path_of(prepared, 3).unlink()
    soundfile.write(path_of(prepared, 5), np.zeros(399), 16000)
    with pytest.raises(ProblemsError) as caught:
        extract_features(prepared, CONFIG, out, jobs=1)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{path_of(prepared, 0)}: utterance 'u000': is empty (0 bytes); make or fetch it again",
        f"{path_of(prepared, 3)}: utterance 'u003': there is no such file",
        f"{path_of(prepared, 5)}: utterance 'u005': lasts 399 samples, less than one window of 400 (25 ms)",
    ]
    assert not out.exists()
    decoded.clear()
    for number in (0, 3, 5):
        soundfile.write(path_of(prepared, number), np.zeros(800), 16000)
    assert extract_features(prepared, CONFIG, out, jobs=1)
    assert decoded == [f"u{number:03}" for number in range(6)]  # the part of u006 and u007 was finished


def test_an_interrupted_run_goes_on_where_it_was(
    make_set: MakeSet, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, out = make_set(6), tmp_path / "feats"

    def interrupted_at_u003(wave: np.ndarray, rate: int, config: FeaturesConfig) -> np.ndarray:
        if decoded[-1] == "u003":
            raise KeyboardInterrupt
        return compute_features(wave, rate, config)

    with monkeypatch.context() as patched:
        patched.setattr(extract, "compute_features", interrupted_at_u003)
        with pytest.raises(KeyboardInterrupt):
            extract_features(prepared, CONFIG, out, jobs=1)
    assert not out.exists()
    decoded.clear()
    assert extract_features(prepared, CONFIG, out, jobs=1)
    assert decoded == ["u002", "u003", "u004", "u005"]
    assert len(FeatureStore.open(out)) == 6


def test_what_a_run_left_that_was_killed_at_its_very_end_is_cleared_up(make_set: MakeSet, tmp_path: Path) -> None:
    prepared, out = make_set(2), tmp_path / "set" / "feats"
    extract_features(prepared, CONFIG, out, jobs=1)
    (out.parent / ".feats.parts").mkdir()
    (out.parent / ".feats.lock").touch()
    assert not extract_features(prepared, CONFIG, out, jobs=1)
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("writer", ["svtok.features.extract.np.savez", "svtok.features.store.write_yaml"])
def test_a_full_disk_leaves_the_features_that_were_there(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    prepared, out = make_set(4), tmp_path / "feats"
    extract_features(prepared, CONFIG, out, jobs=1)

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writer, full)
    with pytest.raises(OSError, match="No space left"):
        extract_features(prepared, FeaturesConfig(bands=(9,)), out, jobs=1)
    assert FeatureStore.open(out).config == CONFIG
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_folder_with_other_files_is_not_replaced(make_set: MakeSet, tmp_path: Path) -> None:
    (tmp_path / "feats").mkdir()
    (tmp_path / "feats" / "thesis.txt").write_text("years of work")
    with pytest.raises(SvtokError, match=r"holds other files \(thesis.txt\)"):
        extract_features(make_set(2), CONFIG, tmp_path / "feats", jobs=1)


def test_bands_that_cannot_be_are_named_once(make_set: MakeSet, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"^\d+ of the mel bands \[300\] are narrower"):
        extract_features(make_set(2), FeaturesConfig(bands=(300,)), tmp_path / "feats", jobs=1)


def test_another_version_of_svtok_keeps_features_and_another_format_makes_them_again(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = make_set(2)
    assert extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    monkeypatch.setattr(svtok, "__version__", "9.9.9")
    assert not extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    monkeypatch.setattr(extract, "FORMAT", "another")
    assert extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)


def test_features_made_again_of_the_same_audio_are_the_same_and_of_other_audio_others(
    make_set: MakeSet, tmp_path: Path
) -> None:
    prepared = make_set(2)
    extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    first = FeatureStore.open(tmp_path / "feats")
    os.utime(path_of(prepared, 0), (1, 1))
    assert extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    again = FeatureStore.open(tmp_path / "feats")
    assert (again.fingerprint == first.fingerprint, again.identity) == (False, first.identity)
    wave, rate = soundfile.read(path_of(prepared, 0))
    soundfile.write(path_of(prepared, 0), wave[::-1], rate)
    extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    assert FeatureStore.open(tmp_path / "feats").identity != first.identity


def test_features_of_before_there_was_their_content_are_still_up_to_date(make_set: MakeSet, tmp_path: Path) -> None:
    prepared = make_set(2)
    extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
    about = tmp_path / "feats/features.yaml"
    about.write_text("".join(line for line in about.read_text().splitlines(True) if not line.startswith("content")))
    store = FeatureStore.open(tmp_path / "feats")
    assert store.identity == store.fingerprint
    assert not extract_features(prepared, CONFIG, tmp_path / "feats", jobs=1)
