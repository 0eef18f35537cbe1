from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from svtok.errors import ProblemsError
from svtok.manifest.schema import TRIALS, normal
from svtok.manifest.tables import (
    Lines,
    enrollments,
    fields_of_lines,
    load_table,
    read_columns,
    read_models,
    read_trials,
    read_utterances,
    write_models,
    write_rows,
    write_trials,
    write_utterances,
)

HEADER = "utt\tpath\tspk\tphrase"

one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
characters = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufeff\u200b")
ids = st.text(characters, min_size=1, max_size=8).map(normal)
texts = st.lists(ids, min_size=1, max_size=3).map(" ".join)
seconds = st.floats(min_value=0, max_value=1e6)


def found(error: pytest.ExceptionInfo[ProblemsError]) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.what) for problem in error.value.problems]


def problems_in(path: Path, text: str | bytes) -> list[tuple[int | None, str]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ProblemsError) as error:
        read_utterances(path)
    return found(error)


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
@pytest.mark.slow
def test_an_utterance_table_is_read_as_it_was_written(table: pd.DataFrame, tmp_path: Path) -> None:
    write_utterances(table, tmp_path / "u.tsv")
    assert_frame_equal(read_utterances(tmp_path / "u.tsv"), table, check_dtype=False)


@one_file
@given(names=st.lists(ids, unique=True, max_size=4), enrolled=st.lists(ids, unique=True, min_size=1, max_size=4))
@pytest.mark.slow
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
@pytest.mark.slow
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


@one_file
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), min_size=1)] * 2)
    )
)
def test_every_text_without_a_tab_or_a_line_end_comes_back_quotes_and_all(
    rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    frame = pd.DataFrame(rows, columns=["one", "two"], dtype=object)
    write_rows(frame, tmp_path / "t.tsv", delimiter="\t", header=True)
    table = read_columns(tmp_path / "t.tsv", ["one", "two"])
    assert list(zip(*table.to_pydict().values(), strict=True)) == [tuple(map(normal, row)) for row in rows]


@one_file
@given(table=utterance_tables(), order=st.randoms())
@pytest.mark.slow
def test_a_table_is_read_alike_from_any_order_of_its_rows(table: pd.DataFrame, order: Random, tmp_path: Path) -> None:
    write_utterances(table, tmp_path / "u.tsv")
    expected = read_utterances(tmp_path / "u.tsv")
    header, *rows = (tmp_path / "u.tsv").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    order.shuffle(rows)
    (tmp_path / "u.tsv").write_text("\n".join([header, *rows]), encoding="utf-8", newline="\n")
    assert_frame_equal(read_utterances(tmp_path / "u.tsv"), expected)


def test_models_and_trials_in_any_order_are_read_in_the_order_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text("model\tspk\tphrase\tutts\nb\ts\tp\tu\nB\ts\tp\tu v\na\ts\tp\tv\n")
    models = read_models(tmp_path / "m.tsv")
    assert models["model"].tolist() == ["B", "a", "b"]
    assert models.index.tolist() == [0, 1, 2]
    pairs = pd.DataFrame({"model": ["m", "m", "a"], "utt": ["v", "u", "v"]})
    pairs.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    pairs.to_parquet(tmp_path / "t.parquet", index=False)
    for name in ("t.tsv", "t.parquet"):
        read = read_trials(tmp_path / name)
        assert read.astype(object).to_numpy().tolist() == [["a", "v"], ["m", "u"], ["m", "v"]]


def test_faults_in_a_table_out_of_order_are_named_with_the_lines_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("model\tutt\nm\tv\nm\tu\n")
    frame, problems = load_table(tmp_path / "t.tsv", TRIALS)
    assert problems == []
    assert frame["utt"].tolist() == ["v", "u"]
    assert problems_in(tmp_path / "u.tsv", f"{HEADER}\nb\tf\ts\tp\na\tf\ts s\tp\n") == [
        (3, "spk 's s' holds a blank or a control character")
    ]


COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"


def test_composed_and_decomposed_names_are_one_name(tmp_path: Path) -> None:
    rows = f"a\tf\t{COMPOSED}\t{DECOMPOSED}\nb\tf\t{DECOMPOSED}\t{COMPOSED}\n"
    (tmp_path / "u.tsv").write_text(f"{HEADER}\n{rows}", encoding="utf-8")
    table = read_utterances(tmp_path / "u.tsv")
    assert set(table["spk"]) == set(table["phrase"]) == {COMPOSED}
    write_utterances(table.assign(spk=DECOMPOSED), tmp_path / "u.tsv")
    assert DECOMPOSED not in (tmp_path / "u.tsv").read_text(encoding="utf-8")
    models = pd.DataFrame({"model": ["m"], "spk": [DECOMPOSED], "phrase": ["p"], "utts": [f"{DECOMPOSED} a"]})
    write_models(models, tmp_path / "m.tsv")
    assert read_models(tmp_path / "m.tsv").loc[0, ["spk", "utts"]].tolist() == [COMPOSED, f"{COMPOSED} a"]


@pytest.mark.parametrize("name", ["t.tsv", "t.parquet"])
def test_composed_and_decomposed_names_of_trials_are_one_category(name: str, tmp_path: Path) -> None:
    trials = pd.DataFrame({"model": [COMPOSED, DECOMPOSED, "a"], "utt": ["v", "u", DECOMPOSED]})
    if name == "t.tsv":
        trials.to_csv(tmp_path / name, sep="\t", index=False)
    else:
        trials.to_parquet(tmp_path / name, index=False)
    read = read_trials(tmp_path / name)
    assert read["model"].cat.categories.tolist() == [COMPOSED, "a"]
    assert read["utt"].tolist() == ["u", "v", COMPOSED]
    write_trials(trials.astype("category"), tmp_path / name)
    assert_frame_equal(read_trials(tmp_path / name), read)


def test_paths_are_not_changed_for_they_name_files(tmp_path: Path) -> None:
    path = f"{DECOMPOSED}/a\u00a0b.wav"
    write_utterances(pd.DataFrame({"utt": ["é"], "path": path, "spk": "s", "phrase": "p"}), tmp_path / "u.tsv")
    assert read_utterances(tmp_path / "u.tsv")["path"].tolist() == [path]


def test_ids_that_are_one_when_composed_are_named_with_both_lines(tmp_path: Path) -> None:
    text = f"{HEADER}\n{COMPOSED}\tf\ts\tp\na\tf\ts\tp\n{DECOMPOSED}\tf\ts\tp\n"
    what = f"utt '{COMPOSED}' is there twice, first in line 2 (composed and decomposed letters are the same)"
    assert problems_in(tmp_path / "u.tsv", text) == [(4, what)]


@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u202f", "\u3000", "\u200b"])
def test_blanks_of_every_kind_are_blanks(blank: str, tmp_path: Path) -> None:
    row = f"a\tf\ts\tp\tsay{blank}yes\n"
    (tmp_path / "u.tsv").write_text(f"{HEADER}\ttext\n{row}", encoding="utf-8")
    assert read_utterances(tmp_path / "u.tsv")["text"].tolist() == ["say yes"]
    (tmp_path / "m.tsv").write_text(f"model\tspk\tphrase\tutts\nm\ts\tp\ta{blank}b\n", encoding="utf-8")
    assert read_models(tmp_path / "m.tsv")["utts"].tolist() == ["a b"]
    assert problems_in(tmp_path / "u.tsv", f"{HEADER}\na{blank}b\tf\ts\tp\n") == [
        (2, "utt 'a b' holds a blank or a control character")
    ]
    (tmp_path / "lexicon.txt").write_text(f"{DECOMPOSED}{blank}h o\n", encoding="utf-8")
    assert list(fields_of_lines(tmp_path / "lexicon.txt")) == [(1, [COMPOSED, "h", "o"])]


def test_a_zero_width_joiner_is_a_letter_of_its_word(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"utt": ["a"], "path": "f", "spk": "s", "phrase": "\u0645\u06cc\u200c\u062e\u0648\u0631\u062f"}
    )
    write_utterances(table, tmp_path / "u.tsv")
    assert read_utterances(tmp_path / "u.tsv")["phrase"].tolist() == table["phrase"].tolist()


def test_what_is_normal_stays_as_it_is_and_ascii_is_not_looked_at() -> None:
    text = "say " + "yes"
    assert normal(text) is text
    assert normal(normal(DECOMPOSED)) == normal(DECOMPOSED) == COMPOSED


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


def test_a_cell_that_is_not_text_is_named_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as error:
        write_utterances(
            pd.DataFrame({"utt": ["a", "b"], "path": "f", "spk": ["s", None], "phrase": [1, "p"]}), tmp_path / "u.tsv"
        )
    assert found(error) == [(1, "phrase 1 is not text"), (2, "spk is empty")]


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


def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    assert problems_in(tmp_path / "u.tsv", "") == [(None, "the file is empty")]
    with pytest.raises(ProblemsError, match=r"nix\.tsv: there is no such file"):
        read_trials(tmp_path / "nix.tsv")


def test_every_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    bad = f"{HEADER}\na\tf\ts\tp\nb\t\xff\ts\tp\nc\tf\t\xfe\tp\n".encode("latin-1")
    assert problems_in(tmp_path / "u.tsv", bad) == [(3, "not UTF-8"), (4, "not UTF-8")]


def test_columns_that_are_missing_unknown_or_double_are_named_at_once(tmp_path: Path) -> None:
    problems = problems_in(tmp_path / "u.tsv", "utt\tspeaker\tspk\tspk\tphrase\tstart\n")
    assert [line for line, _ in problems] == [1, 1, 1, 1]
    assert problems[0][1] == "column 'spk' stands twice in the header"
    assert problems[1][1].startswith("unknown column of utterances 'speaker' (known: utt, path, spk,")
    assert problems[2][1] == "column 'path' is missing in the header"
    assert problems[3][1] == "columns 'start' and 'end' come together or not at all"


def test_lines_with_too_few_or_too_many_fields_and_empty_lines_are_named_at_once(tmp_path: Path) -> None:
    problems = problems_in(tmp_path / "u.tsv", f"{HEADER}\na\tf\ts\n\nb\tf\ts\tp\nc\tf\ts\tp\tq\n")
    assert sorted(problems) == [
        (2, "3 fields where there should be 4 (utt path spk phrase)"),
        (3, "the line is empty"),
        (5, "5 fields where there should be 4 (utt path spk phrase)"),
    ]


def test_cells_and_keys_are_named_at_once_line_by_line(tmp_path: Path) -> None:
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
        (4, "spk is empty"),
        (4, "num_samples '0' is not a whole number over 0"),
        (4, "end 1.0 is not after start 2.0"),
        (4, "utt 'a' is there twice, first in line 3"),
        (5, "gender is empty; fill it in, or leave the column out of the whole table"),
        (5, "start '-1' is not a number of seconds"),
        (5, "num_samples '1.5' is not a whole number over 0"),
    ]


def test_a_model_lists_its_utterances_once_and_with_one_blank_between(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text("model\tspk\tphrase\tutts\na\ts\tp\tu v u\nb\ts\tp\tu  v\nc\ts\tp\tu v\n")
    with pytest.raises(ProblemsError) as error:
        read_models(tmp_path / "m.tsv")
    assert found(error) == [
        (2, "utts 'u v u' holds an utterance twice"),
        (3, "utts 'u  v' is not a list of ids with one blank between them"),
    ]


def test_trials_that_repeat_or_are_of_no_known_type_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("model\tutt\ttype\nm\tb\tTC\nm\ta\tTX\nm\tb\tIW\n")
    with pytest.raises(ProblemsError) as error:
        read_trials(tmp_path / "t.tsv")
    assert found(error) == [
        (3, "type unknown trial type 'TX' (known: TC, TW, IC, IW, target, nontarget); did you mean 'TW'?"),
        (4, "model utt 'm b' is there twice, first in line 2"),
    ]


def test_trial_types_and_labels_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("model\tutt\ttype\nm\ta\tTC\nm\tb\tnontarget\n")
    with pytest.raises(ProblemsError, match="mixes trial types with target/nontarget"):
        read_trials(tmp_path / "t.tsv")


def test_types_are_categories_in_one_order_whichever_occur(tmp_path: Path) -> None:
    write_trials(pd.DataFrame({"model": ["m", "m"], "utt": ["a", "b"], "type": ["IW", "TC"]}), tmp_path / "t.tsv")
    assert read_trials(tmp_path / "t.tsv")["type"].cat.categories.tolist() == ["TC", "TW", "IC", "IW"]


def test_a_parquet_file_that_is_none_or_lacks_a_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(ProblemsError, match="not a Parquet table of text"):
        read_trials(tmp_path / "t.parquet")
    pd.DataFrame({"model": ["m"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ProblemsError, match="column 'utt' is missing"):
        read_trials(tmp_path / "t.parquet")
    pd.DataFrame({"model": ["m"], "utt": [None]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ProblemsError, match="utt is empty in some row"):
        read_trials(tmp_path / "t.parquet")


@given(data=st.data())
@one_file
@pytest.mark.slow
def test_a_damaged_table_is_read_or_refused_with_an_error_of_ours(data: st.DataObject, tmp_path: Path) -> None:
    trials = pd.DataFrame({"model": [f"m{n}" for n in range(50)], "utt": "é", "type": "TC"})
    path = tmp_path / data.draw(st.sampled_from(["t.tsv", "t.parquet"]))
    write_trials(trials, path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(ProblemsError):
        read_trials(path)


def test_a_line_longer_than_a_block_is_refused(tmp_path: Path) -> None:
    problems = problems_in(tmp_path / "u.tsv", f"{HEADER}\n" + "a" * (1 << 25))
    assert problems[0][1].startswith("not a table of text")


def test_lines_end_with_a_line_feed_alone(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a\u2028b\x0bc\r\n\nd", encoding="utf-8", newline="")
    assert list(Lines.open(tmp_path / "t")) == [(1, "a\u2028b\x0bc"), (2, ""), (3, "d")]


def test_of_very_many_lines_with_one_fault_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    rows = "".join(f"{number:05d}\tf\t\tp\n" for number in range(1500))
    problems = problems_in(tmp_path / "u.tsv", f"{HEADER}\n{rows}")
    assert len(problems) == 1001
    assert (None, "500 more lines with the same fault as the last") in problems


def test_enrollments_are_one_utterance_a_row() -> None:
    models = pd.DataFrame({"model": ["m", "n"], "spk": "s", "phrase": "p", "utts": ["b a", "c"]})
    pairs = enrollments(models)
    assert list(pairs.itertuples(index=False, name=None)) == [("m", "b"), ("m", "a"), ("n", "c")]
