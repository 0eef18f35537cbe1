"""The folder for the Hugging Face hub: it is read as the network that it was made of, without any network line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import svtok
from svtok.cli.main import svtok as command
from svtok.trained.folder import load_network
from tests.verifier.conftest import Spoken

CONDITION: dict[str, Any] = {
    "name": "TC-vs-IC",
    "nontarget_types": ["IC"],
    "targets": 100,
    "nontargets": 2000,
    "eer": 0.0812,
    "eer_ci": [0.07, 0.09],
    "dcf08": 0.4,
    "dcf10": 0.8,
    "cllr": 0.5,
    "min_cllr": 0.3,
}
EVALUATION = {
    "scores": "/home/anna/exp/scores.tsv",
    "corpus": "my corpus",
    "resampled": "speakers",
    "resamples": 1000,
    "seed": 0,
    "conditions": [CONDITION, {**CONDITION, "by": "gender", "value": "f", "gender": "f"}],
}


@pytest.fixture
def network(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network with its scorer, whose configuration says where its data lay."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(work / "exp/net", "net")
    tree = yaml.safe_load(Path("net/config.yaml").read_text())
    tree["run"]["train"] = {"data": "/home/anna/corpora/mine/train", "fingerprint": "f"}
    Path("net/config.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    Path("eval.json").write_text(json.dumps(EVALUATION))
    return Path("net")


def export(*words: object) -> str:
    result = CliRunner().invoke(command, ["export", *map(str, words)])
    return result.output if result.exception is None else f"{result.output}{result.exception}"


def test_what_is_exported_is_loaded_and_verifies_as_before(network: Path, said: Spoken) -> None:
    assert export("--network", network, "--hub", "hub/door", "--license", "apache-2.0") == (
        "wrote hub/door: a model card and the network, with its scorer\n"
    )
    wave = said("anna", "open", 0)
    ours, theirs = load_network(network), svtok.load_network("hub/door")
    assert theirs.hash == ours.hash
    assert np.array_equal(theirs.embed(wave), ours.embed(wave))
    verifier = svtok.Verifier.load("hub/door", store="voices.db")
    verifier.enroll("anna", "open", [said("anna", "open", take) for take in range(3)])
    before = svtok.Verifier.load(network, store="voices.db")  # the store is tied to the hash of the weights
    rate = 0.05
    assert verifier.verify("anna", wave, false_accept_rate=rate) == before.verify("anna", wave, false_accept_rate=rate)
    assert "up to date" in export("--network", network, "--hub", "hub/door", "--license", "apache-2.0")


def test_without_the_vectors_of_classes_it_hears_and_decides_the_same(network: Path, said: Spoken) -> None:
    export("--network", network, "--hub", "hub/door", "--license", "apache-2.0", "--forget-classes")
    ours, theirs = load_network(network), load_network("hub/door")
    wave = said("anna", "open", 0)
    assert np.array_equal(theirs.embed(wave), ours.embed(wave))
    assert theirs.hash != ours.hash
    assert theirs.hash in Path("hub/door/README.md").read_text()
    assert len(theirs.classes) == 1
    classifiers = [name for name in theirs.network.state_dict() if name.startswith("classifiers.")]
    assert classifiers
    assert not any(theirs.network.state_dict()[name].any() for name in classifiers)
    takes = [said("anna", "open", take) for take in range(3)]
    matches = []
    for place, folder in enumerate((network, Path("hub/door"))):
        verifier = svtok.Verifier.load(folder, store=f"{place}.db")
        verifier.enroll("anna", "open", takes)
        matches.append(verifier.verify("anna", said("anna", "open", 4), false_accept_rate=0.05))
    assert matches[0] == matches[1]


def test_the_card_says_what_the_hub_asks_for(network: Path) -> None:
    Path("about.md").write_text("## Data\n\nOur corridor.\n")
    given = ("--license", "cc-by-4.0", "--language", "en,fa", "--tag", "doors", "--evaluation", "eval.json")
    export("--network", network, "--hub", "hub/door", *given, "--about", "about.md")
    _, front, body = Path("hub/door/README.md").read_text().split("---\n", 2)
    assert "## Data\n\nOur corridor.\n\n## Results\n" in body
    about = yaml.safe_load(front)
    assert about["license"] == "cc-by-4.0"
    assert about["language"] == ["en", "fa"]
    assert about["library_name"] == "svtok"
    assert about["tags"] == ["svtok", "speaker-verification", "text-dependent", "speaker", "doors"]
    assert about["model-index"] == [
        {
            "name": "door",
            "results": [
                {
                    "task": {"type": "speaker-verification", "name": "Text-dependent speaker verification"},
                    "dataset": {"type": "my-corpus", "name": "my corpus"},
                    "metrics": [{"type": "eer", "name": "EER TC-vs-IC", "value": 0.0812}],
                }
            ],
        }
    ]
    assert "| my corpus | TC-vs-IC | 100 | 2,000 | 8.12 [7.00, 9.00] | 0.400 |" in body
    assert load_network(network).hash in body
    assert 'svtok.Verifier.load("door")' in body


def test_neither_speakers_nor_places_are_published_unless_asked_for(network: Path) -> None:
    names = sorted({name for name, _ in load_network(network).classes.names})
    export("--network", network, "--hub", "hub", "--license", "other", "--evaluation", "eval.json")
    published = "".join(path.read_text() for path in Path("hub").rglob("*") if path.suffix in (".md", ".yaml", ".tsv"))
    assert "/home" not in published
    assert not any(f"{name}\t" in published for name in names)
    assert "data: mine/train" in published
    ours, theirs = (load_network(folder).classes for folder in (network, Path("hub")))
    assert theirs.sizes == ours.sizes
    assert theirs.factors.tolist() == ours.factors.tolist()
    export("--network", network, "--hub", "named", "--license", "other", "--keep-names")
    assert load_network(Path("named")).classes == ours


def test_what_the_hub_would_not_take_is_refused_and_nothing_is_written(network: Path) -> None:
    assert "--hub needs --license" in export("--network", network, "--hub", "hub")
    said = export("--network", network, "--hub", "-x", "--license", "Apache License", "--language", "English")
    for what in ("the name '-x'", "the licence 'Apache License'", "the language 'English'"):
        assert f"{what} is not of the hub's form" in said
    assert not Path("-x").exists()
    Path("hub").mkdir()
    Path("hub/thesis.tex").touch()
    assert "holds other files (thesis.tex)" in export("--network", network, "--hub", "hub", "--license", "mit")
    assert "--license is of --hub" in export("--network", network, "--license", "mit")
