"""Features of Kaldi in and out, by the commands."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.features.store import FeatureStore

FRAMES = {"u1": np.arange(8, dtype=np.float32).reshape(2, 4), "u2": np.ones((3, 4), np.float32)}


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("features.yaml").write_text("features: {kind: fbank, bands: 4, sample_rate: 8000}\n")


def run(*words: object) -> str:
    result = CliRunner().invoke(svtok, ["kaldi", *map(str, words)])
    return result.output if result.exception is None else f"{result.output}{result.exception}"


def write_ark(frames: dict[str, np.ndarray]) -> None:
    content = b""
    for name, values in frames.items():
        content += f"{name} \0BFM ".encode()
        content += b"".join(b"\4" + struct.pack("<i", size) for size in values.shape) + values.astype("<f4").tobytes()
    Path("feats.ark").write_bytes(content)


def test_features_come_in_and_go_out_as_they_are() -> None:
    write_ark(dict(reversed(FRAMES.items())))
    said = run("import", "features", "feats.ark", "--config", "features.yaml", "--out", "feats/mine/train")
    assert said == "wrote feats/mine/train: 5 frames of 2 utterances\n"
    store = FeatureStore.open(Path("feats/mine/train"))
    assert (store.sample_rate, store.dim) == (8000, 4)
    assert all(np.array_equal(store[utt], frames) for utt, frames in FRAMES.items())
    said = run("export", "features", "feats/mine/train", "--out", "again.ark")
    assert said == "wrote again.ark and again.scp: 5 frames of 2 utterances\n"
    run("import", "features", "again.scp", "--config", "features.yaml", "--out", "feats/mine/dev")
    assert FeatureStore.open(Path("feats/mine/dev")).identity != store.identity  # the order is that of the names
    assert np.array_equal(FeatureStore.open(Path("feats/mine/dev"))["u1"], FRAMES["u1"])


def test_all_that_is_wrong_with_features_is_said_and_nothing_is_written() -> None:
    write_ark({"u1": np.full((1, 4), np.nan, np.float32), "u2": np.ones((2, 5), np.float32)})
    said = run("import", "features", "feats.ark", "--config", "features.yaml", "--out", "feats/mine/train")
    assert "feats.ark: the features of 'u1' hold NaN or infinity" in said
    assert "feats.ark: the features of 'u2' have 5 dimensions, the configuration says 4" in said
    Path("set").mkdir()
    Path("set/utterances.tsv").write_text("utt\tpath\tspk\tphrase\nu1\ta.wav\ts\tp\nu9\tb.wav\ts\tp\n")
    write_ark(FRAMES)
    said = run(
        "import", "features", "feats.ark", "--config", "features.yaml", "--data", "set", "--out", "feats/mine/train"
    )
    assert "feats.ark: 1 utterances of set have no features: u9" in said
    assert not Path("feats").exists()


def test_embeddings_go_out_as_they_came_in() -> None:
    Path("x.ark").write_text("u2  [ 1 2.5 ]\nu1  [ -3 4e0 ]\n")
    run("import", "embeddings", "x.ark", "--network", "x", "--out", "x")
    assert run("export", "embeddings", "x", "--out", "y.ark") == "wrote y.ark and y.scp: 2 embeddings\n"
    run("import", "embeddings", "y.scp", "--network", "x", "--out", "y")
    assert Path("x/embeddings.npy").read_bytes() == Path("y/embeddings.npy").read_bytes()
