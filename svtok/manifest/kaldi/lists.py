"""Trial lists and score files as Kaldi and its relatives write them: blanks between the fields, no header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.files import writing_file
from svtok.manifest.schema import TRIAL_TYPES, TRIALS, Place, as_numbers, check_cells, check_keys, codes_of
from svtok.manifest.tables import Lines, read_rows, write_rows

LABELS = ("target", "nontarget", *TRIAL_TYPES)
BINARY = ("0", "1")
LABEL_OF = {"1": "target", "0": "nontarget", "target": "target", "nontarget": "nontarget"}


def read_trial_list(path: Path) -> pd.DataFrame:
    """Trials `model utt`, with `target` or `nontarget` behind, or a type (TC TW IC IW), or both; in any order.

    Or, as in VoxCeleb's lists, a label (1 or 0) before two recordings: `1 id10270/x6uYqmx31kE/00001.wav id10270/...`.

    The column `type` is the type where there is one, else the label. Raises ProblemsError with every wrong line.
    """
    names = {2: ["model", "utt"], 3: ["model", "utt", "type"], 4: ["model", "utt", "label", "type"]}
    frame = _read_fields(path, names)
    if "type" in frame and set(frame["model"].unique()) <= set(LABEL_OF) and not set(frame["type"]) <= set(LABELS):
        frame = frame.set_axis(["type", "model", "utt"], axis=1)[["model", "utt", "type"]]
        frame["type"] = frame["type"].map(LABEL_OF)
    place = Place(path)
    problems = [*check_cells(frame, TRIALS, place), *check_keys(frame, TRIALS, place)]
    if "label" in frame and not problems:
        labels, types = frame["label"].to_numpy(object), frame["type"].to_numpy(object)
        wrong = np.flatnonzero(np.where(types == "TC", "target", "nontarget") != labels)
        problems += place.problems(wrong, lambda row: f"label '{labels[row]}' does not go with type '{types[row]}'")
    raise_problems(problems)
    return frame.drop(columns="label", errors="ignore")


def read_score_list(path: Path) -> pd.DataFrame:
    """Scores by trial: columns model, utt and score (float64), in the order of the file.

    The third or the fourth field is the score, the other one, if there is one, a label (target/nontarget, a trial type
    or 0/1): Kaldi writes `model utt score`, WeSpeaker a label and more behind it, 3D-Speaker and SpeechBrain the label
    before it. Raises ProblemsError where that is not clear, and with every line that is wrong.
    """
    more = {
        count: ["model", "utt", "third", "fourth", *(f"field {n}" for n in range(5, count + 1))]
        for count in range(4, 9)
    }
    frame = _read_fields(path, {3: ["model", "utt", "score"], **more})
    if "score" not in frame:
        frame = frame.rename(columns={_score_field(frame, path): "score"})
    place = Place(path)
    scores = as_numbers(frame["score"])
    texts = frame["score"].to_numpy(object)
    problems = list(
        place.problems(np.flatnonzero(~np.isfinite(scores)), lambda row: f"score '{texts[row]}' is no number")
    )
    raise_problems([*problems, *check_keys(frame, TRIALS, place)])
    return frame[["model", "utt"]].assign(score=scores)


def _score_field(frame: pd.DataFrame, path: Path) -> str:
    """Which of the third and the fourth field is the score: the one that is not the label."""
    for labels in (LABELS, BINARY):
        third, fourth = (set(frame[name].unique()) <= set(labels) for name in ("third", "fourth"))
        if third != fourth:
            return "fourth" if third else "third"
    what = "scores and labels look alike in the third and fourth field; keep `model utt score`"
    raise ProblemsError([Problem(what, path)])


def _read_fields(path: Path, names: Mapping[int, list[str]]) -> pd.DataFrame:
    """The fields of each line, all of text, under the names for as many of them as the first line has."""
    lines = Lines.open(path)
    delimiter = "\t" if "\t" in lines.header else " "
    count = len(lines.header.split(delimiter))
    if count not in names:
        fields = "1 field" if count == 1 else f"{count} fields"
        what = f"{fields} with one blank or tab between, where there should be {' or '.join(map(str, names))}"
        raise ProblemsError([Problem(what, path, 1)])
    texts = [name for name in names[count] if name == "score"]
    repeating = [name for name in names[count] if name not in texts]
    return read_rows(lines, names[count], delimiter=delimiter, dictionaries=repeating, header=False).to_pandas()


def write_trial_list(trials: pd.DataFrame, path: Path) -> None:
    """Write `model utt target|nontarget`, in the order given. `type` may be a trial type or a label."""
    codes, values = codes_of(trials["type"])
    labels = np.array(["target" if value in ("TC", "target") else "nontarget" for value in values], dtype=object)
    _write_fields(trials[["model", "utt"]].assign(label=labels[codes]), path)


def write_trial_types(trials: pd.DataFrame, path: Path) -> None:
    """Write `model utt TC|TW|IC|IW`, in the order given."""
    _write_fields(trials[["model", "utt", "type"]], path)


def write_score_list(scores: pd.DataFrame, path: Path) -> None:
    """Write `model utt score`, in the order given and at full precision."""
    _write_fields(scores[["model", "utt", "score"]], path)


def _write_fields(frame: pd.DataFrame, path: Path) -> None:
    with writing_file(path) as temporary:
        write_rows(frame, temporary, delimiter=" ", header=False)
