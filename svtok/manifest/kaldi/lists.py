"""Trial lists and score files of other toolkits: blanks between the fields, no header.

| toolkit | trials | scores |
|---|---|---|
| Kaldi | `enroll test target\\|nontarget` | `enroll test score` |
| WeSpeaker | as Kaldi | `enroll test score target\\|nontarget`; normalised, four more numbers |
| 3D-Speaker | as Kaldi, or `enroll test 1\\|0` | `enroll test label score` |
| SpeechBrain | as VoxCeleb | `enroll test 1\\|0 score` |
| VoxCeleb | `1\\|0 recording recording` | |

Which it is shows by where the labels stand, in all lines alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.files import writing_file
from svtok.manifest.schema import TRIAL_TYPES, TRIALS, Place, as_numbers, check_cells, check_keys, codes_of
from svtok.manifest.tables import Lines, first_fields, read_rows, read_trials, write_rows
from svtok.manifest.trial_types import trials_as_categories

Toolkit = Literal["kaldi", "wespeaker", "3d-speaker", "speechbrain", "voxceleb"]

TEXT, BINARY = ("target", "nontarget"), ("1", "0")
LABELS = (*TEXT, *TRIAL_TYPES)
LABEL_OF = {"1": "target", "0": "nontarget"}
KINDS = (TEXT, BINARY, TRIAL_TYPES)
"""Of labels. In one list all are of one kind."""
MOST_NAMED = 5


def read_any_trials(path: Path) -> pd.DataFrame:
    """Trials as categories (`model`, `utt` and, where it is known, `type`): of a table of ours, or of a list.

    A table is Parquet, or has a header that begins with `model`; lists are read by `read_trial_list`, in their order.

    Raises:
        ProblemsError: with every wrong line.
    """
    if path.suffix == ".parquet" or first_fields(path)[:1] == ["model"]:
        return read_trials(path)
    return trials_as_categories(read_trial_list(path))


def read_trial_list(path: Path) -> pd.DataFrame:
    """Trials `model utt`, with `target` or `nontarget`, or `1` or `0`, behind, or a type (TC TW IC IW), or both.

    Or, as in VoxCeleb's lists, the label before two recordings: `1 id10270/x6uYqmx31kE/00001.wav id10270/...`.

    The column `type` is the type where there is one, else the label. Lines may have any order.

    Raises:
        ProblemsError: with every line whose label is elsewhere or of another kind than the others'; or, where these
            are right, with every other wrong line.
    """
    frame = _read_fields(path, {2: ["model", "utt"], 3: ["model", "utt", "type"], 4: ["model", "utt", "label", "type"]})
    place = Place(path)
    elsewhere: list[Problem] = []
    if list(frame) == ["model", "utt", "type"]:
        first, third = (_are_among(frame[name], (*LABELS, *BINARY)) for name in ("model", "type"))
        _refuse_scores(frame["type"], first | third, path)
        if first.all() and third.all() and _are_among(frame["type"], LABELS).all():
            first = _are_among(frame["model"], TEXT)  # what is called 0 or 1 is no label beside words
        if _side(first, third, ("the first field", "the third"), place, elsewhere) == 0:
            frame = frame.set_axis(["type", "model", "utt"], axis=1)[["model", "utt", "type"]]
    labelled = [name for name in ("label", "type") if name in frame]
    for name in labelled:
        elsewhere += _other_kinds(frame[name], place)
    raise_problems(elsewhere)
    for name in labelled:
        frame[name] = frame[name].cat.rename_categories(LABEL_OF)
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
    or 0/1), which is left out.

    Raises:
        ProblemsError: where it is not clear which field is the score, with every line that is wrong.
    """
    more = {
        count: ["model", "utt", "third", "fourth", *(f"field {n}" for n in range(5, count + 1))]
        for count in range(4, 9)
    }
    frame = _read_fields(path, {3: ["model", "utt", "score"], **more})
    place = Place(path)
    if "score" in frame:
        _refuse_labels(frame, path)
    else:
        frame = frame.rename(columns={_score_field(frame, place): "score"})
    scores, texts = _as_scores(frame["score"]), frame["score"].to_numpy(object)
    problems = list(
        place.problems(np.flatnonzero(~np.isfinite(scores)), lambda row: f"score '{texts[row]}' is no number")
    )
    raise_problems([*problems, *check_keys(frame, TRIALS, place)])
    return frame[["model", "utt"]].assign(score=scores)


def _are_among(column: pd.Series, words: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether each row (N,) holds one of the words."""
    codes, values = codes_of(column)
    return np.isin(np.array(values, dtype=object), np.array(words, dtype=object))[codes]


def _side(
    left: NDArray[np.bool_],
    right: NDArray[np.bool_],
    names: tuple[str, str],
    place: Place,
    problems: list[Problem],
) -> int:
    """On which side the labels stand, 0 or 1, where all lines, or else most of them, have one; those that have it on
    the other side alone are added to `problems`.

    Raises ProblemsError where each line has one on both sides.
    """
    if len(left) and left.all() and right.all():
        what = f"{names[0]} and {names[1]} of every line could be its label: rename what is called 0, 1 or target"
        raise ProblemsError([Problem(what, place.path, place.line(0))])
    side = int(right.sum() >= left.sum())
    here, there = (right, left) if side else (left, right)
    if here.any():
        usual = place.line(int(here.argmax()))
        what = f"the label is {names[1 - side]}; in line {usual} it is {names[side]}, and one list has one order"
        problems += place.problems(np.flatnonzero(there & ~here), lambda row: what, MOST_NAMED)
    return side


def _other_kinds(labels: pd.Series, place: Place) -> Iterator[Problem]:
    """Labels of another kind than the first one."""
    kinds = [_are_among(labels, kind) for kind in KINDS]
    first = next((kind for kind in kinds if kind[:1].any()), None)
    if first is not None:
        texts = labels.to_numpy(object)
        others = np.flatnonzero(np.any(kinds, axis=0) & ~first)
        usual = f"'{texts[0]}' in line {place.line(0)}; one list has 1 and 0, or target and nontarget, or types"
        yield from place.problems(others, lambda row: f"label '{texts[row]}' does not go with {usual}", MOST_NAMED)


def _refuse_scores(third: pd.Series, labelled: NDArray[np.bool_], path: Path) -> None:
    """Raise ProblemsError where there are numbers instead of labels."""
    if not labelled.any() and len(third) and np.isfinite(_as_scores(third)).all():
        what = "these are scores, `enroll test score`: trials have `target` or `nontarget` there, or nothing"
        raise ProblemsError([Problem(what, path)])


def _refuse_labels(frame: pd.DataFrame, path: Path) -> None:
    """Raise ProblemsError where a file of three fields is a list of trials."""
    last = (_are_among(frame["score"], kind).all() for kind in KINDS)
    if any(last) or (_are_among(frame["model"], (*TEXT, *BINARY)).all() and np.isnan(_as_scores(frame["score"])).all()):
        what = "these are trials with their labels, not scores (of which 1 and 0 would be written 1.0 and 0.0)"
        raise ProblemsError([Problem(what, path)])


def _score_field(frame: pd.DataFrame, place: Place) -> str:
    """Which of the third and the fourth field is the score: the one that is not the label."""
    for labels in (LABELS, BINARY):
        third, fourth = (_are_among(frame[name], labels) for name in ("third", "fourth"))
        if third.all() != fourth.all():
            return "fourth" if third.all() else "third"
        if labels == LABELS and (third | fourth).any():
            _refuse_mixed(third, fourth, place)
    what = "scores and labels look alike in the third and fourth field; keep `model utt score`"
    raise ProblemsError([Problem(what, place.path)])


def _refuse_mixed(third: NDArray[np.bool_], fourth: NDArray[np.bool_], place: Place) -> NoReturn:
    """Raise ProblemsError: `third` and `fourth` (N,) say which lines have a label there, and some have it elsewhere."""
    problems: list[Problem] = []
    side = _side(third, fourth, ("the third field", "the fourth"), place, problems)
    name, here = (("third", third), ("fourth", fourth))[side]
    lacking = f"the {name} field is no label, as it is in line {place.line(int(here.argmax()))}"
    problems += place.problems(np.flatnonzero(~third & ~fourth), lambda row: lacking, MOST_NAMED)
    raise ProblemsError(sorted(problems, key=lambda problem: problem.line or 0))


def _as_scores(column: pd.Series) -> NDArray[np.float64]:
    """The cells (N,) as numbers, NaN where they are none."""
    codes, values = codes_of(column)
    try:
        numbers = np.asarray(pc.cast(pa.array(values, pa.string()), pa.float64()))
    except pa.ArrowInvalid:
        numbers = as_numbers(pd.Series(values, dtype=object))
    return np.append(numbers, np.nan)[codes]


def _read_fields(path: Path, names: Mapping[int, list[str]]) -> pd.DataFrame:
    """The fields of each line, all of text, under the names for as many of them as the first line has."""
    lines = Lines.open(path).separated_by(" ")
    count = len(lines.header.split())
    if count not in names:
        fields = "1 field" if count == 1 else f"{count} fields"
        what = f"{fields} with blanks or tabs between, where there should be {' or '.join(map(str, names))}"
        raise ProblemsError([Problem(what, path, 1)])
    texts = [name for name in names[count] if name == "score"]
    repeating = [name for name in names[count] if name not in texts]
    return read_rows(lines, names[count], delimiter=" ", dictionaries=repeating, header=False).to_pandas()


def write_trial_list(trials: pd.DataFrame, path: Path, toolkit: Toolkit = "kaldi") -> None:
    """Write `model utt target|nontarget` or, for SpeechBrain and VoxCeleb, `1|0 model utt`, in the order given.

    Args:
        trials: `model`, `utt`, and `type`, a trial type or a label.
        path: the file.
        toolkit: whose form it has.
    """
    binary = toolkit in ("speechbrain", "voxceleb")
    columns = trials[["model", "utt"]].assign(label=_labels(trials["type"], BINARY if binary else TEXT))
    _write_fields(columns[["label", "model", "utt"]] if binary else columns, path)


def write_trial_types(trials: pd.DataFrame, path: Path) -> None:
    """Write `model utt TC|TW|IC|IW`, in the order given."""
    _write_fields(trials[["model", "utt", "type"]], path)


def write_score_list(scores: pd.DataFrame, path: Path, toolkit: Toolkit = "kaldi") -> None:
    """Write scores in the order given and at full precision, in the form that a toolkit has for them.

    Args:
        scores: `model`, `utt`, `score` and, for other toolkits than Kaldi, `type`, a trial type or a label.
        path: the file.
        toolkit: any but VoxCeleb, which has none.
    """
    columns = ["model", "utt", "score"]
    if scores["score"].isin([0, 1]).all():  # 1 and 0 would be read as labels
        scores = scores.assign(score=scores["score"].map({0: "0.0", 1: "1.0"}))
    if toolkit != "kaldi":
        scores = scores.assign(label=_labels(scores["type"], BINARY if toolkit == "speechbrain" else TEXT))
        columns.insert(3 if toolkit == "wespeaker" else 2, "label")
    _write_fields(scores[columns], path)


def _labels(types: pd.Series, words: tuple[str, str]) -> NDArray[np.object_]:
    """The word for targets or that for non-targets, for each trial type or label (N,)."""
    codes, values = codes_of(types)
    return np.array([words[value not in ("TC", "target")] for value in values], dtype=object)[codes]


def _write_fields(frame: pd.DataFrame, path: Path) -> None:
    with writing_file(path) as temporary:
        write_rows(frame, temporary, delimiter=" ", header=False)
