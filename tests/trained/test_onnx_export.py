"""An exported network does as torch does, for every kind of network; and what cannot be exported is not written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svtok.errors import ProblemsError, SvtokError
from svtok.files import sha256_of_files
from svtok.nets.network import FEATURES
from svtok.trained import onnx_export
from svtok.trained.embed import load_network
from svtok.trained.folder import TrainedNetwork
from svtok.trained.onnx_export import check_signals, export_onnx
from svtok.trained.onnx_folder import OnnxNetwork, load_onnx

pytest.importorskip("onnxruntime")
RATE = 8000
MakeNetwork = Callable[..., TrainedNetwork]
ECAPA = {"kind": "ecapa", "channels": 16, "scale": 4, "squeeze": 4, "out_channels": 24}
MFCC = {"kind": "mfcc", "bands": 20, "num_ceps": 10, "deltas": 2}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "avg": ({"head": "avg"}, {}),
    "ecapa": ({"head": "attentive-stats", "front_end": ECAPA, "layers": 0}, {"normalise": "mean_variance"}),
    "x-vector": (
        {"head": "stats", "front_end": {"kind": "x-vector", "channels": 8, "out_channels": 12, "subsample": 3}},
        {"bands": [8, 12], "log_energy": True},
    ),
    "cls": (
        {
            "head": "cls",
            "positions": "rotary",
            "memory": {"keys": "product", "slots": 9, "key_dim": 4, "top_k": 3, "combine": "concat"},
        },
        {},
    ),
    "cls, skip": (
        {
            "head": "cls",
            "skip": "attentive-stats",
            "classifier": "factored",
            "embedding_dim": 5,
            "after_attention": "feed-forward-memory",
            "feed_forward_dim": 8,
            "memory": {"slots": 4, "key_dim": 4, "top_k": 2},
        },
        {**MFCC, "vad": {}, "normalise": "mean_variance"},
    ),
    "cls-sampled": (
        {
            "head": "cls-sampled",
            "positions": "learned",
            "max_frames": 200,
            "sampled": {"vectors": 3, "weights": "learned", "evaluation": "mean-embedding"},
        },
        {},
    ),
    "cls, streams": ({"head": "cls", "streams": ["features", "cepstra"]}, {"bands": 24, "vad": {}}),
    "cls-dist": (
        {"head": "cls-dist", "embedding": "mean", "skip": "statistics", "after_attention": "feed-forward"},
        {"vad": {"context": 3}, "log_energy": True},
    ),
    "cls-sampled-dist": (
        {
            "head": "cls-sampled-dist",
            "embedding": "concat",
            "positions": "none",
            "front_end": {"channels": 8, "blocks": [8, 12], "subsample": 2},
            "sampled": {"distribution": "gaussian", "evaluation": "seeded-draw"},
        },
        {},
    ),
}


def signals(network: TrainedNetwork) -> list[NDArray[np.float32]]:
    return list(check_signals(network.features, None))[:3]


def same(network: TrainedNetwork, exported: OnnxNetwork, layer: int) -> None:
    for wave in signals(network):
        (vector, states), found = network.hear(wave, layer), exported.hear(wave, layer)
        np.testing.assert_allclose(found[0], vector, atol=1e-4 * max(1, np.abs(vector).max()))
        np.testing.assert_allclose(found[1], states, atol=1e-4 * max(1, np.abs(states).max()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network_is_exported(kind: str, make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network(*KINDS[kind])
    layer = max(network.layers)
    exported = export_onnx(network, tmp_path / "onnx", layer=layer)
    config = network.network.config
    assert (exported.about.dim, exported.about.parts) == (config.test_dim, len(config.streams))
    same(network, exported, layer)
    wave = signals(network)[1]
    np.testing.assert_allclose(exported.embed((wave, RATE)), network.embed((wave, RATE)), atol=1e-3)


@pytest.mark.slow
def test_phonetic_columns_and_an_earlier_layer_are_exported(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network({"head": "cls"}, phonetic=True)
    assert network.features.phonetic_dim == 3
    exported = export_onnx(network, tmp_path / "onnx", layer=1)
    same(network, exported, 1)
    same(network, export_onnx(network, tmp_path / "features", layer=FEATURES), FEATURES)
    with pytest.raises(SvtokError, match=r"onnx: was exported with the states after layer 1, not 2"):
        exported.hear(signals(network)[0], 2)


@pytest.mark.slow
def test_gaussianised_features_are_exported(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network(
        {"head": "cls"}, {**MFCC, "vad": {}, "normalise": "gaussianise", "gaussianise_window_s": 0.6}
    )
    same(network, export_onnx(network, tmp_path / "onnx", layer=2), 2)


@pytest.fixture(scope="module")
def small(write_network: MakeNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported network, beside that of the network, net."""
    folder = tmp_path_factory.mktemp("small")
    network = write_network(folder / "net", {"layers": 1, "positions": "learned", "max_frames": 300})
    return export_onnx(network, folder / "onnx", layer=1).folder


@pytest.fixture
def exported(small: Path) -> OnnxNetwork:
    return load_onnx(small)


def test_the_folder_has_the_hash_of_the_network_and_what_it_reads(exported: OnnxNetwork) -> None:
    network = load_network(exported.folder.with_name("net"))
    again = load_network(exported.folder)
    assert isinstance(again, OnnxNetwork)
    assert again.hash == network.hash
    assert again.features == network.features
    assert sorted(path.name for path in exported.folder.iterdir()) == ["config.yaml", "export.yaml", "network.onnx"]
    assert 0 <= exported.about.deviation < 1e-4
    metadata = exported.session.get_modelmeta().custom_metadata_map
    assert (metadata["network"], metadata["sample_rate"]) == (network.hash, "8000")


def test_recordings_that_cannot_be_read_are_named_at_once(exported: OnnxNetwork) -> None:
    good = (np.ones(RATE), RATE)
    with pytest.raises(ProblemsError) as caught:
        exported.embed([good, (np.ones(100), RATE), "no.wav", good, (np.ones(RATE * 4), RATE), (np.ones(9), 16000)])
    assert str(caught.value).splitlines() == [
        "4 problems found",
        "  recording 2: lasts 100 samples, less than one window of 200 (25 ms)",
        "  no.wav: there is no such file",
        "  recording 5: lasts 32000 samples, and the network's positions end after 24199",
        "  recording 6: the recording's sampling rate is 16000 Hz, not 8000; set 'resample: true' or convert the file",
    ]
    assert exported.embed((np.ones(24199), RATE)).shape == (8,)
    with pytest.raises(SvtokError, match="there is no recording to embed"):
        exported.embed([])


def test_what_differs_from_torch_is_not_written(
    make_network: MakeNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network({"head": "avg", "layers": 0})
    monkeypatch.setattr(onnx_export, "TOLERANCE", 1e-12)
    with pytest.raises(SvtokError, match=r"is not what torch computes: it differs by .* nothing is written"):
        export_onnx(network, tmp_path / "onnx", layer=0)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_folder_of_other_files_is_not_replaced(make_network: MakeNetwork, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="net: holds other files"):
        export_onnx(make_network(), tmp_path / "net", layer=2)


@pytest.mark.slow
def test_weights_of_8_bits_are_smaller_and_near(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network({"head": "cls", "front_end": {"channels": 64, "blocks": [64, 96]}})
    whole = export_onnx(network, tmp_path / "onnx", layer=2)
    rounded = export_onnx(network, tmp_path / "int8", layer=2, int8=True)
    assert (whole.about.int8, rounded.about.int8) == (False, True)
    assert whole.hash == rounded.hash
    sizes = [(folder / "network.onnx").stat().st_size for folder in (tmp_path / "onnx", tmp_path / "int8")]
    assert sizes[1] < 0.6 * sizes[0]
    assert 0.9 < rounded.about.cosine < 1


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:90])


@pytest.mark.parametrize("name", ["network.onnx", "export.yaml", "config.yaml"])
def test_a_damaged_folder_is_refused(small: Path, tmp_path: Path, name: str) -> None:
    damages: list[Callable[[Path], object]] = [Path.unlink, _cut, lambda file: file.write_text("format: 2\n")]
    for number, damage in enumerate(damages):
        folder = tmp_path / str(number)
        shutil.copytree(small, folder)
        damage(folder / name)
        with pytest.raises(SvtokError, match=name.replace(".", r"\.")):
            load_onnx(folder)


def test_a_graph_that_is_none_is_refused(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    (folder / "network.onnx").write_bytes(b"no graph")
    about = (folder / "export.yaml").read_text()
    whole, none = (sha256_of_files([place / "network.onnx"]) for place in (small, folder))
    (folder / "export.yaml").write_text(about.replace(whole, none))
    with pytest.raises(SvtokError, match=r"network\.onnx: cannot be run by onnxruntime .* export the network again"):
        load_onnx(folder)
