import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svtok.errors import ProblemsError, SvtokError
from svtok.training.pronounce import read_lexicon

WORDS = st.text(string.ascii_letters + "'-ءأçé", min_size=1, max_size=6)
PRONUNCIATIONS = st.lists(st.text("abʕθː0", min_size=1, max_size=3), min_size=1, max_size=4)


def write(folder: Path, text: str) -> Path:
    path = folder / "lexicon.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_word_and_its_phones(tmp_path: Path) -> None:
    lexicon = read_lexicon(write(tmp_path, "# by hand\nyes n a ʕ a m\n\nno\tl  aː\r\n"))
    assert lexicon.phones == {"yes": ("n", "a", "ʕ", "a", "m"), "no": ("l", "aː")}


def test_of_several_pronunciations_the_first_counts(tmp_path: Path) -> None:
    assert read_lexicon(write(tmp_path, "the ð ə\nthe ð iː\n")).phones == {"the": ("ð", "ə")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(entries=st.dictionaries(WORDS, PRONUNCIATIONS, min_size=1), blanks=st.sampled_from([" ", "\t", "   "]))
def test_what_is_written_is_read(tmp_path: Path, entries: dict[str, list[str]], blanks: str) -> None:
    text = "".join(blanks.join([word, *phones]) + "\n" for word, phones in entries.items())
    expected = {word: tuple(phones) for word, phones in entries.items()}
    assert read_lexicon(write(tmp_path, text)).phones == expected


def test_all_words_without_phones_are_named_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "yes n a m\nno\nmaybe\n")
    with pytest.raises(ProblemsError) as error:
        read_lexicon(path)
    assert str(error.value) == f"2 problems found\n  {path}:2: 'no' has no phones\n  {path}:3: 'maybe' has no phones"


@pytest.mark.parametrize(("text", "message"), [("# nothing\n", "holds no words"), ("", "the file is empty")])
def test_a_file_without_words_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SvtokError, match=message):
        read_lexicon(write(tmp_path, text))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"nowhere\.txt: there is no such file"):
        read_lexicon(tmp_path / "nowhere.txt")
