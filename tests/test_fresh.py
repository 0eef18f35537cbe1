"""What makes an output out of date, and what does not: by hand."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from svtok import fresh
from svtok.embeddings import states
from svtok.embeddings import store as embeddings
from svtok.features import store as features
from svtok.fresh import NOTE, fingerprint, identity, printed_before, recordings, remember
from svtok.manifest import sets
from svtok.scoring import store as scorer
from svtok.trained import folder as trained
from svtok.trained import onnx_folder as exported
from svtok.trained.phones import PHONES


def write(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def touch_later(path: Path) -> None:
    """Another time of the last change, and the same content."""
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def test_an_output_is_up_to_date_until_its_inputs_or_itself_change(tmp_path: Path) -> None:
    out = write(tmp_path / "scores.tsv", "a b 1\n")
    assert printed_before([out], "inputs") is None
    remember([out], "inputs", "100 scores\n")
    assert printed_before([out], "inputs") == "100 scores\n"
    assert printed_before([out], "other inputs") is None
    touch_later(out)
    assert printed_before([out], "inputs") is not None
    out.write_text("a b 2\n")
    assert printed_before([out], "inputs") is None


def test_every_output_counts(tmp_path: Path) -> None:
    outputs = [write(tmp_path / "a.json"), write(tmp_path / "a.png")]
    remember(outputs, "inputs")
    assert printed_before(outputs, "inputs") == ""
    assert printed_before(outputs[:1], "inputs") == ""
    outputs[1].unlink()
    assert printed_before(outputs, "inputs") is None


def test_a_prepared_corpus_is_out_of_date_where_a_recording_has_changed(tmp_path: Path) -> None:
    recording = write(tmp_path / "a.wav")
    out = write(tmp_path / "my/train/utterances.tsv", f"utt\tpath\na\t{recording}\n").parents[1]
    remember([out], "inputs")
    assert printed_before([out], "inputs") == ""
    touch_later(recording)
    assert printed_before([out], "inputs") is None


def test_the_note_of_a_folder_lies_in_it_and_goes_with_it(tmp_path: Path) -> None:
    out = write(tmp_path / "one/embeddings.tsv").parent
    remember([out], "inputs")
    assert (out / NOTE).is_file()
    shutil.copytree(out, tmp_path / "two")
    touch_later(tmp_path / "two/embeddings.tsv")
    assert printed_before([tmp_path / "two"], "inputs") is None  # nothing says what kind of folder it is
    write(out / "embeddings.yaml", "network: aa\n")
    remember([out], "inputs")
    shutil.copytree(out, tmp_path / "three")
    touch_later(tmp_path / "three/embeddings.tsv")
    assert printed_before([tmp_path / "three"], "inputs") == ""


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"made_of": "inputs"}', "\xff"])
def test_a_damaged_note_is_none(tmp_path: Path, content: str) -> None:
    out = write(tmp_path / "scores.tsv")
    (tmp_path / f".scores.tsv{NOTE}").write_text(content, encoding="latin-1")
    assert printed_before([out], "inputs") is None


def test_nothing_has_no_identity_and_no_note(tmp_path: Path) -> None:
    out = tmp_path / "scores.tsv"
    assert identity(out) is None
    remember([out], "inputs")
    assert list(tmp_path.iterdir()) == []


def test_a_set_is_its_tables_wherever_the_recordings_lie(tmp_path: Path) -> None:
    folder = write(tmp_path / "data/my/eval/utterances.tsv", "utt\tpath\tspk\na\tx/a.wav\tann\n").parent
    before = identity(folder)
    write(folder / "utterances.tsv", "utt\tpath\tspk\na\telsewhere.wav\tann\n")
    assert identity(folder) == before
    changes = [(folder / "utterances.tsv", "utt\tpath\tspk\na\tx/a.wav\tbob\n")]
    changes += [(folder / "trials.tsv", "m\tu\n"), (tmp_path / "data/my/corpus.yaml", "name: my\n")]
    seen = [before]
    for path, content in changes:
        write(path, content)
        assert identity(folder) not in seen
        seen.append(identity(folder))
    write(folder / "notes.txt")
    assert identity(folder) == seen[-1]


@pytest.mark.parametrize("texts", [('"yes", "no"'), ('"yes', '"no'), ('say "yes"', "no")])
def test_quotation_marks_in_a_set_are_ordinary_characters(tmp_path: Path, texts: tuple[str, str]) -> None:
    table = tmp_path / "utterances.tsv"
    content = "utt\tpath\tphrase\tspk\ttext\na\ta.wav\tp\ts\t{}\nb\tb.wav\tp\ts\t{}\n".format(*texts)
    before = identity(write(table, content).parent)
    assert identity(write(table, content.replace("b.wav", "moved/b.wav")).parent) == before
    assert identity(write(table, content.replace("b\tb.wav", "c\tb.wav")).parent) != before


def test_a_corpus_is_the_tables_of_its_sets(tmp_path: Path) -> None:
    write(tmp_path / "corpus.yaml", "name: my\n")
    before = identity(tmp_path)
    write(tmp_path / "dev/utterances.tsv", "utt\n")
    assert identity(tmp_path) != before
    before = identity(tmp_path)
    write(tmp_path / "eval/utterances.tsv", "utt\n")
    assert identity(tmp_path) != before


def test_features_made_again_with_the_same_values_are_the_same(tmp_path: Path) -> None:
    index, about = write(tmp_path / "features.tsv"), tmp_path / "features.yaml"
    write(tmp_path / "features.npy")
    text = "features: {{bands: [64]}}\nfingerprint: {}\ncontent: {}\nsvtok: {}\n"
    write(about, text.format("aa", "cc", "0.1.0"))
    before = identity(tmp_path)
    write(about, text.format("bb", "cc", "0.2.0"))
    touch_later(tmp_path / "features.npy")
    assert identity(tmp_path) == before
    write(about, text.format("bb", "dd", "0.2.0"))
    assert identity(tmp_path) != before
    write(about, text.format("bb", "cc", "0.2.0").replace("64", "40"))
    assert identity(tmp_path) != before
    write(about, text.format("bb", "cc", "0.2.0"))
    write(index, "other")
    assert identity(tmp_path) != before


def test_older_features_are_known_by_their_fingerprint(tmp_path: Path) -> None:
    about = write(tmp_path / "features.yaml", "features: {}\nfingerprint: aa\nsvtok: 0.1.0\n")
    before = identity(tmp_path)
    write(about, "features: {}\nfingerprint: bb\nsvtok: 0.1.0\n")
    assert identity(tmp_path) != before


def test_a_network_is_its_weights_and_settings_and_not_what_else_lies_there(tmp_path: Path) -> None:
    weights = write(tmp_path / "network.safetensors", "1")
    write(tmp_path / "config.yaml", "network: {}\nrun: {svtok: 0.1.0, seed: 0}\n")
    before = identity(tmp_path)
    write(tmp_path / "config.yaml", "network: {}\nrun: {svtok: 0.2.0, seed: 0}\n")
    write(tmp_path / "scores.tsv")
    assert identity(tmp_path) == before
    write(weights, "2")
    assert identity(tmp_path) != before


def test_a_settings_file_that_is_no_yaml_is_its_bytes(tmp_path: Path) -> None:
    write(tmp_path / "network.safetensors")
    seen = set()
    for content in ("a: [", "- 1", "run: 1", ""):
        write(tmp_path / "config.yaml", content)
        seen.add(identity(tmp_path))
    assert len(seen) == 4


def test_a_folder_of_recordings_is_names_sizes_and_times(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    recording = write(corpus / "ann/a.wav")
    before = identity(corpus)
    assert identity(corpus) == before
    touch_later(recording)
    touched = identity(corpus)
    assert touched != before
    recording.rename(corpus / "ann/b.wav")
    assert identity(corpus) not in (before, touched)
    write(corpus / "ann" / NOTE)
    assert identity(corpus) == identity(corpus)


def test_links_are_followed_once(tmp_path: Path) -> None:
    recording = write(tmp_path / "disc/a.wav")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/wav").symlink_to(tmp_path / "disc", target_is_directory=True)
    (tmp_path / "disc/again").symlink_to(tmp_path / "disc", target_is_directory=True)
    before = identity(tmp_path / "corpus")
    touch_later(recording)
    assert identity(tmp_path / "corpus") != before


def test_recordings_of_sets_are_sizes_and_times(tmp_path: Path) -> None:
    assert recordings(tmp_path) is None
    write(tmp_path / "train/utterances.tsv", "utt\tpath\na\t../a.wav\nb\tmissing.wav\n")
    recording = write(tmp_path / "a.wav")
    before = recordings(tmp_path)
    assert recordings(tmp_path) == recordings(tmp_path / "train") == before
    touch_later(recording)
    assert recordings(tmp_path) != before


def test_a_fingerprint_is_of_values_and_their_order() -> None:
    assert fingerprint({"a": 1, "b": Path("x")}) == fingerprint({"b": Path("x"), "a": 1})
    assert len({fingerprint(1), fingerprint("1"), fingerprint([1]), fingerprint(1, 1), fingerprint(None)}) == 5


def test_folders_are_known_by_the_names_that_their_rooms_write() -> None:
    assert fresh.KNOWN_BY.keys() == {
        trained.WEIGHTS,
        exported.GRAPH,
        features.ABOUT,
        embeddings.ABOUT,
        states.ABOUT,
        scorer.ABOUT,
        sets.UTTERANCES_FILE,
        sets.FILE_NAME,
    }
    assert set(fresh.KNOWN_BY[trained.WEIGHTS]) == {trained.WEIGHTS, trained.CONFIG, trained.CLASSES, PHONES}
    in_scorer = {f"scorer/{name}" for name in (scorer.ABOUT, scorer.ARRAYS)}
    assert set(fresh.KNOWN_BY[exported.GRAPH]) == {exported.GRAPH, exported.CONFIG, *in_scorer}
    assert set(fresh.KNOWN_BY[features.ABOUT]) == {features.ABOUT, features.INDEX}
    assert set(fresh.KNOWN_BY[embeddings.ABOUT]) == {embeddings.ABOUT, embeddings.INDEX, embeddings.ARRAY}
    assert set(fresh.KNOWN_BY[states.ABOUT]) == {states.ABOUT, states.INDEX, states.ARRAY}
    assert set(fresh.KNOWN_BY[scorer.ABOUT]) == {scorer.ABOUT, scorer.ARRAYS}
    assert sets.TABLE_FILES == fresh.TABLES
    assert json.loads(json.dumps(sets.SETS)) == ["train", "dev", "eval"]
