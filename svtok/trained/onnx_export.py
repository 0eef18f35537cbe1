"""Write a trained network, with its features, as an ONNX folder (`svtok.trained.onnx_folder`), and check it."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import svtok
from svtok.config import write_yaml
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import sha256_of_files, writing_folder
from svtok.manifest.sets import refuse_other_files
from svtok.trained.folder import CONFIG, TrainedNetwork
from svtok.trained.onnx_folder import ABOUT, GRAPH, INPUT, INSTALL, OUTPUTS, About, OnnxNetwork, load_onnx
from svtok.trained.onnx_graph import SampleNetwork
from svtok.trained.phones import load_phone_network

OPSET = 17
TOLERANCE = 1e-4
"""By which embeddings and states may differ from torch's, as a share of their largest value where that is above 1."""
LEAST_COSINE = 0.9
"""Of embeddings of 8-bit weights with torch's; of unlike voices it is far lower."""
CHECKED_SECONDS = (0.2, 0.73, 1.5, 3.1, 6.0)
SCORER = "scorer"
"""The folder, within the exported network's, of the scorer that goes along."""


def export_onnx(
    trained: TrainedNetwork, out: Path, *, layer: int, scorer: Path | None = None, int8: bool = False
) -> OnnxNetwork:
    """Write a network as an ONNX folder, if it does as torch does on speech-like noise of several lengths.

    Args:
        trained: the network, with the folder that it lies in.
        out: the folder to write; an exported network that is there is replaced.
        layer: of the encoder, whose states of frames are given beside the embeddings.
        scorer: the folder of a scorer, which is copied.
        int8: round the weights to 8 bits.

    Returns:
        The network that was written.

    Raises:
        SvtokError: the features cannot be computed by a graph, what the export needs is not installed, the graph does
            not do as torch does, or `out` holds other files.
    """
    assert trained.folder is not None
    refuse_other_files(out, (GRAPH, ABOUT, CONFIG, SCORER))
    phonetic = None if trained.phonetic is None else load_phone_network(trained.phonetic.folder).network
    graph = SampleNetwork(trained.network, trained.features, layer, phonetic).eval()
    longest = _longest(trained)
    with writing_folder(out) as temporary:
        shutil.copyfile(trained.folder / CONFIG, temporary / CONFIG)
        _write_graph(graph, temporary / GRAPH, {"network": trained.hash, "sample_rate": trained.features.sample_rate})
        about = About(
            network=trained.hash,
            graph=sha256_of_files([temporary / GRAPH]),
            layer=layer,
            dim=trained.network.config.test_dim,
            parts=trained.network.config.parts,
            longest=longest,
            int8=False,
            deviation=0,
            cosine=1,
            svtok=svtok.__version__,
        )
        write_yaml(temporary / ABOUT, about)
        about = _checked(trained, temporary, about)
        if int8:
            _round_weights(temporary / GRAPH)
            about = about.model_copy(update={"int8": True, "graph": sha256_of_files([temporary / GRAPH])})
            write_yaml(temporary / ABOUT, about)
            about = _checked(trained, temporary, about)
        write_yaml(temporary / ABOUT, about)
        if scorer is not None:
            shutil.copytree(scorer, temporary / SCORER)
    return load_onnx(out)


def _longest(trained: TrainedNetwork) -> int | None:
    """Samples that a network can read: those of the last frame that its positions reach, and up to the next."""
    frames, config = trained.network.config.longest_utterance, trained.features
    return None if frames is None else config.frame_length + frames * config.frame_shift - 1


def _write_graph(network: SampleNetwork, path: Path, about: dict[str, Any]) -> None:
    """Write the ONNX graph of a network, with what is known of it as metadata."""
    try:
        import onnx
    except ImportError:
        raise SvtokError(f"to export a network, onnx is needed; {INSTALL}") from None
    config = network.features.config
    samples = torch.randn(2, config.frame_length + 50 * config.frame_shift) / 10
    dynamic = {INPUT: {0: "batch", 1: "samples"}, OUTPUTS[0]: {0: "batch"}, OUTPUTS[2]: {0: "batch"}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of choices that depend on the configuration alone
        # By tracing: torch.export takes ten times as long, and packages more
        torch.onnx.export(
            network,
            (samples,),
            str(path),
            dynamo=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={**dynamic, OUTPUTS[1]: {0: "batch", 1: "frames"}},
            opset_version=OPSET,
        )
    model = onnx.load(path)
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(
        model, {name: str(value) for name, value in {**about, "svtok": svtok.__version__}.items()}
    )
    onnx.save(model, path)


def _round_weights(path: Path) -> None:
    """Round the weights of a graph to 8 bits, but for those that compute features; activations as they come."""
    import onnx

    with _quiet():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        features = [node.name for node in onnx.load(path).graph.node if "/features/" in node.name]
        quantize_dynamic(path, path, weight_type=QuantType.QUInt8, per_channel=True, nodes_to_exclude=features)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without onnxruntime's advice, which it gives to the root of all logs."""
    log = logging.getLogger()
    log.addFilter(_refuse)
    try:
        yield
    finally:
        log.removeFilter(_refuse)


def _refuse(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING


def _checked(trained: TrainedNetwork, folder: Path, about: About) -> About:
    """What is known of an exported network, with how far it is from torch. Raises SvtokError where that is too far."""
    exported = load_onnx(folder)
    deviation, cosine = 0.0, 1.0
    for wave in check_signals(trained.features, about.longest):
        expected, found = trained.hear(wave, about.layer), exported.hear(wave, about.layer)
        together = exported.session.run(OUTPUTS, {INPUT: np.stack([wave[::-1], wave])})
        found_in_batch = together[0][1], together[1][1, : len(found[1])]
        pairs = [*zip(expected, found, strict=True), *zip(expected, found_in_batch, strict=True)]
        if not about.int8:
            deviation = max(deviation, *(_difference(one, other) for one, other in pairs))
        else:
            deviation = max(deviation, _difference(expected[0], found[0]))
        cosine = min(cosine, _cosine(expected[0], found[0]))
    if about.int8 and not cosine >= LEAST_COSINE:
        raise SvtokError(
            f"with weights of 8 bits, the cosine of embeddings with those of {trained.folder} falls to {cosine:.3f}, "
            f"{LEAST_COSINE} is the least: export it without --int8"
        )
    if not about.int8 and not deviation <= TOLERANCE:
        raise SvtokError(
            f"the exported graph is not what torch computes: it differs by {deviation:.2g}, {TOLERANCE:g} may be; "
            "nothing is written. Please report it, with the config.yaml of the network"
        )
    return about.model_copy(update={"deviation": round(deviation, 9), "cosine": round(cosine, 6)})


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The largest difference, as a share of the largest value where that is above 1; infinite for other shapes."""
    if one.shape != other.shape:
        return np.inf
    difference = float(np.abs(one - other).max() / max(1.0, float(np.abs(one).max())))
    return difference if np.isfinite(difference) else np.inf


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / max(1e-12, float(np.linalg.norm(one) * np.linalg.norm(other))))


def check_signals(config: FeaturesConfig, longest: int | None) -> Iterator[NDArray[np.float32]]:
    """Noise like speech (N,), of several lengths that a network can read: pulses and hiss in syllables, and pauses.

    Rounded to 16 bits, as recordings are.
    """
    random = np.random.default_rng(0)
    for seconds in CHECKED_SECONDS:
        size = max(config.frame_length, round(seconds * config.sample_rate))
        times = np.arange(size if longest is None else min(size, longest)) / config.sample_rate
        pitch = np.cumsum(random.uniform(90, 220) * (1 + 0.1 * np.sin(5 * times))) / config.sample_rate
        pulses = sum(np.sin(2 * np.pi * harmonic * pitch + harmonic) / harmonic for harmonic in range(1, 15))
        syllables = np.clip(np.sin(2 * np.pi * 3 * times + 0.3) + 0.3, 0, None)
        wave = 0.1 * syllables * (pulses + random.standard_normal(len(times))) + 1e-3 * random.standard_normal(
            len(times)
        )
        yield (np.round(wave * 32767).clip(-32768, 32767) / 32768).astype(np.float32)
