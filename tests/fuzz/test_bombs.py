"""Inputs that a stranger made: each is refused with an error of svtok's, soon, and with bounded memory."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from svtok.audio.decode import MOST_SAMPLES, read_audio
from svtok.config import load_yaml, parse_yaml_value
from svtok.embeddings.store import read_embeddings
from svtok.errors import AudioError, ProblemsError, SvtokError
from svtok.features.config import read_features_config
from svtok.fresh import NOTE, printed_before, recordings
from svtok.manifest.kaldi.archives import read_archive, read_script
from svtok.manifest.sets import read_set
from svtok.manifest.tables import read_trials, read_utterances
from svtok.nets.network import Network
from svtok.scoring.scores import read_scores
from svtok.scoring.submission import check_submission
from svtok.trained.config import Config
from svtok.trained.folder import load_network, write_settings, write_weights
from svtok.training.checkpoint import restore_checkpoint
from tests.fuzz.harness import SECONDS, in_child
from tests.fuzz.targets import write_checkpoint, write_prepared_set, write_zip
from tests.test_damaged_folders import write_embeddings_here, write_network_here

MEGABYTE = 1 << 20
ALIASES = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n" for before, one in zip("abcdefghi", "bcdefghij", strict=True)
)
"""Ten lines that stand for nine to the tenth values."""
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{one}: &{one}\n  <<: [{', '.join([f'*{before}'] * 9)}]\n"
    for before, one in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Checks that a call is refused with an error that says why, in a process with little memory and time."""

    def check(call: Callable[[], object], match: str, *, memory: int = 400 * MEGABYTE) -> None:
        def work() -> None:
            with pytest.raises(SvtokError, match=match):
                call()

        status = in_child(work, memory=memory, seconds=3 * SECONDS)  # coverage traces what it does
        assert status == 0, f"{status}: {capfd.readouterr().err[-2000:]}"

    return check


Refused = Callable[..., None]


@pytest.mark.parametrize("text", [ALIASES, MERGES], ids=["aliases", "merges"])
def test_yaml_whose_aliases_stand_for_billions_of_values(tmp_path: Path, refused: Refused, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    refused(lambda: load_yaml(tmp_path / "c.yaml"), "aliases repeat")
    refused(lambda: read_features_config(tmp_path / "c.yaml"), "aliases repeat")


def test_an_alias_that_is_used_twice_is_no_bomb(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n")
    assert load_yaml(tmp_path / "c.yaml") == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: &a [*a]\n", "stands for what it is in"),
        ("a: " + "[" * 100_000, "cannot be read|not valid"),
        ("a: 0x" + "f" * 5000, "too many digits"),
        ("a: 9223372036854775808", "too large"),
        ("a: " + "1:" * 5000 + "1", "too many digits"),
        ("a: " + "9" * 400 + ".0", "too many digits"),
        ("a: !!python/object/apply:os.system ['false']", "not valid YAML"),
        ("a: " + "x" * 2 * MEGABYTE, "no configuration"),
    ],
    ids=["itself", "deep", "hexadecimal", "64 bits", "sexagesimal", "float", "python", "long"],
)
def test_other_yaml_that_asks_too_much(tmp_path: Path, refused: Refused, text: str, match: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    refused(lambda: load_yaml(tmp_path / "c.yaml"), match)


def test_a_setting_that_is_no_value_of_yaml() -> None:
    with pytest.raises(SvtokError, match="not a YAML value"):
        parse_yaml_value("2026-13-45")


def test_a_long_value_is_not_printed_whole(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"features: {{sample_rate: {'x' * 100_000}}}\n")
    with pytest.raises(ProblemsError) as caught:
        read_features_config(tmp_path / "c.yaml")
    assert len(str(caught.value)) < 1000


@pytest.mark.slow
@pytest.mark.parametrize("between", ["", "\t"], ids=["one cell", "empty cells"])
def test_a_header_line_of_100_megabytes(tmp_path: Path, refused: Refused, between: str) -> None:
    (tmp_path / "utterances.tsv").write_text((between or "x") * (100 * MEGABYTE) + "\n")
    refused(lambda: read_utterances(tmp_path / "utterances.tsv"), "no line of a table")


@pytest.mark.slow
def test_a_line_of_100_megabytes(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "trials.tsv").write_text("model\tutt\nm\t" + "u" * (100 * MEGABYTE) + "\n")
    refused(lambda: read_trials(tmp_path / "trials.tsv"), "not a table of text", memory=1024 * MEGABYTE)


def test_a_header_of_a_hundred_thousand_columns(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "trials.tsv").write_text("\t".join(f"c{n}" for n in range(100_000)) + "\n")
    refused(lambda: read_trials(tmp_path / "trials.tsv"), "has 100000 columns")


def test_of_a_million_wrong_lines_the_first_thousand_are_named(tmp_path: Path) -> None:
    (tmp_path / "trials.tsv").write_text("model\tutt\n" + "m\n" * 1_000_000)
    with pytest.raises(ProblemsError, match="further lines were not looked at") as caught:
        read_trials(tmp_path / "trials.tsv")
    assert len(caught.value.problems) == 1001


@pytest.mark.parametrize("cell", ["1e308", "1e10", "inf", "9" * 400])
def test_times_beyond_all_recordings(tmp_path: Path, cell: str) -> None:
    write_prepared_set(tmp_path)
    table = (tmp_path / "utterances.tsv").read_text()
    (tmp_path / "utterances.tsv").write_text(table.replace("\t0.25\t", f"\t{cell}\t"))
    with pytest.raises(ProblemsError, match="is not a number of seconds"):
        read_set(tmp_path)


def test_counts_that_no_integer_holds(tmp_path: Path) -> None:
    write_prepared_set(tmp_path)
    table = (tmp_path / "utterances.tsv").read_text()
    (tmp_path / "utterances.tsv").write_text(table.replace("\t800\t", "\t1e300\t"))
    with pytest.raises(ProblemsError, match="is not a whole number over 0"):
        read_set(tmp_path)


def test_a_parquet_that_stands_for_any_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.repeat("m", 3_000_000)
    pq.write_table(pa.table({"model": rows, "utt": rows}), tmp_path / "trials.parquet")
    assert (tmp_path / "trials.parquet").stat().st_size < 20_000
    monkeypatch.setattr("svtok.manifest.tables.MOST_ROWS_IN_PARQUET", 2_999_999)
    with pytest.raises(ProblemsError, match="has 3000000 rows"):  # not in a child: Arrow's threads are not there
        read_trials(tmp_path / "trials.parquet")


def claim(path: Path, samples: int) -> None:
    """Let the header of a FLAC file promise so many samples: 36 bits of its STREAMINFO."""
    content = bytearray(path.read_bytes())
    bits = int.from_bytes(content[18:26], "big") >> 36 << 36 | samples
    content[18:26] = bits.to_bytes(8, "big")
    path.write_bytes(content)


def test_a_flac_header_that_claims_ten_hours(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(1 << 14, np.int16), 16000)
    claim(path, 10 * 3600 * 16000)
    refused(lambda: read_audio(path), "is too long, if its header is right")
    claim(path, MOST_SAMPLES - 1)  # not too long, and a lie
    refused(lambda: read_audio(path), "is truncated", memory=100 * MEGABYTE)


def test_a_wav_header_that_claims_ten_hours(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1000, np.int16), 16000)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", 10 * 3600 * 16000 * 2)
    path.write_bytes(content)
    refused(lambda: read_audio(path), "is truncated: its header speaks of 1152000044 bytes")


def test_a_sphere_header_that_claims_any_length(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "a.sph"
    path.write_bytes(b"NIST_1A\n999999999999999\nsample_count -i 9\nend_head\n")
    refused(lambda: read_audio(path), "is not audio|is truncated")
    fields = "sample_count -i ²\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    path.write_bytes(b"NIST_1A\n   1024\n" + fields.encode("latin-1").ljust(1008))
    refused(lambda: read_audio(path), "without a sample_count")


def test_a_sampling_rate_that_would_need_a_filter_of_gigabytes(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1000, np.int16), 1_000_003)
    refused(lambda: read_audio(path, sample_rate=16000, resample=True), "there is no way to 16000 Hz")
    soundfile.write(path, np.zeros(1000, np.int16), 44100)
    assert len(read_audio(path, sample_rate=16000, resample=True)[0]) == 363


def test_a_recording_is_read_in_blocks_as_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(0).integers(-9, 9, (1000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", wave, 16000)
    monkeypatch.setattr("svtok.audio.decode.SAMPLES_AT_ONCE", 7)
    assert np.array_equal(read_audio(tmp_path / "a.flac", channel="2")[0] * 32768, wave[:, 1])


def test_an_array_that_claims_terabytes(tmp_path: Path, refused: Refused) -> None:
    write_embeddings_here(tmp_path)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 2), }"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + bytes(24)
    (tmp_path / "embeddings.npy").write_bytes(content)
    refused(lambda: read_embeddings(tmp_path), "missing or damaged")


def archive(length: int) -> bytes:
    return b"u1 \0BFV \x04" + struct.pack("<i", length) + bytes(16)


@pytest.mark.parametrize("length", [-1, 0, 5, 65537, 2**31 - 1])
def test_a_kaldi_vector_that_claims_gigabytes(tmp_path: Path, refused: Refused, length: int) -> None:
    (tmp_path / "a.ark").write_bytes(archive(length))
    refused(lambda: list(read_archive(tmp_path / "a.ark")), "is cut off or damaged")


@pytest.mark.parametrize("offset", ["99999999999999999999999", "9" * 5000, "1" * 18])
def test_a_script_that_names_a_place_beyond_the_file(tmp_path: Path, offset: str) -> None:
    (tmp_path / "a.ark").write_bytes(archive(4))
    (tmp_path / "a.scp").write_text(f"u1 {tmp_path}/a.ark:{offset}\n")
    with pytest.raises(SvtokError, match=r"there is no file|is no vector"):
        list(read_script(tmp_path / "a.scp"))


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a.ark |"])
def test_a_script_whose_names_are_no_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.scp").write_text(f"u1 {name}\n")
    with pytest.raises(ProblemsError, match="a line is `utt FILE:OFFSET`"):
        list(read_script(tmp_path / "a.scp"))


def lying(header: dict[str, object], length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(64)


@pytest.mark.parametrize(
    "content",
    [
        lying({}, 2**63),
        lying({"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}),
        lying({"w": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}}),
        lying({"w": {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, 64]}}),
    ],
    ids=["length", "size", "other names", "overflow"],
)
def test_safetensors_whose_header_lies(tmp_path: Path, refused: Refused, content: bytes) -> None:
    write_network_here(tmp_path)
    (tmp_path / "network.safetensors").write_bytes(content)
    refused(lambda: load_network(tmp_path), "network.safetensors: damaged, or not of this")


def test_a_configuration_of_a_network_of_terabytes(tmp_path: Path, refused: Refused) -> None:
    write_network_here(tmp_path)
    config = (tmp_path / "config.yaml").read_text()
    assert "slots: 2\n" in config
    (tmp_path / "config.yaml").write_text(config.replace("slots: 2\n", "slots: 1000000000\n"))
    refused(lambda: load_network(tmp_path), "size mismatch")
    (tmp_path / "config.yaml").write_text(config.replace("layers: 2\n", "layers: 1000000000\n"))
    refused(lambda: load_network(tmp_path), "network.layers: input should be less than or equal to 100")


@pytest.mark.parametrize("distribution", ["list", "gaussian"])
@pytest.mark.parametrize("weights", ["uniform", "learned"])
def test_networks_whose_tokens_are_drawn_are_loaded_too(tmp_path: Path, distribution: str, weights: str) -> None:
    write_network_here(tmp_path)
    trained = load_network(tmp_path)
    sampled = {"distribution": distribution, "weights": weights if distribution == "list" else "uniform", "vectors": 3}
    tree = trained.config.model_dump() | {"network": trained.config.network.model_dump() | {"head": "cls-sampled"}}
    config = Config.model_validate(tree | {"network": tree["network"] | {"sampled": sampled}})
    write_settings(tmp_path, config, trained.classes, {})
    write_weights(tmp_path, Network(config.network, 4, 2).state_dict())
    assert load_network(tmp_path).config.network.sampled.distribution == distribution


def packed_again(path: Path, name: str, content: bytes) -> None:
    """The ZIP with the content of one of its parts replaced, and all of them packed."""
    with zipfile.ZipFile(path) as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, old in parts.items():
            archive.writestr(entry, content if entry.endswith(name) else old)


@pytest.mark.parametrize("name", ["answer.txt", "metadata"])
def test_a_submission_that_unpacks_to_gigabytes(tmp_path: Path, refused: Refused, name: str) -> None:
    write_zip(tmp_path)
    packed_again(tmp_path / "a.zip", name, bytes(64 * MEGABYTE))
    refused(lambda: check_submission(tmp_path / "a.zip", tmp_path / "trials.txt"), "is not read", memory=MEGABYTE << 5)


def test_a_checkpoint_that_unpacks_to_gigabytes(tmp_path: Path, refused: Refused) -> None:
    write_checkpoint(tmp_path)
    packed_again(tmp_path / "checkpoint.pt", "data/0", bytes(64 * MEGABYTE))
    refused(lambda: restore_checkpoint(tmp_path, print), "it is packed", memory=MEGABYTE << 5)


@pytest.mark.parametrize("state", [[1, 2], {"network": {}}, {"random": 3, "random_cuda": []}], ids=str)
def test_a_checkpoint_that_holds_something_else(tmp_path: Path, state: object) -> None:
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(SvtokError, match="remove it to train from the start"):
        restore_checkpoint(tmp_path, lambda state: None)


def test_a_checkpoint_that_would_run_a_command_is_not_unpickled(tmp_path: Path) -> None:
    class Command:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"network": Command()}, tmp_path / "checkpoint.pt")
    with pytest.raises(SvtokError, match="remove it to train from the start"):
        restore_checkpoint(tmp_path, print)
    assert not (tmp_path / "ran").exists()


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text("[" * 200_000)
    assert printed_before([tmp_path], "abc") is None
    (tmp_path / "utterances.tsv").write_bytes(b"utt\tpath\nu\ta\0b\n")
    assert recordings(tmp_path) is not None  # whoever reads the table says what is wrong with it


def test_scores_of_another_encoding(tmp_path: Path) -> None:
    stream = io.StringIO("model\tutt\tscore\nm\tu\t1\n")
    (tmp_path / "s.tsv").write_bytes(stream.getvalue().encode("utf-16"))
    with pytest.raises(ProblemsError, match="not UTF-8"):
        read_scores(tmp_path / "s.tsv")


def test_audio_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"\0" * 100)
    with pytest.raises(AudioError, match=r"a\.wav"):
        read_audio(tmp_path / "a.wav")
