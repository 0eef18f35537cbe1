"""The report on a sampled class token: how far its vectors spread, and what that makes of embeddings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from svtok.embeddings.extract import network_input
from svtok.embeddings.spread import Distance, EmbeddingSpread, Range, VectorSpread, embedding_spread, vector_spread
from svtok.errors import SvtokError
from svtok.files import write_text
from svtok.manifest.corpus_info import read_corpus_info
from svtok.nets.config import SampledConfig
from svtok.report.tables import text_table
from svtok.training.network_folder import load_network


@dataclass(frozen=True)
class TokenSpread:
    """What is told of a network; of embeddings only where a set was given."""

    network: str
    sampled: SampledConfig
    vectors: VectorSpread
    data: str | None = None
    synthetic: bool = False
    embeddings: EmbeddingSpread | None = None


def measure_spread(network: Path, data: Path | None, features: Path | None, device: torch.device) -> TokenSpread:
    """The spread of the vectors of a network's folder and, with a prepared set, of its embeddings.

    Raises SvtokError where the class token is not drawn from at least two vectors, and as `network_input` does.
    """
    trained = load_network(network)
    config = trained.config.network
    try:
        vectors = vector_spread(trained.network)
    except ValueError as error:
        raise SvtokError(
            f"{network}: {error} (head '{config.head}', network.sampled.vectors {config.sampled.vectors})"
        ) from None
    if data is None:
        return TokenSpread(str(network), config.sampled, vectors)
    info = read_corpus_info(data.absolute().parent)
    with network_input(network, data, features, device) as given:
        embeddings = embedding_spread(given, device)
    name = f"{info.caption}, {data.name}" if info else str(data)
    return TokenSpread(str(network), config.sampled, vectors, name, bool(info and info.synthetic), embeddings)


def spread_text(spread: TokenSpread) -> str:
    """The report as plain text."""
    vectors, embeddings = spread.vectors, spread.embeddings
    what = f"{vectors.vectors} vectors of {vectors.dim} values"
    gaussian = spread.sampled.distribution == "gaussian"
    kind = "drawn from its Gaussian by seed" if gaussian else f"weights {spread.sampled.weights}"
    rows = [_range_row("norm", vectors.norm), _range_row("cosine of two", vectors.cosine)]
    lines = [
        f"Sampled class token of {spread.network}: {what}, {kind}",
        "",
        text_table(["of the vectors", "mean", "least", "largest"], rows),
    ]
    if embeddings is not None:
        distances = [
            _distance_row("one utterance, from two of the vectors", embeddings.same_utterance),
            _distance_row("two utterances of a phrase, one speaker", embeddings.same_speaker),
            _distance_row("two utterances of a phrase, two speakers", embeddings.other_speaker),
        ]
        lines += [
            "",
            f"Embeddings of {spread.data}: {embeddings.utterances} utterances",
            "",
            text_table(["cosine distance of two embeddings", "mean", "pairs"], distances),
        ]
    return "\n".join(lines)


def write_spread(path: Path, spread: TokenSpread) -> None:
    """Write the report as JSON: the fields of TokenSpread."""
    tree = {**asdict(spread), "sampled": spread.sampled.model_dump(mode="json")}
    write_text(path, json.dumps(tree, indent=2) + "\n")


def _range_row(name: str, values: Range) -> list[str]:
    return [name, *(f"{value:.4f}" for value in (values.mean, values.least, values.largest))]


def _distance_row(name: str, distance: Distance) -> list[str]:
    return [name, "-" if distance.mean is None else f"{distance.mean:.4f}", str(distance.pairs)]
