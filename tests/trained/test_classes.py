"""Training classes."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from svtok.errors import ProblemsError
from svtok.trained.classes import GROUPS, ClassList

UTTERANCES = pd.DataFrame({"spk": ["b", "a", "b", "a"], "phrase": ["x", "y", "y", "y"]})


@pytest.mark.parametrize(
    ("kind", "names", "sizes", "labels"),
    [
        ("speaker", [("a", ""), ("b", "")], (2,), [[1], [0], [1], [0]]),
        ("phrase", [("", "x"), ("", "y")], (2,), [[0], [1], [1], [1]]),
        ("speaker-phrase", [("a", "y"), ("b", "x"), ("b", "y")], (3,), [[1], [0], [2], [0]]),
        (
            "both",
            [("a", ""), ("b", ""), ("a", "y"), ("b", "x"), ("b", "y")],
            (2, 3),
            [[1, 1], [0, 0], [1, 2], [0, 0]],
        ),
    ],
)
def test_classes_are_sorted_within_a_group_and_labels_are_positions_there(
    kind: str, names: list[tuple[str, str]], sizes: tuple[int, ...], labels: list[list[int]]
) -> None:
    classes = ClassList.of(UTTERANCES, kind)
    assert classes.names == tuple(names)
    assert classes.sizes == sizes
    assert classes.labels(UTTERANCES, kind).tolist() == labels


@pytest.mark.parametrize("kind", GROUPS)
def test_a_list_survives_its_file(tmp_path: Path, kind: Any) -> None:
    classes = ClassList.of(UTTERANCES.assign(spk=["NA", '"a', "1", "01"]), kind)
    classes.write(tmp_path / "classes.tsv")
    assert ClassList.read(tmp_path / "classes.tsv") == classes


def test_a_group_of_one_class_is_refused() -> None:
    with pytest.raises(ProblemsError, match=r"has 1 class \(speaker\)"):
        ClassList.of(UTTERANCES[UTTERANCES["spk"] == "a"], "both")
    with pytest.raises(ProblemsError, match=r"has 1 class \(phrase\)"):
        ClassList.of(UTTERANCES[UTTERANCES["phrase"] == "y"], "phrase")


@pytest.mark.parametrize(
    ("kind", "factors"),
    [
        ("speaker", [[0, -1], [1, -1]]),
        ("phrase", [[-1, 0], [-1, 1]]),
        ("speaker-phrase", [[0, 1], [1, 0], [1, 1]]),
        ("both", [[0, -1], [1, -1], [0, 1], [1, 0], [1, 1]]),
    ],
)
def test_factors_number_the_speaker_and_the_phrase_of_each_class(kind: Any, factors: Any) -> None:
    assert ClassList.of(UTTERANCES, kind).factors.tolist() == factors


FREE = pd.DataFrame({"spk": ["b", "a", "b", "c"], "phrase": ["x", "FT", "FT", "FT"]})


@pytest.mark.parametrize(
    ("kind", "names", "sizes", "labels", "factors"),
    [
        (
            "speaker-phrase",
            [("a", ""), ("b", ""), ("b", "x"), ("c", "")],
            (4,),
            [[2], [0], [1], [3]],
            [[0, -1], [1, -1], [1, 0], [2, -1]],
        ),
        (
            "both",
            [("a", ""), ("b", ""), ("c", ""), ("a", ""), ("b", ""), ("b", "x"), ("c", "")],
            (3, 4),
            [[1, 2], [0, 0], [1, 1], [2, 3]],
            [[0, -1], [1, -1], [2, -1], [0, -1], [1, -1], [1, 0], [2, -1]],
        ),
    ],
)
def test_free_text_is_of_a_class_of_its_speaker_alone(
    kind: str,
    names: list[tuple[str, str]],
    sizes: tuple[int, ...],
    labels: list[list[int]],
    factors: list[list[int]],
    tmp_path: Path,
) -> None:
    classes = ClassList.of(FREE, kind, free=("FT",))
    assert (classes.names, classes.sizes) == (tuple(names), sizes)
    assert classes.labels(FREE, kind, ("FT",)).tolist() == labels
    assert classes.factors.tolist() == factors
    classes.write(tmp_path / "classes.tsv")
    assert ClassList.read(tmp_path / "classes.tsv").sizes == sizes


def test_free_text_is_no_phrase_and_groups_need_two_classes_each() -> None:
    with pytest.raises(ProblemsError, match=r"3 utterances are of free text \(training\.free_phrases\)"):
        ClassList.of(FREE, "phrase", free=("FT",))
    assert ClassList.of(FREE[FREE["spk"] == "b"], "speaker-phrase", fewest=1).sizes == (2,)
    with pytest.raises(ProblemsError, match=r"1 class \(speaker\); at least 2"):
        ClassList.of(FREE[FREE["spk"] == "b"], "both", fewest=1)
