"""Phrases that train lacks and that dev and eval say alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.new_phrases import hold_out_phrases
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet, read_set

pytestmark = pytest.mark.slow

WHERE = Path("corpus")
PHRASES = ["a", "b", "c", "d"]


def one_set(speakers: str, phrases: list[str], *, trials: bool = True) -> PreparedSet:
    rows = [(f"{spk}-{phrase}-{take}", "x", spk, phrase) for spk in speakers for phrase in phrases for take in range(3)]
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"])
    if not trials:
        return PreparedSet(utterances)
    return PreparedSet(utterances, *make_models_and_trials(utterances, enroll_takes=2, iw_share=1))


@pytest.fixture
def sets() -> dict[str, PreparedSet]:
    return {"train": one_set("uv", PHRASES, trials=False), "dev": one_set("wx", [*PHRASES, "e"])}


def test_train_says_none_of_the_new_phrases_and_dev_nothing_else(sets: dict[str, PreparedSet]) -> None:
    found = hold_out_phrases(WHERE, sets, 2, seed=0)
    trained, new = (set(found[name].utterances["phrase"]) for name in ("train", "dev"))
    assert len(trained) == len(new) == 2
    assert trained | new == set(PHRASES)  # e is in dev alone, and so is not drawn
    models, trials = found["dev"].protocol()
    assert set(models["phrase"]) == new
    # two speakers' two phrases: 4 models, 4 tests, a trial of each pair
    assert trials["type"].value_counts().to_dict() == {"TC": 4, "TW": 4, "IC": 4, "IW": 4}
    assert set(trials["utt"]) <= set(found["dev"].utterances["utt"])


def test_the_draw_is_that_of_the_seed(sets: dict[str, PreparedSet]) -> None:
    drawn = [frozenset(hold_out_phrases(WHERE, sets, 2, seed)["dev"].utterances["phrase"]) for seed in range(20)]
    again = [frozenset(hold_out_phrases(WHERE, sets, 2, seed)["dev"].utterances["phrase"]) for seed in range(20)]
    assert drawn == again
    assert len(set(drawn)) == 6  # all that there are of 2 in 4


def test_a_file_names_the_new_phrases_and_those_of_dev_alone_may_be_among_them(
    sets: dict[str, PreparedSet], tmp_path: Path
) -> None:
    file = tmp_path / "new.txt"
    file.write_text("# new\nb\n\ne\n")
    found = hold_out_phrases(WHERE, sets, file, seed=0)
    assert set(found["dev"].utterances["phrase"]) == {"b", "e"}
    assert set(found["train"].utterances["phrase"]) == {"a", "c", "d"}


def test_every_line_that_is_no_phrase_is_named(sets: dict[str, PreparedSet], tmp_path: Path) -> None:
    file = tmp_path / "new.txt"
    file.write_text("b\nf\ng h\n")
    with pytest.raises(ProblemsError) as caught:
        hold_out_phrases(WHERE, sets, file, seed=0)
    said = [str(problem) for problem in caught.value.problems]
    assert [line.startswith(f"{file}:{number}: ") for line, number in zip(said, (2, 3), strict=True)] == [True, True]
    file.write_text("# none\n")
    with pytest.raises(SvtokError, match="names no phrase"):
        hold_out_phrases(WHERE, sets, file, seed=0)


@pytest.mark.parametrize("new", [4, 5])
def test_something_is_left_to_train_on(sets: dict[str, PreparedSet], new: int, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=f"{new} new phrases of the 4 that all sets say"):
        hold_out_phrases(WHERE, sets, new, seed=0)
    file = tmp_path / "new.txt"
    file.write_text("\n".join(PHRASES))
    with pytest.raises(SvtokError, match="the set train has nothing left"):
        hold_out_phrases(WHERE, sets, file, seed=0)


def test_a_corpus_without_train_or_without_anything_else_has_no_new_phrases(sets: dict[str, PreparedSet]) -> None:
    for name in sets:
        with pytest.raises(SvtokError, match=f"there is only {name}"):
            hold_out_phrases(WHERE, {name: sets[name]}, 2, seed=0)


@pytest.mark.parametrize("named", [True, False])
def test_the_command_for_a_table_splits_phrases_and_counts_them(tmp_path: Path, named: bool) -> None:
    lines = ["path,spk,phrase,set"]
    for spk, name in (("u", "train"), ("v", "dev"), ("w", "dev")):
        for phrase in ("open the door", "b", "c"):
            for take in range(2):
                file = tmp_path / f"{spk}-{phrase}-{take}.wav"
                soundfile.write(file, [0.1, -0.1] * 800, 16000)
                lines.append(f"{file.name},{spk},{phrase},{name}")
    (tmp_path / "all.csv").write_text("\n".join(lines))
    (tmp_path / "new.txt").write_text("open_the_door\nb\n")
    new = str(tmp_path / "new.txt") if named else "2"
    out = tmp_path / "data"
    options = ["--csv", str(tmp_path / "all.csv"), "--out", str(out), "--enroll-takes", "1", "--jobs", "1"]
    result = CliRunner().invoke(svtok, ["prepare", "table", *options, "--new-phrases", new])
    assert result.exit_code == 0, result.output
    assert "note: dev: 2 of its 2 phrases are new; train says 1\n" in result.output
    trained, tested = (set(read_set(out / name).utterances["phrase"]) for name in ("train", "dev"))
    assert (len(trained), len(tested), trained & tested) == (1, 2, set())
    if named:
        assert tested == {"open_the_door", "b"}


@pytest.mark.parametrize("value", ["0", "nowhere.txt"])
def test_numbers_and_files_that_are_none_are_refused(tmp_path: Path, value: str) -> None:
    options = ["--root", str(tmp_path), "--new-phrases", value]
    assert CliRunner().invoke(svtok, ["prepare", "arabic-commands", *options]).exit_code == 2
