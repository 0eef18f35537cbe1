"""A map of embeddings: which utterances, where in two dimensions, and the plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.embeddings.enroll import normalise_length, rows_of
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError, first_few, unknown_name
from svtok.manifest.sets import read_corpus_info
from svtok.places import corpus_folder
from svtok.report.plots import COLOURS, MARKERS, new_figure, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = Literal["pca", "tsne"]
NOT_GROUPS = ("utt", "path", "start", "end", "num_samples", "text")
"""Columns whose values differ from utterance to utterance."""
MOST_NAMED = 50
"""Groups that have a colour, a marker and a line in the legend."""
NAMED_A_COLUMN = 25


@dataclass(frozen=True)
class EmbeddingMap:
    """Points (N, 2) of utterances and the group that each is of.

    `shares` (2,) holds each axis's share of the variance where the axes are principal components; None for t-SNE.
    """

    points: NDArray[np.float64]
    groups: list[str]
    shares: NDArray[np.float64] | None


def choose_utterances(
    utterances: pd.DataFrame, *, only: Mapping[str, Sequence[str]], most: int, seed: int
) -> pd.DataFrame:
    """Some of the utterances, in the order of the table.

    Args:
        utterances: the table of a set.
        only: the values that are wanted, of each column that matters.
        most: of more than that, so many are drawn.
        seed: of the draw.

    Raises:
        SvtokError: a column or value is unknown, or nothing is left.
    """
    for column, values in only.items():
        _check_column(utterances, column)
        known = sorted(set(utterances[column]))
        for value in values:
            if value not in known:
                raise SvtokError(f"no utterance has {column} '{value}' (there are: {first_few(known, 10)})")
        utterances = utterances[utterances[column].isin(values)]
        if utterances.empty:
            raise SvtokError("no utterance has all of the values that --only asks for")
    if len(utterances) > most:
        rows = np.random.default_rng(seed).choice(len(utterances), most, replace=False)
        utterances = utterances.iloc[np.sort(rows)]
    return utterances


def _check_column(utterances: pd.DataFrame, column: str) -> None:
    known = [name for name in utterances.columns if name not in NOT_GROUPS]
    if column not in known:
        raise SvtokError(unknown_name("column of utterances.tsv", column, known))


def map_embeddings(
    embeddings: Embeddings, utterances: pd.DataFrame, *, by: str, method: Method, seed: int
) -> EmbeddingMap:
    """Where the utterances' length-normalised embeddings lie in two dimensions.

    Args:
        embeddings: of all of the utterances.
        utterances: those of the map.
        by: the column whose values are the groups.
        method: principal components, or t-SNE.
        seed: of t-SNE.

    Raises:
        SvtokError: the column is unknown, an utterance has no embedding, there are fewer than three, or t-SNE is asked
            for and scikit-learn is not installed.
    """
    _check_column(utterances, by)
    rows = rows_of(embeddings, utterances["utt"].tolist())
    vectors = normalise_length(embeddings.vectors[rows]).astype(np.float64)
    if min(len(vectors) - 1, vectors.shape[1]) < 2:
        raise SvtokError(f"a map needs at least 3 embeddings of 2 dimensions, not {len(vectors)} of {vectors.shape[1]}")
    groups = utterances[by].astype(str).tolist()
    if method == "tsne":
        return EmbeddingMap(tsne(vectors, seed), groups, shares=None)
    points, shares = principal_components(vectors)
    return EmbeddingMap(points, groups, shares)


def principal_components(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two principal components of vectors.

    A component's sign, which is free, is such that its largest coefficient is positive.

    Args:
        vectors: (N, D).

    Returns:
        Coordinates (N, 2), and each component's share of the variance (2,): 0 where all vectors are equal.

    >>> points, shares = principal_components(np.array([[-1.0, 0, 7], [0, 0, 7], [1, 0, 7]]))
    >>> points[:, 0].round(3), shares.round(3)
    (array([-1.,  0.,  1.]), array([1., 0.]))
    """
    centred = vectors - vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]  # (2, D)
    largest = np.abs(directions).argmax(axis=1, keepdims=True)
    directions = directions * np.sign(np.take_along_axis(directions, largest, axis=1))
    variances = sizes**2
    return centred @ directions.T, variances[:2] / max(variances.sum(), np.finfo(float).tiny)


def tsne(vectors: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Coordinates (N, 2) of vectors (N, D) by t-SNE (van der Maaten and Hinton, 2008), which keeps neighbours together.

    It starts from the principal components; the perplexity is 30, for fewer than 91 vectors a third of N - 1.

    Raises:
        SvtokError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise SvtokError(
            "t-SNE needs scikit-learn: pip install 'svtok[plot]', or take --method pca, which needs nothing"
        ) from None
    perplexity = min(30, (len(vectors) - 1) / 3)
    points: NDArray[np.float64] = TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(vectors)
    return points.astype(np.float64)


def title_of(drawn: EmbeddingMap, data: Path, *, of: int) -> str:
    """What the map is of, and how it was made.

    Args:
        drawn: the map.
        data: the folder of the prepared set.
        of: how many utterances the set has.
    """
    data = data.absolute()
    corpus = corpus_folder(data)
    info = read_corpus_info(corpus)
    method = "t-SNE" if drawn.shares is None else "principal components"
    count = len(drawn.groups)
    which = f"all {count}" if count == of else f"{count} of {of}"
    return f"Embeddings of {info.caption if info else corpus.name}, {data.name}\n{which} utterances, {method}"


def draw_map(drawn: EmbeddingMap, path: Path, *, title: str, legend: str) -> None:
    """Draw the points as a PNG, each group with a colour and a marker of its own.

    Of more than MOST_NAMED groups the first by name have their own, the others are grey.

    Args:
        drawn: the map.
        path: the PNG.
        title: above it.
        legend: what a group is.
    """
    names = sorted(set(drawn.groups))
    named = min(len(names), MOST_NAMED)
    figure = new_figure(7 + 1.4 * -(-named // NAMED_A_COLUMN), 7)
    axes = figure.add_subplot()
    _scatter(axes, drawn, names)
    if drawn.shares is None:  # the coordinates of t-SNE have no unit
        axes.set(xlabel="t-SNE 1", ylabel="t-SNE 2", xticks=[], yticks=[])
    else:
        one, two = (f"({100 * share:.0f} % of the variance)" for share in drawn.shares)
        axes.set(xlabel=f"Principal component 1 {one}", ylabel=f"Principal component 2 {two}")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(color="0.93", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title, wrap=True)
    figure.legend(
        loc="outside right upper", title=legend, fontsize="small", ncols=-(-named // NAMED_A_COLUMN), frameon=False
    )
    save_png(figure, path)


def _scatter(axes: Axes, drawn: EmbeddingMap, names: Sequence[str]) -> None:
    """One layer a group; points get smaller where there are many."""
    groups = np.array(drawn.groups)
    size = float(np.clip(20_000 / len(groups), 6, 40))
    others = drawn.points[np.isin(groups, names[MOST_NAMED:])]
    if len(others):
        label = f"{len(names) - MOST_NAMED} others"
        axes.scatter(others[:, 0], others[:, 1], s=size / 2, c="0.8", linewidths=0, label=label)
    for number, name in enumerate(names[:MOST_NAMED]):
        x, y = drawn.points[groups == name].T
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        axes.scatter(x, y, s=size, c=colour, marker=marker, linewidths=0, alpha=0.85, label=name)
