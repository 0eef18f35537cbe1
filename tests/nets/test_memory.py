"""Memory layer against explicit loops."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from svtok.nets.config import MemoryConfig
from svtok.nets.memory import MemoryLayer, SlotUsage

pytestmark = pytest.mark.slow

REAL = torch.ones(2, 3, dtype=torch.bool)


def slot_keys(layer: MemoryLayer) -> list[torch.Tensor]:
    """The key of each slot; product keys are written out."""
    if not layer.product:
        return list(layer.keys)
    return [torch.cat([first, second]) for first in layer.keys[0] for second in layer.keys[1]]


def read_by_loops(layer: MemoryLayer, row: torch.Tensor, kept: int) -> torch.Tensor:
    """What one row (D,) reads: the `kept` best slots, softmax, weighted sum."""
    query = layer.query(row)
    scores = [float(query @ key) for key in slot_keys(layer)]
    best = sorted(range(len(scores)), key=lambda slot: -scores[slot])[:kept]
    total = sum(math.exp(scores[slot]) for slot in best)
    return torch.stack([math.exp(scores[slot]) / total * layer.values[slot] for slot in best]).sum(dim=0)


def read_all_by_loops(layer: MemoryLayer, x: torch.Tensor, kept: int) -> torch.Tensor:
    return torch.stack([torch.stack([read_by_loops(layer, row, kept) for row in rows]) for rows in x])


def make(**fields: Any) -> MemoryLayer:
    torch.manual_seed(0)
    return MemoryLayer(4, MemoryConfig(**{"slots": 5, "key_dim": 3, **fields})).double()


def make_product(**fields: Any) -> MemoryLayer:
    return make(**{"keys": "product", "slots": 16, "key_dim": 6, **fields})


@pytest.mark.parametrize(("top_k", "kept"), [(0, 5), (2, 2), (5, 5), (1, 1)])
def test_each_row_reads_the_softmax_of_its_best_slots(top_k: int, kept: int) -> None:
    layer, x = make(top_k=top_k), torch.randn(2, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(layer(x, REAL), read_all_by_loops(layer, x, kept))


@pytest.mark.parametrize("top_k", [1, 3, 4, 7, 16])
def test_product_keys_read_what_a_flat_table_of_their_pairs_would(top_k: int) -> None:
    """Also where top_k is over the 4 halves of a side."""
    layer, x = make_product(top_k=top_k), torch.randn(2, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(layer(x, REAL), read_all_by_loops(layer, x, top_k))


@pytest.mark.parametrize("layer", [make(top_k=3), make_product(top_k=3)], ids=["flat", "product"])
def test_gradients_are_those_of_finite_differences(layer: MemoryLayer) -> None:
    """Of the input, the keys and the values; the best slots do not change within so small a step."""
    x = torch.randn(1, 2, 4, dtype=torch.float64, requires_grad=True)
    parameters = [layer.keys, layer.values]

    def read(x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer.eval(), {"keys": keys, "values": values}, (x, REAL[:1, :2]))

    assert torch.autograd.gradcheck(read, (x, *parameters))


@pytest.mark.parametrize("layer", [make(combine="concat"), make_product(combine="concat", top_k=5)], ids=str)
def test_concat_projects_the_input_beside_what_was_read(layer: MemoryLayer) -> None:
    x = torch.randn(1, 2, 4, dtype=torch.float64)
    with torch.no_grad():
        read = read_all_by_loops(layer, x, kept=5)
        assert layer.project is not None
        torch.testing.assert_close(layer(x, REAL[:1, :2]), layer.project(torch.cat([x, read], dim=2)))


def test_a_large_product_memory_never_compares_each_row_with_each_slot() -> None:
    """100 rows times 65,536 slots would be 6.5 million scores; 256 halves a side are compared instead."""
    sizes: list[int] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            sizes.extend(t.numel() for t in torch.utils._pytree.tree_leaves(out) if isinstance(t, torch.Tensor))
            return out

    layer = MemoryLayer(4, MemoryConfig(keys="product", slots=65536, key_dim=8, top_k=4))
    with torch.no_grad(), Watch():  # type: ignore[no-untyped-call]
        layer.eval()(torch.randn(2, 50, 4), torch.ones(2, 50, dtype=torch.bool))
    assert max(sizes) == 2 * 100 * 256


def test_top_k_over_the_number_of_slots_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValidationError, match=r"top_k \(9\) is over the number of slots \(5\)"):
        MemoryConfig(slots=5, top_k=9)


def test_product_keys_that_cannot_be_are_refused_with_all_their_numbers() -> None:
    with pytest.raises(ValidationError) as error:
        MemoryConfig(keys="product", slots=500, key_dim=127, top_k=0)
    assert "a square number of slots, such as 484 or 529, not 500" in str(error.value)
    assert "an even key_dim, not 127" in str(error.value)
    assert "a top_k of at least 1, not 0" in str(error.value)


def test_used_share_and_perplexity_are_of_the_mean_reading_of_real_rows() -> None:
    usage = SlotUsage(4)
    weights = torch.tensor([[[0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]])
    usage.add(weights, None, torch.tensor([[True, True, False]]))
    shown = usage.take()
    assert shown["slots_used"] == 0.5
    entropy = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert shown["slots_perplexity"] == pytest.approx(math.exp(entropy))
    assert usage.take() == {}  # it starts again


def test_named_slots_count_as_a_whole_row_would() -> None:
    whole, named = SlotUsage(3), SlotUsage(3)
    whole.add(torch.tensor([[[0.0, 0.25, 0.75], [0.5, 0.0, 0.5]]]), None, REAL[:1, :2])
    named.add(torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]), torch.tensor([[[2, 1], [0, 2]]]), REAL[:1, :2])
    assert torch.equal(whole.reads, named.reads)


def test_a_slot_of_a_negligible_share_is_not_used() -> None:
    usage = SlotUsage(2)
    usage.add(torch.tensor([[[0.996, 0.004]]]), None, REAL[:1, :1])  # an even share is 0.5, its hundredth 0.005
    assert usage.take()["slots_used"] == 0.5


@pytest.mark.parametrize("layer", [make(), make(top_k=2), make_product(top_k=2)], ids=["full", "top-k", "product"])
def test_usage_is_counted_in_training_only_and_never_saved(layer: MemoryLayer) -> None:
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    in_training = layer.train()(x, REAL)
    assert layer.usage.reads.sum() == pytest.approx(6)
    assert torch.equal(layer.eval()(x, REAL), in_training)
    assert layer.usage.reads.sum() == pytest.approx(6)
    assert not any("usage" in name for name in layer.state_dict())
    assert set(layer.diagnostics()) == {"slots_used", "slots_perplexity"}


def test_usage_looks_at_every_tenth_step_and_again_at_the_first_after_it_was_asked() -> None:
    layer, x = make(), torch.randn(2, 3, 4, dtype=torch.float64)
    for _ in range(11):
        layer.train()(x, REAL)
    assert layer.usage.reads.sum() == pytest.approx(12)  # of the 1st and the 11th step, 6 rows each
    layer.diagnostics()
    layer(x, REAL)
    assert layer.usage.reads.sum() == pytest.approx(6)
