"""Beginning with the weights of another network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from svtok.errors import ProblemsError
from svtok.nets.network import Network
from svtok.trained.folder import load_network
from svtok.training.initial import begin_with
from svtok.training.run import Run, train_network

pytestmark = pytest.mark.slow


@pytest.fixture
def first(make_run: Callable[..., Run]) -> Run:
    """A network that has been trained."""
    train_network(run := make_run("first", dev=False, training={"epochs": 1}))
    return run


def fresh(run: Run, **fields: Any) -> Network:
    trained = load_network(run.out)
    torch.manual_seed(1)
    return Network(trained.config.network.model_copy(update=fields), 5, len(trained.classes))


def test_all_weights_of_the_same_name_and_shape_are_taken_over_and_the_rest_is_named(first: Run) -> None:
    trained = load_network(first.out)
    network = fresh(first)
    tensors = len(network.state_dict())
    said = begin_with(network, trained.classes, first.out, trained)
    assert said == f"begins with {tensors} of its {tensors} tensors from {first.out}"
    for name, weights in network.state_dict().items():
        assert torch.equal(weights, trained.network.state_dict()[name]), name
    other = fresh(first, embedding_dim=4)
    own = {name: weights.clone() for name, weights in other.state_dict().items()}
    said = begin_with(other, trained.classes, first.out, trained)
    assert said.endswith("; anew: projections.cls, norms.cls, classifiers.cls")
    for name, weights in other.state_dict().items():
        anew = name.startswith(("projections", "norms", "classifiers")) and not name.endswith("num_batches_tracked")
        assert torch.equal(weights, (own if anew else trained.network.state_dict())[name]), name


def test_class_vectors_of_other_classes_begin_anew_also_where_there_are_as_many(first: Run) -> None:
    trained, network = load_network(first.out), fresh(first)
    before = network.classifiers["cls"].weight.clone()  # type: ignore[operator]
    others = type(trained.classes)(tuple((f"other-{spk}", phrase) for spk, phrase in trained.classes.names))
    said = begin_with(network, others, first.out, trained)
    assert said.endswith("; anew: classifiers.cls (the classes differ: 8 there, 8 here)")
    assert torch.equal(network.classifiers["cls"].weight, before)  # type: ignore[arg-type]


def test_a_network_that_began_with_another_and_was_cut_off_ends_in_the_same_weights(
    make_run: Callable[..., Run],
    first: Run,
    cut_off: Callable[[Run, int], None],
    assert_same_weights: Callable[[Path, Path], None],
    measure: Callable[[Run], Callable[[Network], float]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields: dict[str, Any] = {"init": first.out, "training": {"epochs": 2, "free_phrases": "free"}}
    fields["train"] = ["train", "free"]
    train_network(whole := make_run("whole", **fields), measure(whole))
    assert f"{whole.out}: begins with" in capsys.readouterr().out
    for epoch in (1, 2):
        cut_off(cut := make_run("cut", **fields), epoch)
    train_network(make_run("cut", **fields), measure(cut))
    assert_same_weights(whole.out, cut.out)
    assert yaml.safe_load((whole.out / "config.yaml").read_text())["run"]["init"] == load_network(first.out).hash
    assert train_network(make_run("whole", **fields)) is False
    with pytest.raises(ProblemsError, match=r"run\.init: was \w+, now None"):
        train_network(make_run("whole", **{**fields, "init": None}))
    train_network(alone := make_run("alone", **{**fields, "init": None}), measure(whole))
    with pytest.raises(AssertionError):
        assert_same_weights(whole.out, alone.out)


def test_another_front_end_or_other_features_are_refused_with_both_values(
    make_run: Callable[..., Run], first: Run
) -> None:
    settings = first.out / "config.yaml"
    settings.write_text(settings.read_text().replace("sample_rate: 16000", "sample_rate: 8000"))
    network = {"front_end": {"channels": 6, "blocks": [8], "kernel": 5}}
    with pytest.raises(ProblemsError) as caught:
        train_network(make_run("second", init=first.out, network=network))
    features, front_end = map(str, caught.value.problems)
    assert features == f"features.sample_rate: that of {first.out} is 8000, the training set's is 16000"
    assert front_end.startswith(f"network.front_end.kernel: that of {first.out} is 3, the configuration's 5; begin")
    assert not (first.out.parent / "second").exists()
    with pytest.raises(ProblemsError, match="is the network to begin with, and to be written: name another --out"):
        train_network(make_run("first", init=first.out, anew=True))
    with pytest.raises(
        ProblemsError, match=r"network\.front_end\.kind: that of .* is residual, the configuration's x-"
    ):
        train_network(make_run("second", init=first.out, network={"front_end": {"kind": "x-vector", "channels": 4}}))
    with pytest.raises(ProblemsError, match=r"network\.streams: that of .* is features first, not cepstra; begin"):
        train_network(make_run("second", init=first.out, network={"streams": ["cepstra", "features"]}))
