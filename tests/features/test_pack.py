"""Packed sets: the same samples and features as the recordings, in every reader; what is rounded, stale or damaged."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from svtok.audio.decode import read_audio
from svtok.audio.packed import ABOUT, PACKED
from svtok.cli.pack import pack as command
from svtok.errors import AudioError, ProblemsError, SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import extract_features, utterances_of
from svtok.features.pack import pack, pack_problems
from svtok.features.store import FeatureStore
from svtok.manifest.kaldi.writing import write_data_dir
from svtok.manifest.sets import CorpusInfo, PreparedSet, read_corpus_info, read_set, write_corpus_info, write_set
from svtok.manifest.validate import validate_set

RATE = 16000
MakeSet = Callable[..., PreparedSet]


@pytest.fixture
def packed(make_set: MakeSet, tmp_path: Path) -> tuple[PreparedSet, PreparedSet]:
    """A set, and the same one packed into the folder packed/train."""
    original, out = make_set(3), tmp_path / "packed" / "train"
    pack(original, out, sample_rate=RATE, jobs=1)
    return original, read_set(out)


def write(folder: Path, waves: dict[str, np.ndarray], rate: int = RATE, subtype: str = "PCM_16") -> PreparedSet:
    """A set of recordings with these samples."""
    folder.mkdir(parents=True)
    for utt, wave in waves.items():
        soundfile.write(folder / f"{utt}.wav", wave, rate, subtype=subtype)
    paths = [f"{utt}.wav" for utt in waves]
    write_set(PreparedSet(pd.DataFrame({"utt": list(waves), "path": paths, "spk": "s", "phrase": "p"})), folder / "set")
    prepared = read_set(folder / "set")
    table = prepared.utterances.assign(path=[str(folder / path) for path in paths])
    write_set(PreparedSet(table), folder / "set")
    return read_set(folder / "set")


def test_a_packed_set_has_the_samples_of_its_recordings_and_their_lengths(
    packed: tuple[PreparedSet, PreparedSet],
) -> None:
    original, ours = packed
    for theirs, mine in zip(utterances_of(original), utterances_of(ours), strict=True):
        wave, rate = mine.read(RATE, resample=False)
        assert rate == RATE
        np.testing.assert_array_equal(wave, theirs.read(RATE, resample=False)[0])
    lengths = [soundfile.info(path).frames for path in original.utterances["path"]]
    assert ours.utterances["num_samples"].tolist() == lengths
    assert ours.utterances["path"].tolist() == [PACKED] * 3


def test_features_of_a_packed_set_are_those_of_the_recordings(
    packed: tuple[PreparedSet, PreparedSet], tmp_path: Path
) -> None:
    stores = []
    for number, prepared in enumerate(packed):
        extract_features(prepared, FeaturesConfig(bands=(5,)), tmp_path / str(number), jobs=1)
        stores.append(FeatureStore.open(tmp_path / str(number)))
    assert stores[0].identity == stores[1].identity


def test_a_part_of_a_recording_and_one_of_its_channels_are_packed_alone(tmp_path: Path) -> None:
    wave = np.arange(-800, 800, dtype=np.int16).reshape(800, 2) * 10
    soundfile.write(tmp_path / "two.wav", wave, 8000)
    table = pd.DataFrame(
        {"utt": ["a", "b"], "path": str(tmp_path / "two.wav"), "spk": "s", "phrase": "p"}
        | {"start": [0.0, 0.05], "end": [0.05, 0.0625], "channel": ["1", "2"]}
    )
    write_set(PreparedSet(table), tmp_path / "set")
    pack(read_set(tmp_path / "set"), tmp_path / "packed", sample_rate=8000, jobs=1)
    samples = np.fromfile(tmp_path / "packed" / PACKED, "<i2")
    np.testing.assert_array_equal(samples, [*wave[:400, 0], *wave[400:500, 1]])
    assert "channel" not in read_set(tmp_path / "packed").utterances


def test_recordings_of_another_rate_are_resampled_once(tmp_path: Path, make_set: MakeSet) -> None:
    original = make_set(1)
    pack(original, tmp_path / "packed", sample_rate=8000, jobs=1)
    (mine,), (theirs,) = utterances_of(read_set(tmp_path / "packed")), utterances_of(original)
    wave, rate = mine.read(8000, resample=False)
    assert rate == 8000
    np.testing.assert_allclose(wave, theirs.read(8000, resample=True)[0], atol=0.5 / 32768)


def test_a_packed_set_serves_a_network_of_another_rate_too(packed: tuple[PreparedSet, PreparedSet]) -> None:
    original, ours = packed
    (mine, *_), (theirs, *_) = utterances_of(ours), utterances_of(original)
    np.testing.assert_array_equal(mine.read(8000, resample=True)[0], theirs.read(8000, resample=True)[0])


def test_without_a_rate_it_is_that_of_the_recordings_where_they_have_one(tmp_path: Path, make_set: MakeSet) -> None:
    original = make_set(2)
    with pytest.raises(SvtokError, match="--sample-rate"):
        pack(original, tmp_path / "packed", sample_rate=None, jobs=1)
    table = original.utterances.assign(sample_rate=[16000, 8000], num_samples=[100, 100])
    with pytest.raises(SvtokError, match=r"8000, 16000 Hz.*--sample-rate"):
        pack(PreparedSet(table, folder=original.folder), tmp_path / "packed", sample_rate=None, jobs=1)


def test_a_recording_of_more_than_16_bits_is_rounded_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, coarse, loud = np.array([0.1, 0.2]), np.array([0.5, -0.25]), np.array([1.5, -2.0])
    prepared = write(tmp_path / "in", {"coarse": coarse, "fine": fine, "loud": loud}, subtype="FLOAT")
    pack(prepared, tmp_path / "packed", sample_rate=RATE, jobs=1)
    said = capsys.readouterr().err
    assert "1 of 3 recordings hold more than 16 bits a sample, which were rounded: fine\n" in said
    assert "1 of 3 recordings go beyond full scale, and were clipped: loud\n" in said
    samples = np.fromfile(tmp_path / "packed" / PACKED, "<i2")
    assert samples.tolist() == [16384, -8192, 3277, 6554, 32767, -32768]


def test_a_recording_that_cannot_be_read_is_named_and_nothing_is_written(make_set: MakeSet, tmp_path: Path) -> None:
    original = make_set(3)
    for utt in ("u000", "u002"):
        (tmp_path / "audio" / f"{utt}.wav").write_bytes(b"no audio")
    with pytest.raises(ProblemsError, match=r"(?s)2 problems.*u000.*u002"):
        pack(original, tmp_path / "packed", sample_rate=RATE, jobs=1)
    assert not (tmp_path / "packed").exists()


def test_the_set_itself_and_other_folders_are_not_written_over(make_set: MakeSet, tmp_path: Path) -> None:
    original = make_set(1)
    assert original.folder
    with pytest.raises(SvtokError, match="another folder"):
        pack(original, original.folder, sample_rate=RATE, jobs=1)
    with pytest.raises(SvtokError, match="holds other files"):
        pack(original, tmp_path / "audio", sample_rate=RATE, jobs=1)


def damage_by_cutting(folder: Path) -> None:
    with open(folder / PACKED, "r+b") as stream:
        stream.truncate(1000)


def damage_by_adding(folder: Path) -> None:
    with open(folder / PACKED, "ab") as stream:
        stream.write(b"more")


def damage_by_another_table(folder: Path) -> None:
    table = folder / "utterances.tsv"
    table.write_text(table.read_text().replace("u000", "u009"))


def damage_by_no_yaml(folder: Path) -> None:
    (folder / ABOUT).unlink()


def damage_by_bad_yaml(folder: Path) -> None:
    (folder / ABOUT).write_text("samples: many\n")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (damage_by_cutting, "is truncated: pack.yaml speaks of"),
        (damage_by_adding, "is damaged: pack.yaml speaks of"),
        (damage_by_another_table, "is stale: utterances.tsv beside it is not the one"),
        (damage_by_no_yaml, "pack.yaml: there is no such file"),
        (damage_by_bad_yaml, "is no packed set, or a damaged one"),
        (lambda folder: (folder / PACKED).unlink(), "cannot be read: No such file"),
    ],
)
def test_a_packed_set_that_is_not_whole_is_refused(
    packed: tuple[PreparedSet, PreparedSet], damage: Callable[[Path], None], what: str
) -> None:
    folder = packed[1].folder
    assert folder
    damage(folder)
    with pytest.raises(AudioError, match=re.escape(what)) as caught:
        read_audio(folder / PACKED)
    assert "run 'svtok pack' again" in str(caught.value)


def test_a_part_beyond_the_end_of_a_packed_file_is_refused(packed: tuple[PreparedSet, PreparedSet]) -> None:
    assert packed[1].folder
    with pytest.raises(AudioError, match="has no part from 0 to 9 s"):
        read_audio(packed[1].folder / PACKED, end=9.0)


def test_validate_hears_a_packed_set_and_knows_other_samples_and_changed_recordings(
    packed: tuple[PreparedSet, PreparedSet], tmp_path: Path
) -> None:
    folder = packed[1].folder
    assert folder
    assert validate_set(folder, audio=True, jobs=1)[1] == []
    assert pack_problems(folder) == []
    content = bytearray((folder / PACKED).read_bytes())
    content[10] ^= 1
    (folder / PACKED).write_bytes(content)
    wave, rate = soundfile.read(tmp_path / "audio" / "u001.wav")
    soundfile.write(tmp_path / "audio" / "u001.wav", wave[:-1], rate)
    assert [re.findall("is damaged|is stale", str(problem)) for problem in pack_problems(folder)] == [
        ["is damaged"],
        ["is stale"],
    ]


def test_kaldi_gets_no_packed_set(packed: tuple[PreparedSet, PreparedSet], tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="export the set that was packed"):
        write_data_dir(packed[1], tmp_path / "kaldi")


def test_the_command_packs_all_sets_of_a_corpus_with_its_caption_and_again_only_what_changed(
    make_set: MakeSet, tmp_path: Path
) -> None:
    make_set(2)
    write_corpus_info(tmp_path / "data/toy", CorpusInfo(name="toy", synthetic=True))
    arguments = [str(tmp_path / "data/toy"), "--out", str(tmp_path / "packed"), "--sample-rate", "16000", "--jobs", "1"]
    run = CliRunner().invoke(command, arguments)
    assert (run.exit_code, run.output) == (0, f"{tmp_path}/packed/train: 2 utterances, 0.00 hours\n")
    assert read_corpus_info(tmp_path / "packed") == CorpusInfo(name="toy", synthetic=True)
    assert "up to date" in CliRunner().invoke(command, arguments).output
    wave, rate = soundfile.read(tmp_path / "audio" / "u001.wav")
    soundfile.write(tmp_path / "audio" / "u001.wav", wave[:-1], rate)
    assert "up to date" not in CliRunner().invoke(command, arguments).output
