"""Training classes."""

import pandas as pd
import pytest

from svtok.errors import SvtokError
from svtok.training.classes import ClassList

UTTERANCES = pd.DataFrame({"spk": ["b", "a", "b", "a"], "phrase": ["x", "y", "y", "y"]})


def test_classes_are_speakers_or_each_speakers_phrases_in_sorted_order():
    assert ClassList.of(UTTERANCES, "speaker").names == (("a", ""), ("b", ""))
    assert ClassList.of(UTTERANCES, "speaker-phrase").names == (("a", "y"), ("b", "x"), ("b", "y"))


def test_labels_are_positions_in_the_list():
    for kind, labels in (("speaker", [1, 0, 1, 0]), ("speaker-phrase", [1, 0, 2, 0])):
        assert ClassList.of(UTTERANCES, kind).labels(UTTERANCES, kind).tolist() == labels


@pytest.mark.parametrize("kind", ["speaker", "speaker-phrase"])
def test_a_list_survives_its_file(tmp_path, kind):
    classes = ClassList.of(UTTERANCES.assign(spk=["NA", '"a', "1", "01"]), kind)
    classes.write(tmp_path / "classes.tsv")
    assert ClassList.read(tmp_path / "classes.tsv") == classes


def test_one_class_is_refused():
    with pytest.raises(SvtokError, match=r"has 1 class \(speaker\)"):
        ClassList.of(UTTERANCES[UTTERANCES["spk"] == "a"], "speaker")
