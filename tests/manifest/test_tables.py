from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from svtok.errors import ProblemsError
from svtok.manifest.tables import (
    enrollments,
    read_models,
    read_trials,
    read_utterances,
    write_models,
    write_trials,
    write_utterances,
)

HEADER = "utt\tpath\tspk\tphrase"

one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
characters = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufeff")
ids = st.text(characters, min_size=1, max_size=8)
texts = st.lists(ids, min_size=1, max_size=3).map(" ".join)
seconds = st.floats(min_value=0, max_value=1e6)


def said(error: pytest.ExceptionInfo[ProblemsError]) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.what) for problem in error.value.problems]


def problems_in(path: Path, text: str | bytes) -> list[tuple[int | None, str]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ProblemsError) as error:
        read_utterances(path)
    return said(error)


T = TypeVar("T")


@st.composite
def utterance_tables(draw: st.DrawFn) -> pd.DataFrame:
    utts = draw(st.lists(ids, unique=True, max_size=5))
    count = len(utts)

    def column(values: st.SearchStrategy[T]) -> list[T]:
        return draw(st.lists(values, min_size=count, max_size=count))

    table: dict[str, Any] = {"utt": utts, "path": column(texts), "spk": column(ids), "phrase": column(ids)}
    if draw(st.booleans()):
        start = np.array(column(seconds), dtype=np.float64)
        table |= {"start": start, "end": start + np.array(column(st.floats(0.001, 10)), dtype=np.float64) + 0.001}
    if draw(st.booleans()):
        table |= {"num_samples": np.array(column(st.integers(1, 2**40)), dtype="int64"), "text": column(texts)}
    return pd.DataFrame(table).sort_values("utt", key=lambda names: names.map(str.encode), ignore_index=True)


@one_file
@given(table=utterance_tables())
def test_an_utterance_table_is_read_as_it_was_written(table: pd.DataFrame, tmp_path: Path) -> None:
    write_utterances(table, tmp_path / "u.tsv")
    assert_frame_equal(read_utterances(tmp_path / "u.tsv"), table, check_dtype=False)


@one_file
@given(names=st.lists(ids, unique=True, max_size=4), enrolled=st.lists(ids, unique=True, min_size=1, max_size=4))
def test_a_model_table_is_read_as_it_was_written(names: list[str], enrolled: list[str], tmp_path: Path) -> None:
    table = pd.DataFrame({"model": sorted(names), "spk": "s", "phrase": "p", "utts": " ".join(enrolled)})
    write_models(table, tmp_path / "m.tsv")
    assert_frame_equal(read_models(tmp_path / "m.tsv"), table, check_dtype=False)


@pytest.mark.parametrize("name", ["t.tsv", "t.parquet"])
@one_file
@given(
    pairs=st.lists(st.tuples(ids, ids, st.sampled_from(["TC", "TW", "IC", "IW"])), unique_by=lambda row: row[:2]),
    typed=st.booleans(),
)
def test_trials_are_read_as_they_were_written(
    pairs: list[tuple[str, str, str]], typed: bool, name: str, tmp_path: Path
) -> None:
    columns = ["model", "utt", "type"] if typed else ["model", "utt"]
    table = pd.DataFrame(pairs, columns=["model", "utt", "type"])[columns]
    write_trials(table, tmp_path / name)
    read = read_trials(tmp_path / name)
    assert all(isinstance(kind, pd.CategoricalDtype) for kind in read.dtypes)
    expected = sorted(row[: len(columns)] for row in pairs)
    assert list(read.astype(object).itertuples(index=False, name=None)) == expected


def test_rows_are_written_in_the_order_of_bytes_and_columns_in_the_order_of_the_schema(tmp_path: Path) -> None:
    table = pd.DataFrame({"phrase": "p", "utt": ["é", "a", "Z", "a-1", "a1"], "spk": "s", "path": "f"})
    write_utterances(table, tmp_path / "u.tsv")
    lines = (tmp_path / "u.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == [HEADER, "Z\tf\ts\tp", "a\tf\ts\tp", "a-1\tf\ts\tp", "a1\tf\ts\tp", "é\tf\ts\tp"]


@pytest.mark.parametrize("bad", ["a b", "a\tb", "a\nb", "a\r", "\u00a0", "", "a\x00", "\ufeffa", "\ud800"])
def test_an_id_with_a_blank_or_a_control_character_is_not_written(bad: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"utt": [bad], "path": "f", "spk": "s", "phrase": "p"}, dtype=object)
    with pytest.raises(ProblemsError, match="utt"):
        write_utterances(table, tmp_path / "u.tsv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["a\tb", "a\nb", " a", "a ", "", "a\u2028b"])
def test_a_path_with_a_tab_a_line_end_or_blanks_around_it_is_not_written(bad: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="path"):
        write_utterances(pd.DataFrame({"utt": ["a"], "path": bad, "spk": "s", "phrase": "p"}), tmp_path / "u.tsv")


def test_a_cell_that_is_not_text_is_said_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as error:
        write_utterances(
            pd.DataFrame({"utt": ["a", "b"], "path": "f", "spk": ["s", None], "phrase": [1, "p"]}), tmp_path / "u.tsv"
        )
    assert said(error) == [(1, "phrase 1 is not text"), (2, "spk is empty")]


def test_a_byte_order_mark_windows_line_ends_and_a_missing_last_line_end_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "u.tsv").write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\na\tf\ts\tp\r\nb\tf\ts\tp".encode())
    assert read_utterances(tmp_path / "u.tsv")["utt"].tolist() == ["a", "b"]


@pytest.mark.parametrize("text", [HEADER, HEADER + "\n"])
def test_a_table_may_have_no_row(text: str, tmp_path: Path) -> None:
    (tmp_path / "u.tsv").write_text(text)
    assert len(read_utterances(tmp_path / "u.tsv")) == 0


def test_quotes_are_ordinary_characters(tmp_path: Path) -> None:
    (tmp_path / "u.tsv").write_text(f'{HEADER}\ttext\n"a\tf"\ts\tp\tsay "no"\n')
    row = read_utterances(tmp_path / "u.tsv").iloc[0]
    assert (row["utt"], row["path"], row["text"]) == ('"a', 'f"', 'say "no"')


def test_a_file_that_is_missing_or_empty_is_said(tmp_path: Path) -> None:
    assert problems_in(tmp_path / "u.tsv", "") == [(None, "the file is empty")]
    with pytest.raises(ProblemsError, match=r"nix\.tsv: the file does not exist"):
        read_trials(tmp_path / "nix.tsv")


def test_every_line_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    bad = f"{HEADER}\na\tf\ts\tp\nb\t\xff\ts\tp\nc\tf\t\xfe\tp\n".encode("latin-1")
    assert problems_in(tmp_path / "u.tsv", bad) == [(3, "not UTF-8"), (4, "not UTF-8")]


def test_columns_that_are_missing_unknown_or_double_are_said_at_once(tmp_path: Path) -> None:
    problems = problems_in(tmp_path / "u.tsv", "utt\tspeaker\tspk\tspk\tphrase\tstart\n")
    assert [line for line, _ in problems] == [1, 1, 1, 1]
    assert problems[0][1] == "column 'spk' stands twice in the header"
    assert problems[1][1].startswith("unknown column of utterances 'speaker' (known: utt, path, spk,")
    assert problems[2][1] == "column 'path' is missing in the header"
    assert problems[3][1] == "columns 'start' and 'end' come together or not at all"


def test_lines_with_too_few_or_too_many_fields_and_empty_lines_are_said_at_once(tmp_path: Path) -> None:
    problems = problems_in(tmp_path / "u.tsv", f"{HEADER}\na\tf\ts\n\nb\tf\ts\tp\nc\tf\ts\tp\tq\n")
    assert sorted(problems) == [
        (2, "3 fields where there should be 4 (utt path spk phrase)"),
        (3, "the line is empty"),
        (5, "5 fields where there should be 4 (utt path spk phrase)"),
    ]


def test_cells_keys_and_order_are_said_at_once_line_by_line(tmp_path: Path) -> None:
    rows = [
        "utt\tpath\tspk\tphrase\tgender\tstart\tend\tnum_samples",
        "b\tf\ts\tp\tm\t0\t1\t16000",
        "a\tf\ts\tp q\tf\t0\tx\t16000",
        "a\tf\t\tp\tm\t2\t1\t0",
        "c\tf\tz\tp\t\t-1\t1\t1.5",
    ]
    assert problems_in(tmp_path / "u.tsv", "\n".join(rows)) == [
        (3, "phrase 'p q' holds a blank or a control character"),
        (3, "end 'x' is not a number of seconds"),
        (3, "speaker 's' is 'f' here and 'm' further up"),
        (3, "the rows are not sorted bytewise by utt (as LC_ALL=C sort does): 1 come too late"),
        (4, "spk is empty"),
        (4, "num_samples '0' is not a whole number over 0"),
        (4, "end 1.0 is not after start 2.0"),
        (4, "utt 'a' is there twice"),
        (5, "gender is empty; fill it in, or leave the column out of the whole table"),
        (5, "start '-1' is not a number of seconds"),
        (5, "num_samples '1.5' is not a whole number over 0"),
    ]


def test_a_model_lists_its_utterances_once_and_with_one_blank_between(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text("model\tspk\tphrase\tutts\na\ts\tp\tu v u\nb\ts\tp\tu  v\nc\ts\tp\tu v\n")
    with pytest.raises(ProblemsError) as error:
        read_models(tmp_path / "m.tsv")
    assert said(error) == [
        (2, "utts 'u v u' holds an utterance twice"),
        (3, "utts 'u  v' is not a list of ids with one blank between them"),
    ]


def test_trials_that_repeat_are_out_of_order_or_of_no_known_type_are_said(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("model\tutt\ttype\nm\tb\tTC\nm\ta\tTX\nm\tb\tIW\n")
    with pytest.raises(ProblemsError) as error:
        read_trials(tmp_path / "t.tsv")
    assert said(error) == [
        (3, "type unknown trial type 'TX' (known: TC, TW, IC, IW, target, nontarget); did you mean 'TW'?"),
        (3, "the rows are not sorted bytewise by model utt (as LC_ALL=C sort does): 1 come too late"),
        (4, "model utt 'm b' is there twice"),
    ]


def test_trial_types_and_labels_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("model\tutt\ttype\nm\ta\tTC\nm\tb\tnontarget\n")
    with pytest.raises(ProblemsError, match="mixes trial types with target/nontarget"):
        read_trials(tmp_path / "t.tsv")


def test_types_are_categories_in_one_order_whichever_occur(tmp_path: Path) -> None:
    write_trials(pd.DataFrame({"model": ["m", "m"], "utt": ["a", "b"], "type": ["IW", "TC"]}), tmp_path / "t.tsv")
    assert read_trials(tmp_path / "t.tsv")["type"].cat.categories.tolist() == ["TC", "TW", "IC", "IW"]


def test_a_parquet_file_that_is_none_or_lacks_a_column_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(ProblemsError, match="not a Parquet table of text"):
        read_trials(tmp_path / "t.parquet")
    pd.DataFrame({"model": ["m"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ProblemsError, match="column 'utt' is missing"):
        read_trials(tmp_path / "t.parquet")
    pd.DataFrame({"model": ["m"], "utt": [None]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ProblemsError, match="utt is empty in some row"):
        read_trials(tmp_path / "t.parquet")


def test_of_very_many_lines_with_one_fault_the_first_are_said_and_the_others_counted(tmp_path: Path) -> None:
    rows = "".join(f"{number:05d}\tf\t\tp\n" for number in range(1500))
    problems = problems_in(tmp_path / "u.tsv", f"{HEADER}\n{rows}")
    assert len(problems) == 1001
    assert (None, "500 more lines with the same fault as the last") in problems


def test_enrollments_are_one_utterance_a_row() -> None:
    models = pd.DataFrame({"model": ["m", "n"], "spk": "s", "phrase": "p", "utts": ["b a", "c"]})
    pairs = enrollments(models)
    assert list(pairs.itertuples(index=False, name=None)) == [("m", "b"), ("m", "a"), ("n", "c")]
