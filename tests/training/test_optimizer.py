"""The learning rate over the steps; what decays."""

from typing import Any

import pytest
import torch
from torch import nn

from svtok.nets.config import HEADS, NetworkConfig
from svtok.nets.network import Network
from svtok.trained.config import StepsConfig
from svtok.training.optimizer import decays, make_optimizer, restore_optimizer, warm_up_cosine


def rates(steps: int, warm_up: float) -> list[float]:
    return [warm_up_cosine(step, steps, warm_up=warm_up, highest=1.0, lowest=0.1) for step in range(steps)]


def test_it_rises_in_a_line_then_falls_in_half_a_cosine() -> None:
    values = rates(13, 4 / 13)
    assert values[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert values[8] == pytest.approx(0.55)  # half way down
    assert values[-1] == pytest.approx(0.1)
    assert values[4:] == sorted(values[4:], reverse=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_one_or_two_steps_are_fine(steps: int) -> None:
    assert rates(steps, 0.0)[0] == 1.0


FRONT_ENDS: list[dict[str, Any]] = [
    {"kind": "residual", "channels": 4, "blocks": [8]},
    {"kind": "ecapa", "channels": 8, "scale": 2, "squeeze": 4, "out_channels": 8},
    {"kind": "x-vector", "channels": 4, "out_channels": 8},
]
NEVER = ("tokens.", "positions.", "memory.values", ".bias", "norm", "usage")


def make(**fields: Any) -> Network:
    config = {"front_end": FRONT_ENDS[0], "positions": "learned", "memory": {"slots": 4, "key_dim": 4}, **fields}
    config["after_attention"] = "feed-forward-memory"
    factors = torch.tensor([[0, 0], [0, 1], [1, 0]])
    return Network(NetworkConfig.model_validate(config), feature_dim=5, classes=3, factors=factors)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda front_end: str(front_end["kind"]))
@pytest.mark.parametrize("distribution", ["list", "gaussian"])
def test_what_an_input_is_multiplied_by_decays_and_nothing_else(
    head: str, front_end: dict[str, Any], distribution: str
) -> None:
    network = make(head=head, front_end=front_end, sampled={"distribution": distribution}, skip="statistics")
    for name, decayed in decays(network).items():
        assert decayed == (not any(part in name for part in NEVER)), name


@pytest.mark.parametrize(
    ("classifier", "names"),
    [("cosine", {"weight"}), ("factored", {"speakers", "phrases", "own"}), ("linear", {"weight", "bias"})],
)
def test_the_vectors_of_classes_decay(classifier: str, names: set[str]) -> None:
    network = make(classifier=classifier, class_residual=classifier == "factored")
    found = {name.split(".")[-1]: decayed for name, decayed in decays(network).items() if "classifiers." in name}
    assert found == {name: name != "bias" for name in names}


def test_the_moments_of_a_checkpoint_with_other_groups_go_to_their_parameters() -> None:
    """As it was: all of more than one dimension decayed."""
    network = make(head="cls-sampled")
    everything = list(network.parameters())
    before = torch.optim.AdamW(
        [{"params": [p for p in everything if p.ndim > 1]}, {"params": [p for p in everything if p.ndim <= 1]}]
    )
    for number, parameter in enumerate(everything):
        parameter.grad = torch.full_like(parameter, float(number))
    before.step()
    now = make_optimizer([network, nn.Identity()], StepsConfig())
    restore_optimizer(now, before.state_dict(), [network, nn.Identity()])
    for parameter in everything:
        assert torch.equal(now.state[parameter]["exp_avg"], before.state[parameter]["exp_avg"])
    assert [group["weight_decay"] for group in now.param_groups] == [StepsConfig().weight_decay, 0.0]
