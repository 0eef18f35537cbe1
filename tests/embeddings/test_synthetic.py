from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.embeddings.store import read_embeddings
from svtok.embeddings.synthetic import random_embeddings
from svtok.manifest.sets import PreparedSet, write_set

UTTERANCES = pd.DataFrame(
    [(f"s{s}-p{p}-{t}", "f", f"s{s}", f"p{p}") for s in range(6) for p in range(4) for t in range(10)],
    columns=["utt", "path", "spk", "phrase"],
)


def test_vectors_of_a_speaker_and_of_a_phrase_are_alike() -> None:
    vectors = random_embeddings(UTTERANCES, dim=4000, seed=0)
    assert vectors.dtype == np.float32
    products = vectors @ vectors.T / 4000
    same = {
        name: np.equal.outer(UTTERANCES[name].to_numpy(), UTTERANCES[name].to_numpy()) for name in ("spk", "phrase")
    }
    others = ~np.eye(len(UTTERANCES), dtype=bool)
    expected = {(True, True): 2.0, (True, False): 1.0, (False, True): 1.0, (False, False): 0.0}
    for (spk, phrase), shared in expected.items():
        chosen = (same["spk"] == spk) & (same["phrase"] == phrase) & others
        assert abs(products[chosen].mean() - shared) < 0.1
    assert abs(np.diag(products).mean() - 6.0) < 0.2  # 1 + 1 + 2 squared


def test_a_seed_fixes_the_vectors() -> None:
    one, again, other = (random_embeddings(UTTERANCES, dim=3, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_command_writes_a_vector_for_each_utterance_of_the_set(tmp_path: Path) -> None:
    write_set(PreparedSet(UTTERANCES), tmp_path / "data")
    command = ["synthesize", "embeddings", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "e"), "--dim", "8"]
    result = CliRunner().invoke(svtok, command)
    assert result.exit_code == 0, result.output
    assert "RANDOM" in result.output
    embeddings = read_embeddings(tmp_path / "e")
    assert embeddings.utts == sorted(UTTERANCES["utt"])
    assert embeddings.vectors.shape == (240, 8)
