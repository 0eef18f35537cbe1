import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from svtok.errors import Problem, ProblemsError
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet, write_set
from svtok.manifest.validate import validate_set


@pytest.fixture
def folder(recordings: pd.DataFrame, tmp_path: Path) -> Path:
    write_set(
        PreparedSet(recordings, *make_models_and_trials(recordings, enroll_takes=2, iw_share=1)), tmp_path / "set"
    )
    return tmp_path / "set"


def edit(path: Path, line: int, old: str, new: str) -> None:
    """Replace in one line, counted from 1, which must hold `old`."""
    lines = path.read_text().split("\n")
    assert old in lines[line - 1], lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_text("\n".join(lines))


def told(problems: list[Problem]) -> list[str]:
    """File name, line and text of each problem."""
    return [f"{Path(problem.path or '').name}:{problem.line}: {problem.what}" for problem in problems]


def test_a_sound_set_has_no_problem(folder: Path) -> None:
    prepared, problems = validate_set(folder)
    assert problems == []
    assert prepared.models is not None
    assert prepared.trials is not None


def test_all_problems_between_tables_are_told_at_once(folder: Path) -> None:
    models, trials = folder / "models.tsv", folder / "trials.tsv"
    edit(models, 2, "a-x-1", "nobody")
    edit(models, 3, "\ty\t", "\tx\t")
    edit(models, 4, "b-x-2", "b-x-3")
    edit(trials, 2, "TC", "IW")
    problems = told(validate_set(folder, audio=False)[1])
    assert "models.tsv:2: unknown utterance 'nobody'" in problems
    assert "models.tsv:3: phrase is 'x', but utterance 'a-y-1' has 'y'" in problems
    assert "trials.tsv:2: type is 'IW', but speakers and phrases say TC" in problems
    assert any(re.fullmatch(r"trials.tsv:\d+: test utterance 'b-x-3' also enrolls 'b-x'", what) for what in problems)


def test_a_name_that_no_table_knows_is_told_once_with_the_number_of_its_trials(folder: Path) -> None:
    text = (folder / "trials.tsv").read_text()
    (folder / "trials.tsv").write_text(text.replace("\tb-y-4", "\tb-y-9").replace("\nb-y\t", "\nb-z\t"))
    problems = told(validate_set(folder, audio=False)[1])
    assert problems == [
        "trials.tsv:26: unknown model 'b-z' (trials with it: 8)",
        "trials.tsv:9: unknown utterance 'b-y-9' (trials with it: 4)",
    ]


def test_labels_are_compared_with_the_derived_types(folder: Path) -> None:
    text = (folder / "trials.tsv").read_text()
    (folder / "trials.tsv").write_text(re.sub(r"\t(TW|IC|IW)\n", "\tnontarget\n", text).replace("\tTC\n", "\ttarget\n"))
    assert validate_set(folder, audio=False)[1] == []
    edit(folder / "trials.tsv", 4, "nontarget", "target")
    assert told(validate_set(folder, audio=False)[1]) == [
        "trials.tsv:4: type is 'target', but speakers and phrases say TW"
    ]


def test_a_table_out_of_order_is_still_checked_against_the_others(folder: Path) -> None:
    lines = (folder / "utterances.tsv").read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "utterances.tsv").write_text("\n".join(lines))
    edit(folder / "trials.tsv", 2, "TC", "IC")
    assert told(validate_set(folder, audio=False)[1]) == [
        "utterances.tsv:3: the rows are not sorted bytewise by utt (as LC_ALL=C sort does): 1 come too late",
        "trials.tsv:2: type is 'IC', but speakers and phrases say TC",
    ]


def test_repeated_utterances_and_trials_are_told(folder: Path) -> None:
    for name, line in (("utterances.tsv", 3), ("trials.tsv", 5)):
        lines = (folder / name).read_text().splitlines()
        lines.insert(line, lines[line - 1])
        (folder / name).write_text("\n".join(lines))
    assert told(validate_set(folder)[1]) == [
        "utterances.tsv:4: utt 'a-x-2' is there twice",
        "trials.tsv:6: model utt 'a-x a-y-4' is there twice",
    ]


def test_trials_without_models_and_empty_tables_are_told(folder: Path) -> None:
    (folder / "models.tsv").unlink()
    assert told(validate_set(folder, audio=False)[1]) == ["trials.tsv:None: there are trials, but no models"]
    for name in ("utterances", "trials"):
        header = (folder / f"{name}.tsv").read_text().split("\n")[0]
        (folder / f"{name}.tsv").write_text(header)
    (folder / "models.tsv").write_text("model\tspk\tphrase\tutts\n")
    assert told(validate_set(folder)[1]) == [
        "utterances.tsv:None: there is no utterance",
        "models.tsv:None: there is no model",
        "trials.tsv:None: there is no trial",
    ]


def test_tables_that_cannot_be_read_are_all_told(folder: Path) -> None:
    edit(folder / "utterances.tsv", 1, "spk", "speaker")
    edit(folder / "trials.tsv", 2, "\tTC", "")
    with pytest.raises(ProblemsError) as error:
        validate_set(folder)
    assert [what.split(" (")[0] for what in told(error.value.problems)] == [
        "utterances.tsv:1: unknown column of utterances 'speaker'",
        "utterances.tsv:1: column 'spk' is missing in the header",
        "trials.tsv:2: 2 fields where there should be 3",
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_recordings_that_cannot_be_used_are_all_told(
    folder: Path, recordings: pd.DataFrame, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svtok.manifest.recordings.FEW_FILES", 0)
    paths = [Path(path) for path in recordings["path"]]
    paths[0].unlink()
    paths[1].write_bytes(b"")
    paths[2].write_bytes(paths[2].read_bytes()[:500])
    paths[3].write_text("this is not audio")
    soundfile.write(paths[4], np.zeros((800, 2)), 8000)
    soundfile.write(paths[5], np.full(800, np.nan), 8000, subtype="FLOAT")
    soundfile.write(paths[6], np.zeros(801), 8000)
    soundfile.write(paths[7], np.zeros(800), 16000)
    problems = told(validate_set(folder, jobs=jobs)[1])
    expected = ["no such file", "empty", "truncated", "not audio", "2 channels", "NaN"]
    assert [re.match(r"utterances.tsv:(\d+)", what).group(1) for what in problems] == [str(n) for n in range(2, 10)]  # type: ignore[union-attr]
    assert all(word in what for word, what in zip(expected, problems, strict=False))
    assert problems[6:] == [
        "utterances.tsv:8: num_samples is 800, but there are 801",
        "utterances.tsv:9: sample_rate is 8000, but the file has 16000",
    ]
    assert validate_set(folder, audio=False)[1] == []


def test_parts_are_inside_their_file_and_as_long_as_told(recordings: pd.DataFrame, tmp_path: Path) -> None:
    table = recordings.iloc[:3].assign(start=[0.0, 0.05, 0.01], end=[0.05, 0.2, 0.02], num_samples=[400, 1200, 81])
    write_set(PreparedSet(table), tmp_path / "set")
    assert told(validate_set(tmp_path / "set")[1]) == [
        "utterances.tsv:3: end 0.2 is after the end of the file, 0.1 s",
        "utterances.tsv:4: num_samples is 81, but there are 80",
    ]


def test_a_file_of_many_utterances_is_told_for_each(recordings: pd.DataFrame, tmp_path: Path) -> None:
    Path(recordings["path"][0]).unlink()
    table = recordings.iloc[:2].assign(path=recordings["path"][0], start=[0.0, 0.05], end=[0.05, 0.1], num_samples=400)
    write_set(PreparedSet(table), tmp_path / "set")
    assert len(validate_set(tmp_path / "set")[1]) == 2
