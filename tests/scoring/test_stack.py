from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.scoring.fusion import by_type, read_stack


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("".join(line.replace(" ", "\t") + "\n" for line in ["model utt score", *lines]))
    return path


def problems_of(*paths: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read_stack(paths)
    return [str(problem) for problem in caught.value.problems]


def test_files_of_the_same_trials_stand_side_by_side(tmp_path: Path) -> None:
    one = write(tmp_path, "one", "b u1 1", "a u2 2")
    two = write(tmp_path, "two", "b u1 0.5", "a u2 -3")
    trials, scores = read_stack([one, two])
    assert trials["model"].tolist() == ["b", "a"]
    np.testing.assert_array_equal(scores, [[1, 0.5], [2, -3]])


def test_the_trials_of_the_files_may_stand_in_any_order(tmp_path: Path) -> None:
    one = write(tmp_path, "one", "a u1 1", "a u2 2", "b u1 3")
    two = write(tmp_path, "two", "b u1 30", "a u1 10", "a u2 20")
    trials, scores = read_stack([one, two])
    assert trials.astype(object).to_numpy().tolist() == [["a", "u1"], ["a", "u2"], ["b", "u1"]]
    np.testing.assert_array_equal(scores, [[1, 10], [2, 20], [3, 30]])


def test_trials_that_one_file_lacks_or_has_alone_are_named(tmp_path: Path) -> None:
    one = write(tmp_path, "one", "a u1 1", "a u2 2")
    other = write(tmp_path, "other", "a u9 1", "a u2 2")
    short = write(tmp_path, "short", "a u1 1")
    assert problems_of(one, other, short) == [
        f"{other}: the trial 'a u1' has no score",
        f"{other}:2: 'a u9' is not among the trials of {one}",
        f"{short}: the trial 'a u2' has no score",
    ]


def prepared(trials: list[str], **types: list[str]) -> PreparedSet:
    models = pd.DataFrame({"model": ["a"], "spk": ["s"], "phrase": ["p"], "utts": ["u0"]})
    rows = [("u1", "s", "p"), ("u2", "s", "q"), ("u3", "t", "p"), ("u4", "t", "q")]
    utterances = pd.DataFrame(rows, columns=["utt", "spk", "phrase"])
    table = pd.DataFrame({"model": "a", "utt": trials}).astype("category").assign(**types)
    return PreparedSet(utterances, models, table)


def test_scores_are_taken_apart_by_type_in_whatever_order_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "scores", "a u4 4", "a u1 1", "a u3 3", "a u2 2")
    apart = by_type(*read_stack([path, path]), prepared(["u1", "u2", "u3", "u4"]), path=path)
    assert {name: scores.tolist() for name, scores in apart.items()} == {
        "TC": [[1, 1]],
        "TW": [[2, 2]],
        "IC": [[3, 3]],
        "IW": [[4, 4]],
    }


def test_what_the_trials_say_of_their_types_counts(tmp_path: Path) -> None:
    path = write(tmp_path, "scores", "a u1 1", "a u2 2")
    found = by_type(*read_stack([path]), prepared(["u1", "u2"], type=["nontarget", "target"]), path=path)
    assert {name: scores.tolist() for name, scores in found.items()} == {"nontarget": [[1]], "target": [[2]]}


def test_scores_of_other_trials_and_a_set_without_trials_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "scores", "a u1 1", "a u9 2")
    with pytest.raises(ProblemsError, match="the trial 'a u2' has no score"):
        by_type(*read_stack([path]), prepared(["u1", "u2"]), path=path)
    with pytest.raises(SvtokError, match="no models and trials"):
        by_type(*read_stack([path]), PreparedSet(prepared(["u1"]).utterances), path=path)
