"""A map of embeddings: which utterances, the projections against references, and the picture."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.manifest.sets import CorpusInfo, write_corpus_info
from svtok.report.embedding_map import (
    EmbeddingMap,
    choose_utterances,
    draw_map,
    map_embeddings,
    principal_components,
    title_of,
)


def utterances(speakers: int = 3, takes: int = 4) -> pd.DataFrame:
    rows = [
        (f"{s:03}-{phrase}-{take}", f"{s:03}", phrase, "fm"[s % 2])
        for s in range(speakers)
        for phrase in ("no", "yes")
        for take in range(takes)
    ]
    table = pd.DataFrame(rows, columns=["utt", "spk", "phrase", "gender"])
    return table.assign(path=table["utt"] + ".wav")


def embeddings_of(table: pd.DataFrame, dim: int = 6) -> Embeddings:
    rng = np.random.default_rng(1)
    return Embeddings(table["utt"].tolist(), rng.standard_normal((len(table), dim)).astype(np.float32), "hash")


def test_principal_components_are_the_eigenvectors_of_the_covariance() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 7)) * np.arange(1, 8)
    points, shares = principal_components(vectors)
    values, directions = np.linalg.eigh(np.cov(vectors.T))  # ascending
    np.testing.assert_allclose(shares, values[::-1][:2] / values.sum())
    for number in range(2):
        direction = directions[:, -1 - number]
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        np.testing.assert_allclose(points[:, number], (vectors - vectors.mean(axis=0)) @ direction)


def test_equal_vectors_have_no_variance_to_share() -> None:
    points, shares = principal_components(np.ones((4, 3)))
    np.testing.assert_array_equal(points, np.zeros((4, 2)))
    np.testing.assert_array_equal(shares, [0, 0])


def test_the_length_of_an_embedding_does_not_matter() -> None:
    table = utterances()
    one = embeddings_of(table)
    lengths = np.random.default_rng(2).uniform(0.5, 9, (len(table), 1)).astype(np.float32)
    other = Embeddings(one.utts, one.vectors * lengths, "hash")
    maps = [map_embeddings(given, table, by="spk", method="pca", seed=0) for given in (one, other)]
    np.testing.assert_allclose(maps[0].points, maps[1].points, atol=1e-6)
    assert maps[0].groups == table["spk"].tolist()


@pytest.mark.slow
def test_tsne_is_the_same_for_the_same_seed_and_keeps_neighbours_together() -> None:
    pytest.importorskip("sklearn")
    table = utterances(speakers=2, takes=10)
    centres = np.where(table["spk"] == "000", 1, -1)[:, None]
    vectors = (centres + 0.01 * np.random.default_rng(0).standard_normal((40, 5))).astype(np.float32)
    given = Embeddings(table["utt"].tolist(), vectors, "hash")
    one, again = (map_embeddings(given, table, by="spk", method="tsne", seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.points, again.points)
    assert one.shares is None
    distances = np.linalg.norm(one.points[:, None] - one.points[None], axis=2) + np.eye(40) * 1e9
    nearest = np.array(one.groups)[distances.argmin(axis=1)]
    assert nearest.tolist() == one.groups


def test_tsne_without_scikit_learn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    table = utterances()
    with pytest.raises(SvtokError, match=r"pip install 'svtok\[plot\]', or take --method pca"):
        map_embeddings(embeddings_of(table), table, by="spk", method="tsne", seed=0)


def test_values_of_one_column_are_alternatives_and_columns_add_up() -> None:
    table = utterances()
    chosen = choose_utterances(table, only={"spk": ["000", "002"], "phrase": ["yes"]}, most=99, seed=0)
    assert chosen["utt"].tolist() == [f"{s}-yes-{take}" for s in ("000", "002") for take in range(4)]


def test_many_utterances_are_drawn_by_the_seed() -> None:
    table = utterances()
    drawn = [choose_utterances(table, only={}, most=10, seed=seed)["utt"].tolist() for seed in (1, 1, 2)]
    assert len(drawn[0]) == 10
    assert drawn[0] == sorted(drawn[0])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (
            {"spkk": ["000"]},
            r"unknown column of utterances.tsv 'spkk' \(known: spk, phrase, gender\); did you mean 'spk'",
        ),
        ({"spk": ["9"]}, r"no utterance has spk '9' \(there are: 000, 001, 002\)"),
        ({"gender": ["m"], "spk": ["000"]}, r"no utterance has spk '000' \(there are: 001\)"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(only: dict[str, list[str]], message: str) -> None:
    with pytest.raises(SvtokError, match=message):
        choose_utterances(utterances(), only=only, most=99, seed=0)


def test_a_map_that_cannot_be_is_refused() -> None:
    table = utterances()
    with pytest.raises(SvtokError, match="at least 3 embeddings of 2 dimensions, not 2 of 6"):
        map_embeddings(embeddings_of(table), table[:2], by="spk", method="pca", seed=0)
    with pytest.raises(SvtokError, match="8 utterances have no embedding"):
        map_embeddings(embeddings_of(table[:16]), table, by="spk", method="pca", seed=0)
    with pytest.raises(SvtokError, match=r"unknown column of utterances.tsv 'path'"):
        map_embeddings(embeddings_of(table), table, by="path", method="pca", seed=0)


def test_the_title_says_what_was_left_out_and_synthetic_speech(tmp_path: Path) -> None:
    table = utterances()
    drawn = map_embeddings(embeddings_of(table), table, by="spk", method="pca", seed=0)
    data = tmp_path / "toy" / "eval"
    assert title_of(drawn, data, of=24) == "Embeddings of toy, eval\nall 24 utterances, principal components"
    write_corpus_info(tmp_path / "toy", CorpusInfo(name="toy", synthetic=True))
    assert title_of(drawn, data, of=99).startswith("Embeddings of toy (SYNTHETIC speech), eval\n24 of 99 utterances")


@pytest.mark.parametrize("groups", [1, 30, 400])
@pytest.mark.slow
def test_a_readable_png_is_drawn_of_few_and_of_very_many_groups(tmp_path: Path, groups: int) -> None:
    points = np.random.default_rng(0).standard_normal((800, 2))
    names = [f"speaker-{number % groups:04}" for number in range(800)]
    draw_map(EmbeddingMap(points, names, np.array([0.5, 0.25])), tmp_path / "map.png", title="a title", legend="spk")
    assert min(image.imread(tmp_path / "map.png").shape[:2]) > 600
