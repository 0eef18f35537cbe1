"""Memory layer against explicit loops."""

import math

import pytest
import torch
from pydantic import ValidationError

from svtok.nets.config import MemoryConfig
from svtok.nets.memory import MemoryLayer


def read_by_loops(layer: MemoryLayer, row: torch.Tensor, kept: int) -> torch.Tensor:
    """What one row (D,) reads: the `kept` best slots, softmax, weighted sum."""
    query = layer.query(row)
    scores = [float(query @ key) for key in layer.keys]
    best = sorted(range(len(scores)), key=lambda slot: -scores[slot])[:kept]
    total = sum(math.exp(scores[slot]) for slot in best)
    return sum(math.exp(scores[slot]) / total * layer.values[slot] for slot in best)


def make(**fields) -> MemoryLayer:
    torch.manual_seed(0)
    return MemoryLayer(4, MemoryConfig(slots=5, key_dim=3, **fields)).double()


@pytest.mark.parametrize(("top_k", "kept"), [(0, 5), (2, 2), (5, 5), (1, 1)])
def test_each_row_reads_the_softmax_of_its_best_slots(top_k, kept):
    layer, x = make(top_k=top_k), torch.randn(2, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        expected = torch.stack([torch.stack([read_by_loops(layer, row, kept) for row in rows]) for rows in x])
        torch.testing.assert_close(layer(x), expected)


def test_concat_projects_the_input_beside_what_was_read():
    layer, x = make(combine="concat"), torch.randn(1, 2, 4, dtype=torch.float64)
    with torch.no_grad():
        read = torch.stack([read_by_loops(layer, row, 5) for row in x[0]])[None]
        torch.testing.assert_close(layer(x), layer.project(torch.cat([x, read], dim=2)))


def test_top_k_over_the_number_of_slots_is_refused_with_both_numbers():
    with pytest.raises(ValidationError, match=r"top_k \(9\) is over the number of slots \(5\)"):
        MemoryConfig(slots=5, top_k=9)
