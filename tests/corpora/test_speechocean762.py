"""speechocean762, from the archive's own lists and from a table of its recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.speechocean762 import prepare
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set

SPEAKERS = {"train": ("0001", "0003"), "test": ("0002",)}


@pytest.fixture
def archive(tmp_path: Path, silence: Callable[..., None]) -> Path:
    """The archive's layout: two utterances a speaker, one of whom is a girl."""
    root = tmp_path / "corpus"
    for half, speakers in SPEAKERS.items():
        lists: dict[str, list[str]] = {"wav.scp": [], "utt2spk": [], "text": []}
        for speaker in speakers:
            for number in (1, 2):
                utt, path = f"{speaker}{number}", f"WAVE/SPEAKER{speaker}/{speaker}{number}.WAV"
                silence(root / path)
                lists["wav.scp"].append(f"{utt} {path}")
                lists["utt2spk"].append(f"{utt} {speaker}")
                lists["text"].append(f"{utt} SAY {number}")
        lists["spk2gender"] = [f"{speaker} {'f' if speaker == '0003' else 'm'}" for speaker in speakers]
        (root / half).mkdir(parents=True)
        for name, lines in lists.items():
            (root / half / name).write_text("".join(f"{line}\n" for line in lines))
    return root


def test_both_halves_of_the_archive_are_one_training_set_without_phrases(archive: Path) -> None:
    [(name, prepared)] = prepare(archive, allow_missing=True).items()
    assert (name, prepared.models, prepared.trials) == ("train", None, None)
    assert prepared.utterances["spk"].tolist() == ["0001", "0001", "0002", "0002", "0003", "0003"]
    assert prepared.utterances.set_index("utt").loc["00032", ["phrase", "text", "gender", "lang"]].tolist() == [
        "free",
        "SAY 2",
        "f",
        "en",
    ]


def test_a_table_of_the_recordings_gives_the_same_set(archive: Path, tmp_path: Path) -> None:
    wanted = prepare(archive, allow_missing=True)["train"].utterances
    (archive / "recordings.csv").write_text(
        "path,spk,phrase,gender,text\n"
        + "".join(
            f"WAVE/SPEAKER{row.spk}/{row.utt}.WAV,{row.spk},free,{row.gender},{row.text}\n"
            for row in wanted.itertuples()
        )
    )
    result = CliRunner().invoke(
        svtok,
        ["prepare", "speechocean762", "--root", str(archive), "--out", str(tmp_path / "out"), "--allow-missing"],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    found = read_set(tmp_path / "out/train").utterances
    columns = ["utt", "spk", "phrase", "gender", "text", "lang"]
    assert found[columns].to_numpy().tolist() == wanted[columns].to_numpy().tolist()
    assert [Path(path).resolve() for path in found["path"]] == [Path(path).resolve() for path in wanted["path"]]


def test_a_part_of_the_corpus_is_refused_with_the_counts(archive: Path) -> None:
    with pytest.raises(SvtokError, match=r"3 of 250 speakers \(247 missing\); 6 of 5000 recordings"):
        prepare(archive)


def test_another_folder_and_a_missing_recording_are_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"holds neither recordings.csv nor the data directories"):
        prepare(tmp_path)
    (archive / "WAVE/SPEAKER0001/00011.WAV").unlink()
    with pytest.raises(ProblemsError, match=r"00011\.WAV"):
        prepare(archive, allow_missing=True)
