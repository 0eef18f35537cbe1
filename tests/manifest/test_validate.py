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

pytestmark = pytest.mark.slow


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


def listed(problems: list[Problem]) -> list[str]:
    """File name, line and text of each problem."""
    return [f"{Path(problem.path or '').name}:{problem.line}: {problem.what}" for problem in problems]


def test_a_sound_set_has_no_problem(folder: Path) -> None:
    prepared, problems, warnings = validate_set(folder)
    assert problems == []
    assert warnings == []
    assert prepared.models is not None
    assert prepared.trials is not None


def test_all_problems_between_tables_are_listed_at_once(folder: Path) -> None:
    models, trials = folder / "models.tsv", folder / "trials.tsv"
    edit(models, 2, "a-x-1", "nobody")
    edit(models, 3, "\ty\t", "\tx\t")
    edit(models, 4, "b-x-2", "b-x-3")
    edit(trials, 2, "TC", "IW")
    problems = listed(validate_set(folder, audio=False)[1])
    assert "models.tsv:2: unknown utterance 'nobody'" in problems
    assert "models.tsv:3: phrase is 'x', but utterance 'a-y-1' has 'y'" in problems
    assert "trials.tsv:2: type is 'IW', but speakers and phrases say TC" in problems
    assert any(re.fullmatch(r"trials.tsv:\d+: test utterance 'b-x-3' also enrolls 'b-x'", what) for what in problems)


def test_a_name_that_no_table_knows_is_listed_once_with_the_number_of_its_trials(folder: Path) -> None:
    text = (folder / "trials.tsv").read_text()
    (folder / "trials.tsv").write_text(text.replace("\tb-y-4", "\tb-y-9").replace("\nb-y\t", "\nb-z\t"))
    problems = listed(validate_set(folder, audio=False)[1])
    assert problems == [
        "trials.tsv:26: unknown model 'b-z' (trials with it: 8)",
        "trials.tsv:9: unknown utterance 'b-y-9' (trials with it: 4)",
    ]


def test_labels_are_compared_with_the_derived_types(folder: Path) -> None:
    text = (folder / "trials.tsv").read_text()
    (folder / "trials.tsv").write_text(re.sub(r"\t(TW|IC|IW)\n", "\tnontarget\n", text).replace("\tTC\n", "\ttarget\n"))
    assert validate_set(folder, audio=False)[1] == []
    edit(folder / "trials.tsv", 4, "nontarget", "target")
    assert listed(validate_set(folder, audio=False)[1]) == [
        "trials.tsv:4: type is 'target', but speakers and phrases say TW"
    ]


def test_a_table_in_any_order_is_checked_against_the_others(folder: Path) -> None:
    lines = (folder / "utterances.tsv").read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "utterances.tsv").write_text("\n".join(lines))
    edit(folder / "trials.tsv", 2, "TC", "IC")
    assert listed(validate_set(folder, audio=False)[1]) == [
        "trials.tsv:2: type is 'IC', but speakers and phrases say TC",
    ]


def test_repeated_utterances_and_trials_are_listed(folder: Path) -> None:
    for name, line in (("utterances.tsv", 3), ("trials.tsv", 5)):
        lines = (folder / name).read_text().splitlines()
        lines.insert(line, lines[line - 1])
        (folder / name).write_text("\n".join(lines))
    assert listed(validate_set(folder)[1]) == [
        "utterances.tsv:4: utt 'a-x-2' is there twice, first in line 3",
        "trials.tsv:6: model utt 'a-x a-y-4' is there twice, first in line 5",
    ]


def test_trials_without_models_and_empty_tables_are_listed(folder: Path) -> None:
    (folder / "models.tsv").unlink()
    assert listed(validate_set(folder, audio=False)[1]) == ["trials.tsv:None: there are trials, but no models"]
    for name in ("utterances", "trials"):
        header = (folder / f"{name}.tsv").read_text().split("\n")[0]
        (folder / f"{name}.tsv").write_text(header)
    (folder / "models.tsv").write_text("model\tspk\tphrase\tutts\n")
    assert listed(validate_set(folder)[1]) == [
        "utterances.tsv:None: there is no utterance",
        "models.tsv:None: there is no model",
        "trials.tsv:None: there is no trial",
    ]


def test_tables_that_cannot_be_read_are_all_listed(folder: Path) -> None:
    edit(folder / "utterances.tsv", 1, "spk", "speaker")
    edit(folder / "trials.tsv", 2, "\tTC", "")
    with pytest.raises(ProblemsError) as error:
        validate_set(folder)
    assert [what.split(" (")[0] for what in listed(error.value.problems)] == [
        "utterances.tsv:1: unknown column of utterances 'speaker'",
        "utterances.tsv:1: column 'spk' is missing in the header",
        "trials.tsv:2: 2 fields where there should be 3",
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_recordings_that_cannot_be_used_are_all_listed(
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
    problems = listed(validate_set(folder, jobs=jobs)[1])
    expected = ["no such file", "empty", "truncated", "not audio", "2 channels", "NaN"]
    assert [re.match(r"utterances.tsv:(\d+)", what).group(1) for what in problems] == [str(n) for n in range(2, 10)]  # type: ignore[union-attr]
    assert all(word in what for word, what in zip(expected, problems, strict=False))
    assert problems[6:] == [
        "utterances.tsv:8: num_samples is 800, but there are 801",
        "utterances.tsv:9: sample_rate is 8000, but the file has 16000",
    ]
    assert validate_set(folder, audio=False)[1] == []


def test_parts_are_inside_their_file_and_as_long_as_listed(recordings: pd.DataFrame, tmp_path: Path) -> None:
    table = recordings.iloc[:3].assign(start=[0.0, 0.05, 0.01], end=[0.05, 0.2, 0.02], num_samples=[400, 1200, 81])
    write_set(PreparedSet(table), tmp_path / "set")
    assert listed(validate_set(tmp_path / "set")[1]) == [
        "utterances.tsv:3: end 0.2 is after the end of the file, 0.1 s",
        "utterances.tsv:4: num_samples is 81, but there are 80",
    ]


def test_a_file_of_many_utterances_is_listed_for_each(recordings: pd.DataFrame, tmp_path: Path) -> None:
    Path(recordings["path"][0]).unlink()
    table = recordings.iloc[:2].assign(path=recordings["path"][0], start=[0.0, 0.05], end=[0.05, 0.1], num_samples=400)
    write_set(PreparedSet(table), tmp_path / "set")
    assert len(validate_set(tmp_path / "set")[1]) == 2


def test_recordings_that_a_listener_would_wonder_about_are_listed_as_warnings(
    folder: Path, recordings: pd.DataFrame
) -> None:
    paths = [Path(path) for path in recordings["path"]]
    soundfile.write(paths[0], np.zeros(800), 8000)
    soundfile.write(paths[1], np.full(800, 0.25), 8000)
    loud = np.tile([0.5, -0.5], 400)
    for path, at_full_scale in ((paths[2], 8), (paths[3], 9)):  # of 800: 1 %, and over 1 %
        soundfile.write(path, np.where(np.arange(800) < at_full_scale, 1.0, loud), 8000)
    soundfile.write(paths[4], loud, 8000)
    content = paths[4].read_bytes()
    paths[4].write_bytes(content[:40] + b"\0\0\0\0" + content[44:])
    _, problems, warnings = validate_set(folder)
    assert problems == []
    assert listed(warnings) == [
        f"utterances.tsv:2: {paths[0]}: is silent (every sample is 0)",
        f"utterances.tsv:3: {paths[1]}: is constant (every sample is the same)",
        f"utterances.tsv:5: {paths[3]}: is clipped (over 1 % of the samples are at full scale)",
        f"utterances.tsv:6: {paths[4]}: is streamed (the header does not say how long it is; it is read to the end of "
        "the file)",
    ]
    assert validate_set(folder, audio=False).warnings == []


def test_of_a_file_the_part_and_the_channel_of_the_utterance_is_listened_to(
    recordings: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "stereo.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 800)
    soundfile.write(path, np.stack([noise, np.where(np.arange(800) < 400, 0, noise)], axis=1), 8000)
    table = recordings.iloc[:4].assign(
        path=str(path), start=[0.0, 0.0, 0.05, 0.0], end=[0.05, 0.05, 0.1, 0.05], channel=["1", "2", "2", "mean"]
    )
    write_set(PreparedSet(table.assign(num_samples=400)), tmp_path / "set")
    _, problems, warnings = validate_set(tmp_path / "set")
    assert problems == []
    assert listed(warnings) == [f"utterances.tsv:3: {path}: is silent (every sample is 0)"]


def test_a_channel_that_does_not_exist_and_a_choice_that_was_not_made_are_listed(
    recordings: pd.DataFrame, tmp_path: Path
) -> None:
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.zeros((800, 2)), 8000)
    write_set(PreparedSet(recordings.iloc[:1].assign(channel="2")), tmp_path / "mono")
    assert listed(validate_set(tmp_path / "mono")[1]) == [
        f"utterances.tsv:2: {recordings['path'][0]}: has 1 channel, and no channel 2"
    ]
    write_set(PreparedSet(recordings.iloc[:1].assign(path=str(stereo))), tmp_path / "set")
    assert listed(validate_set(tmp_path / "set")[1]) == [
        f"utterances.tsv:2: {stereo}: has 2 channels, not one; choose with --channel 1|2|mean, or a column 'channel' "
        "of the list"
    ]
    edit(tmp_path / "mono" / "utterances.tsv", 2, "\t2", "\t3")
    assert listed(validate_set(tmp_path / "mono")[1])[0] == "utterances.tsv:2: channel '3' is not one of 1, 2, mean"
