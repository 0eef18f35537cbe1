from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svtok.errors import ProblemsError, SvtokError
from svtok.trained.phones import PhoneList, read_phone_list


def test_numbers_begin_after_the_blank() -> None:
    phones = PhoneList.of([("n", "a", "m"), ("l", "a")])
    assert phones.names == ("a", "l", "m", "n")
    assert phones.numbers(("n", "a", "a")).tolist() == [4, 1, 1]
    assert len(phones.numbers(())) == 0
    assert "m" in phones
    assert "x" not in phones


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(names=st.lists(st.text("abʕːθ0_", min_size=1, max_size=3), min_size=1, unique=True))
def test_what_is_written_is_read_in_the_same_order(tmp_path: Path, names: list[str]) -> None:
    PhoneList(tuple(names)).write(tmp_path / "phones.txt")
    assert read_phone_list(tmp_path / "phones.txt").names == tuple(names)


def test_the_file_has_the_form_of_kaldis(tmp_path: Path) -> None:
    PhoneList(("a", "b")).write(tmp_path / "phones.txt")
    assert (tmp_path / "phones.txt").read_text() == "<blank> 0\na 1\nb 2\n"


def test_a_list_without_numbers_will_do(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("b\na\n")
    assert read_phone_list(tmp_path / "list").names == ("b", "a")


def test_phones_that_stand_twice_are_named_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a\nb\na\nb 7\n")
    with pytest.raises(ProblemsError, match=r"list:3: phone 'a' stands twice\n .*list:4: phone 'b' stands twice"):
        read_phone_list(tmp_path / "list")


def test_a_list_without_phones_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("<blank> 0\n")
    with pytest.raises(SvtokError, match="holds no phones"):
        read_phone_list(tmp_path / "list")
