"""Phones of an utterance: the file, what is wrong with it, and labels that do not overlap."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svtok.errors import ProblemsError
from svtok.report.attention import Phone, label_levels, phones_on_path, read_phones


def write(folder: Path, text: str) -> Path:
    (folder / "a.phones").write_text(text, encoding="utf-8")
    return folder / "a.phones"


def test_phones_are_read_with_the_time_between_them(tmp_path: Path) -> None:
    path = write(tmp_path, "0 0.1 sil\n0.1 0.25 j\n0.3\t0.5\tiː\n")
    assert read_phones(path, 0.5) == [Phone(0, 0.1, "sil"), Phone(0.1, 0.25, "j"), Phone(0.3, 0.5, "iː")]


def test_times_may_differ_by_their_rounding(tmp_path: Path) -> None:
    assert len(read_phones(write(tmp_path, "0 0.101 a\n0.1 0.503 b\n"), 0.5)) == 2


def test_all_that_is_wrong_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    lines = ["0 0.2 a", "0.1 0.3 b", "0.3 0.9 c", "0.4 x d", "0.5 0.4 e", "0.5 0.6", "-0.1 0 f", "nan 1 g"]
    with pytest.raises(ProblemsError) as caught:
        read_phones(write(tmp_path, "\n".join(lines)), 0.5)
    faults = {problem.line: problem.what for problem in caught.value.problems}
    assert faults[2] == "'b' starts at 0.1 s, before 'a' ends (0.2 s)"
    assert faults[3] == "'c' is from 0.3 to 0.9 s, but the audio lasts 0.5 s"
    assert faults[7] == "'f' is from -0.1 to 0 s, but the audio lasts 0.5 s"
    assert all("not 'start end phone'" in faults[line] for line in (4, 5, 6, 8))
    assert set(faults) == {2, 3, 4, 5, 6, 7, 8}


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=r"a.phones: the file is empty"):
        read_phones(write(tmp_path, ""), 0.5)


def test_a_phone_on_a_path_lasts_from_the_first_to_the_last_frame_of_its_run() -> None:
    spans = np.array([[t, t + 1] for t in range(8)], dtype=float)
    path = [0, 2, 2, 1, 0, 1, 1, 1]
    assert phones_on_path(path, spans, ("a", "b")) == [Phone(1, 3, "b"), Phone(3, 4, "a"), Phone(5, 8, "a")]
    assert phones_on_path([0, 0], spans[:2], ("a", "b")) == []


def test_labels_are_in_one_row_where_there_is_room() -> None:
    assert label_levels([1, 2, 3], [1, 1, 1]) == [0, 0, 0]
    assert label_levels([1, 1.5, 2.1, 2.2], [1, 1, 1, 1]) == [0, 1, 0, 2]


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 3)), max_size=30))
def test_labels_of_one_level_never_overlap(labels: list[tuple[float, float]]) -> None:
    labels = sorted(labels)
    levels = label_levels([centre for centre, _ in labels], [width for _, width in labels])
    for number, (centre, width) in enumerate(labels):
        for other in range(number):
            if levels[other] == levels[number]:
                assert labels[other][0] + labels[other][1] / 2 <= centre - width / 2
