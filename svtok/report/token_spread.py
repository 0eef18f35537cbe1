"""The report on a sampled class token: how far its vectors spread, and what that makes of embeddings."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from svtok.embeddings.enroll import normalise_length
from svtok.embeddings.extract import NetworkInput, network_input
from svtok.errors import SvtokError
from svtok.files import write_text
from svtok.manifest.sets import read_corpus_info
from svtok.nets.config import SampledConfig
from svtok.nets.network import Network
from svtok.nets.tokens import candidate_rows
from svtok.places import corpus_folder
from svtok.report.tables import text_table
from svtok.trained.folder import load_network
from svtok.trained.inference import compute_all, embed_all


@dataclass(frozen=True)
class Range:
    """The mean of some values, the least and the largest."""

    mean: float
    least: float
    largest: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Range:
        """That of these values."""
        return cls(float(values.mean()), float(values.min()), float(values.max()))


@dataclass(frozen=True)
class VectorSpread:
    """R vectors of D values: their Euclidean norms, and the cosines of all pairs."""

    vectors: int
    dim: int
    norm: Range
    cosine: Range


@dataclass(frozen=True)
class Distance:
    """The mean cosine distance (1 - cosine) of pairs of embeddings, and how many pairs; None where there are none."""

    mean: float | None
    pairs: int


@dataclass(frozen=True)
class EmbeddingSpread:
    """Distances between the embeddings of N utterances: of the same one from two of the R vectors, and, as evaluation
    reads them, of two utterances of a phrase by the same speaker, and by two speakers."""

    utterances: int
    same_utterance: Distance
    same_speaker: Distance
    other_speaker: Distance


def vector_spread(network: Network) -> VectorSpread:
    """The spread of the vectors that the class token is drawn from (of a Gaussian, R draws by its seed).

    Raises:
        ValueError: there are not at least two.
    """
    vectors = candidate_rows(network.tokens)[:, 0].detach().double().cpu().numpy()  # (R, D)
    if len(vectors) < 2:
        raise ValueError(f"a spread needs at least 2 vectors, not {len(vectors)}")
    norms = np.linalg.norm(vectors, axis=1)
    cosines = (vectors / norms[:, None]) @ (vectors / norms[:, None]).T  # (R, R)
    pairs = np.triu_indices(len(vectors), k=1)
    return VectorSpread(len(vectors), vectors.shape[1], Range.of(norms), Range.of(cosines[pairs]))


def embedding_spread(given: NetworkInput, device: torch.device) -> EmbeddingSpread:
    """The spread of the embeddings of all utterances of a set.

    Args:
        given: the network, the set and its features.
        device: where the network computes.

    Raises:
        SvtokError: as `compute_all`.
    """
    network, utterances = given.trained.network, given.prepared.utterances
    utts = utterances["utt"].tolist()

    def own_distance(frames: Tensor, lengths: Tensor) -> Tensor:
        return mean_distance(network.embed_each(frames, lengths))[:, None]

    own = compute_all(own_distance, network, given.store, utts, device, what="spread of embeddings")  # (N, 1)
    count = network.config.sampled.vectors
    unit = normalise_length(embed_all(network, given.store, utts, device, what="embeddings"))  # (N, D)
    same, takes = _pairs_within(unit, utterances.groupby(["spk", "phrase"]).ngroup().to_numpy())
    every, pairs = _pairs_within(unit, utterances.groupby("phrase").ngroup().to_numpy())
    return EmbeddingSpread(
        len(utts),
        Distance(float(own.mean()), len(utts) * count * (count - 1) // 2),
        Distance(1 - same / takes if takes else None, takes),
        Distance(1 - (every - same) / (pairs - takes) if pairs > takes else None, pairs - takes),
    )


def mean_distance(embeddings: Tensor) -> Tensor:
    """The mean cosine distance over all pairs of R embeddings: (B, R, D) -> (B,).

    >>> mean_distance(torch.tensor([[[1.0, 0], [0, 2]]]))
    tensor([1.], dtype=torch.float64)
    """
    unit = functional.normalize(embeddings.double(), dim=2)
    count = unit.shape[1]
    # the squared length of the sum holds each pair twice, and each embedding with itself
    cosines = (unit.sum(dim=1).square().sum(dim=1) - count) / (count * (count - 1))
    return 1 - cosines


def _pairs_within(unit: NDArray[np.float32], groups: NDArray[np.int64]) -> tuple[float, int]:
    """The sum of the cosines over all pairs of rows (N, D) of the same group, and how many pairs these are."""
    sums = np.zeros((groups.max() + 1, unit.shape[1]))
    np.add.at(sums, groups, unit)
    counts = np.bincount(groups)
    cosines = (np.square(sums).sum() - np.square(unit, dtype=np.float64).sum()) / 2
    return float(cosines), int((counts * (counts - 1) // 2).sum())


@dataclass(frozen=True)
class TokenSpread:
    """What is known of a network; of embeddings only where a set was given."""

    network: str
    sampled: SampledConfig
    vectors: VectorSpread
    data: str | None = None
    synthetic: bool = False
    embeddings: EmbeddingSpread | None = None


def measure_spread(network: Path, data: Path | None, features: Path | None, device: torch.device) -> TokenSpread:
    """The spread of the vectors of a network's folder and, with a prepared set, of its embeddings.

    Args:
        network: the folder.
        data: the prepared set.
        features: of the set; None: at the place that belongs to it.
        device: where the network computes.

    Raises:
        SvtokError: the class token is not drawn from at least two vectors, or as `network_input`.
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
    info = read_corpus_info(corpus_folder(data))
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
    ranges = {"norm": vectors.norm, "cosine of two": vectors.cosine}
    rows = [[name, *(f"{value:.4f}" for value in astuple(values))] for name, values in ranges.items()]
    lines = [
        f"Sampled class token of {spread.network}: {what}, {kind}",
        "",
        text_table(["of the vectors", "mean", "least", "largest"], rows),
    ]
    if embeddings is not None:
        distances = {
            "one utterance, from two of the vectors": embeddings.same_utterance,
            "two utterances of a phrase, one speaker": embeddings.same_speaker,
            "two utterances of a phrase, two speakers": embeddings.other_speaker,
        }
        rows = [[name, "-" if of.mean is None else f"{of.mean:.4f}", str(of.pairs)] for name, of in distances.items()]
        lines += [
            "",
            f"Embeddings of {spread.data}: {embeddings.utterances} utterances",
            "",
            text_table(["cosine distance of two embeddings", "mean", "pairs"], rows),
        ]
    return "\n".join(lines)


def write_spread(path: Path, spread: TokenSpread) -> None:
    """Write the report as JSON: the fields of TokenSpread."""
    tree = {**asdict(spread), "sampled": spread.sampled.model_dump(mode="json")}
    write_text(path, json.dumps(tree, indent=2) + "\n")
