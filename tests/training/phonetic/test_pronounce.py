import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.trained.phones import PhoneList
from svtok.training.pronounce import Spelling, pronounce


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "lexicon.txt"
    path.write_text("turn t ɜː n\non ɒ n\noff ɒ f\nzoom-in t a k b iː r\n", encoding="utf-8")
    return path


def test_each_word_of_the_text_is_looked_up(make_table: Callable[..., PreparedSet], lexicon: Path) -> None:
    prepared = make_table(text=["turn off", "turn on", "turn off"])
    off, on, again = pronounce(prepared, Spelling(lexicon=lexicon))
    assert off == again == ("t", "ɜː", "n", "ɒ", "f")
    assert on == ("t", "ɜː", "n", "ɒ", "n")


def test_of_a_phrase_the_whole_id_is_looked_up(make_table: Callable[..., PreparedSet], lexicon: Path) -> None:
    prepared = make_table(phrase=["zoom-in", "on"])
    assert pronounce(prepared, Spelling("phrase", lexicon)) == [("t", "a", "k", "b", "iː", "r"), ("ɒ", "n")]


def test_every_missing_word_is_named_once_with_its_first_line(
    make_table: Callable[..., PreparedSet], lexicon: Path
) -> None:
    prepared = make_table(text=["turn on", "switch on", "switch that off", "that"])
    with pytest.raises(ProblemsError) as error:
        pronounce(prepared, Spelling(lexicon=lexicon))
    assert prepared.folder is not None
    table = prepared.folder / "utterances.tsv"
    assert [str(problem) for problem in error.value.problems] == [
        f"{table}:3: 'switch' is not in {lexicon}",
        f"{table}:4: 'that' is not in {lexicon}",
    ]


def test_every_phone_that_a_given_list_lacks_is_named_with_its_first_line(
    make_table: Callable[..., PreparedSet], lexicon: Path
) -> None:
    prepared = make_table(text=["on", "turn", "turn off"])
    with pytest.raises(ProblemsError) as error:
        pronounce(prepared, Spelling(lexicon=lexicon), PhoneList(("n", "t", "f")))
    assert [(problem.what, problem.line) for problem in error.value.problems] == [
        ("phone 'ɒ' is not in the list of phones given", 2),
        ("phone 'ɜː' is not in the list of phones given", 3),
    ]


def test_a_set_without_texts_is_refused_with_the_way_out(make_table: Callable[..., PreparedSet], lexicon: Path) -> None:
    with pytest.raises(SvtokError, match=r"utterances\.tsv: has no column 'text' .* use --text-from phrase"):
        pronounce(make_table(phrase=["on"]), Spelling(lexicon=lexicon))


def test_a_lexicon_and_a_language_exclude_each_other(lexicon: Path) -> None:
    with pytest.raises(SvtokError, match=r"both a lexicon .* and a language \(ar\) are given"):
        Spelling(lexicon=lexicon, language="ar")


def test_rules_without_espeak_say_what_to_install(
    make_table: Callable[..., PreparedSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SvtokError, match=r"pip install 'svtok\[synth\]'"):
        pronounce(make_table(text=["on"]), Spelling(language="en"))


def test_rules_need_a_language(make_table: Callable[..., PreparedSet]) -> None:
    pytest.importorskip("espeakng_loader")
    with pytest.raises(SvtokError, match="has no column 'lang'; use --language, or --lexicon"):
        pronounce(make_table(text=["on"]), Spelling())


def test_rules_are_those_of_each_rows_language_or_of_the_one_given(make_table: Callable[..., PreparedSet]) -> None:
    pytest.importorskip("espeakng_loader")
    prepared = make_table(text=["on", "نَعَم", "on"], lang=["en", "ar", "de"])
    assert pronounce(prepared, Spelling()) == [("ɒ", "n"), ("n", "a", "ʕ", "a", "m"), ("oː", "n")]
    english = make_table(phrase=["zoom-in"], lang=["ar"])
    assert pronounce(english, Spelling("phrase", language="en")) == [("z", "uː", "m", "ɪ", "n")]


def test_texts_that_the_rules_do_not_know_and_unknown_languages_are_named_with_their_lines(
    make_table: Callable[..., PreparedSet],
) -> None:
    pytest.importorskip("espeakng_loader")
    prepared = make_table(text=["on", "forward", "on", "backward", "forward"], lang=["en", "ar", "xx", "ar", "ar"])
    with pytest.raises(ProblemsError) as error:
        pronounce(prepared, Spelling())
    assert [problem.line for problem in error.value.problems] == [3, 4, 5]
    assert "rules for 'ar' do not know 'forward'" in error.value.problems[0].what
    assert "no language 'xx'" in error.value.problems[1].what
