"""Whatever happens to a file that svtok wrote, reading it succeeds or gives one of svtok's own errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svtok.embeddings.store import Embeddings, read_embeddings, write_embeddings
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features
from svtok.manifest.sets import CorpusInfo, read_corpus_info, write_corpus_info
from svtok.metrics import Cost
from svtok.nets.network import Network
from svtok.nets.phone_network import PhoneNetwork
from svtok.report.evaluate import Condition, Evaluation, read_evaluation, write_evaluation
from svtok.scoring.backend import BackendConfig
from svtok.scoring.decision import fit_decisions
from svtok.scoring.fitted import FittedScorer
from svtok.scoring.fusion import fit_fusion, read_fusion, write_fusion
from svtok.scoring.normalise import Norm, make_cohort
from svtok.scoring.scorer import Scorer
from svtok.scoring.scores import read_scores, write_scores
from svtok.scoring.store import load_scorer, write_scorer
from svtok.trained.classes import ClassList
from svtok.trained.config import Config, PhoneticConfig
from svtok.trained.folder import load_network, read_training_log, write_config, write_settings, write_weights
from svtok.trained.phones import PhoneList, load_phone_network

pytestmark = pytest.mark.slow

FEATURES = FeaturesConfig(bands=(4,))


@dataclass(frozen=True)
class Kind:
    """A folder that svtok writes: how it is written, and read."""

    write: Callable[[Path], None]
    read: Callable[[Path], object]
    files: tuple[str, ...]


def write_features_here(folder: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(6, 4)
    write_features(folder, ["a", "b", "c"], [3, 1, 2], [array], config=FEATURES, fingerprint="f1")


def write_embeddings_here(folder: Path) -> None:
    write_embeddings(folder, ["a", "b", "é"], np.arange(6, dtype=np.float32).reshape(3, 2), "a1b2")


def write_network_here(folder: Path) -> None:
    front_end = {"channels": 4, "blocks": [4]}
    tree = {"front_end": front_end, "memory": {"slots": 2, "key_dim": 2}, "attention_heads": 2}
    config = Config.model_validate({"network": tree, "features": FEATURES.model_dump()})
    classes = ClassList((("ann", "yes"), ("bob", "no")))
    write_settings(folder, config, classes, {"train": {"data": "data/x/train", "fingerprint": "f1"}})
    write_weights(folder, Network(config.network, 4, 2).state_dict())
    (folder / "training.jsonl").write_text('{"epoch": 1, "loss": 2.5}\n{"epoch": 2, "loss": 1.25}\n')


def write_phone_network_here(folder: Path) -> None:
    tree = {"front_end": {"channels": 4, "blocks": [4]}, "bottleneck": 3}
    config = PhoneticConfig.model_validate({"network": tree, "features": FEATURES.model_dump()})
    write_config(folder, config, {})
    PhoneList(("a", "b")).write(folder / "phones.txt")
    write_weights(folder, PhoneNetwork(config.network, 4, 2).state_dict())


def write_scores_here(folder: Path) -> None:
    trials = pd.DataFrame({"model": ["m1", "m1", "m2"], "utt": ["a", "é", "a"]}).astype("category")
    write_scores(folder / "scores.tsv", trials, np.array([0.25, -1.5, 1e-3]))


def write_fusion_here(folder: Path) -> None:
    by_type = {"TC": np.array([[1.0], [2.0], [0.1]]), "IC": np.array([[0.0], [-1.0], [0.5]])}
    fusion = fit_fusion(by_type, ["one.tsv"], rule="linear", shares=None, cost=Cost(1, 1, 0.01))
    write_fusion(folder / "fusion.yaml", fusion)


def write_scorer_here(folder: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(12, 4)).astype(np.float32)
    backend = BackendConfig(name="plda", length_norm=False).fit(vectors, np.arange(12) // 3)
    cohort = make_cohort(Embeddings([f"u{row}" for row in range(12)], vectors, "a1b2"))
    by_type = {"TC": random.normal(1, 1, (9, 1)), "IC": random.normal(0, 1, (9, 1))}
    scorer = Scorer({"é": backend, "no": backend}, "by-the-book", Norm(cohort, top=3))
    write_scorer(folder, FittedScorer(scorer, "a1b2", 4, fit_decisions(by_type, cost=Cost(1, 1, 0.5))))


def write_evaluation_here(folder: Path) -> None:
    rates = {"eer": 0.1, "dcf08": 0.5, "dcf10": 1.0, "cllr": 1.0, "min_cllr": 0.9}
    row = Condition(name="pooled", nontarget_types=["IC"], targets=4, nontargets=5, **rates)
    evaluation = Evaluation(scores="s.tsv", resampled="speakers", resamples=9, seed=0, conditions=[row])
    write_evaluation(folder / "evaluation.json", evaluation)


def write_corpus_here(folder: Path) -> None:
    write_corpus_info(folder, CorpusInfo(name="mine", description="é"))


KINDS = {
    "embeddings": Kind(write_embeddings_here, read_embeddings, ("embeddings.npy", "embeddings.tsv", "embeddings.yaml")),
    "features": Kind(write_features_here, FeatureStore.open, ("features.npy", "features.tsv", "features.yaml")),
    "network": Kind(write_network_here, load_network, ("config.yaml", "classes.tsv", "network.safetensors")),
    "log": Kind(write_network_here, read_training_log, ("training.jsonl",)),
    "phones": Kind(write_phone_network_here, load_phone_network, ("config.yaml", "phones.txt", "network.safetensors")),
    "scores": Kind(write_scores_here, lambda folder: read_scores(folder / "scores.tsv"), ("scores.tsv",)),
    "fusion": Kind(write_fusion_here, lambda folder: read_fusion(folder / "fusion.yaml"), ("fusion.yaml",)),
    "scorer": Kind(write_scorer_here, load_scorer, ("scorer.yaml", "scorer.safetensors")),
    "evaluation": Kind(
        write_evaluation_here, lambda folder: read_evaluation(folder / "evaluation.json"), ("evaluation.json",)
    ),
    "corpus": Kind(write_corpus_here, read_corpus_info, ("corpus.yaml",)),
}
FILES = [(kind, file) for kind, one in KINDS.items() for file in one.files]
WRONG = {
    "empty": b"",
    "a byte": b"\x00",
    "a line end": b"\n",
    "random bytes": np.random.default_rng(0).bytes(300),
    "a quote": b'"',
    "text": "é\tb\tc\nd\n".encode(),
    "a number": b"12",
    "a list": b"- a\n- b\n",
    "json": b'{"a": [1, {"b": null}]}',
    "a date that cannot be": b"name: 2026-13-45\n",
    "wrong tags": b"name: !!timestamp x\nfeatures: !!bool 3\n",
    "very deep": b"[\n" * 20000,  # a line each: PyYAML takes a second for as many in one
    "an archive": b"PK\x03\x04" + bytes(40),
    "a pickle": b"\x80\x04N.",
    "a huge array": b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 4), }"
    + b" " * 40
    + b"\n",
    "an array of objects": b"\x93NUMPY\x01\x00\x3e\x00{'descr': '|O', 'fortran_order': False, 'shape': (3, 2), }\n",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind."""
    folders = {}
    for name, kind in KINDS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        kind.write(folders[name])
        kind.read(folders[name])
    return folders


@pytest.fixture
def copy(whole: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of the folder of a kind."""

    def make(kind: str) -> Path:
        shutil.copytree(whole[kind], tmp_path / kind, dirs_exist_ok=True)
        return tmp_path / kind

    return make


def read_or_our_error(kind: str, folder: Path, file: str) -> str | None:
    """The message of our error, which names the file or its folder; None where reading succeeds."""
    message = None
    try:
        KINDS[kind].read(folder)
    except SvtokError as error:
        message = str(error)
    assert message is None or file in message or str(folder) in message
    return message


@pytest.mark.parametrize(("kind", "file"), FILES)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut(kind: str, file: str, share: float, copy: Callable[[str], Path]) -> None:
    folder = copy(kind)
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: int(share * len(content))])
    read_or_our_error(kind, folder, file)


@pytest.mark.parametrize("kind", ["embeddings", "features"])
def test_a_cut_of_one_byte_is_never_missed(kind: str, copy: Callable[[str], Path]) -> None:
    for file in KINDS[kind].files:
        folder = copy(kind)
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[:-2])
        if file.endswith(".yaml") and kind == "features":
            continue  # its last line is the version of svtok
        assert read_or_our_error(kind, folder, file), file
        (folder / file).write_bytes(content)


@pytest.mark.parametrize(("kind", "file"), FILES)
@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_a_file_that_holds_something_else(kind: str, file: str, content: bytes, copy: Callable[[str], Path]) -> None:
    folder = copy(kind)
    (folder / file).write_bytes(content)
    read_or_our_error(kind, folder, file)


@pytest.mark.parametrize(("kind", "file"), [(kind, file) for kind, file in FILES if kind != "corpus"])
def test_a_file_that_is_missing(kind: str, file: str, copy: Callable[[str], Path]) -> None:
    folder = copy(kind)
    (folder / file).unlink()
    assert read_or_our_error(kind, folder, file) is not None


@pytest.mark.parametrize(("kind", "file"), [(kind, file) for kind, file in FILES if file.endswith(("tsv", "txt"))])
@pytest.mark.parametrize("change", ["last line gone", "line more", "line twice", "carriage returns", "no line end"])
def test_a_table_of_another_length(kind: str, file: str, change: str, copy: Callable[[str], Path]) -> None:
    folder = copy(kind)
    lines = (folder / file).read_bytes().splitlines(keepends=True)
    changed = {
        "last line gone": lines[:-1],
        "line more": [*lines, lines[-1].replace(b"\n", b"x\n")],
        "line twice": [*lines, lines[-1]],
        "carriage returns": [line.replace(b"\n", b"\r\n") for line in lines],
        "no line end": [*lines[:-1], lines[-1].removesuffix(b"\n")],
    }[change]
    (folder / file).write_bytes(b"".join(changed))
    message = read_or_our_error(kind, folder, file)
    if change in ("last line gone", "line more") and kind != "scores":
        assert message


@pytest.mark.parametrize(("kind", "file"), FILES)
def test_a_file_of_another_kind_of_folder(kind: str, file: str, copy: Callable[[str], Path]) -> None:
    others = {name: (copy(other) / name).read_bytes() for other, name in FILES}
    for name, content in others.items():
        folder = copy(kind)
        (folder / file).write_bytes(content)
        assert name == file or read_or_our_error(kind, folder, file), name


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_bytes_changed_anywhere(
    whole: dict[str, Path], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind, file = data.draw(st.sampled_from(FILES))
    content = bytearray((whole[kind] / file).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, min(len(content), start + 8)))
        content[start:stop] = data.draw(st.binary(max_size=8))
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(whole[kind], folder, dirs_exist_ok=True)
    (folder / file).write_bytes(content)
    read_or_our_error(kind, folder, file)
    shutil.rmtree(folder)
