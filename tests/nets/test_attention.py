"""Self-attention against explicit loops."""

import math

import pytest
import torch

from svtok.nets.encoder import SelfAttention


def attention_by_loops(layer: SelfAttention, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Every head, row and key on its own, in float64."""
    batch, rows, dim = x.shape
    size = dim // layer.heads
    query = layer.query(x)
    key, value = layer.key_value(x).chunk(2, dim=2)
    joined = torch.zeros(batch, rows, dim, dtype=x.dtype)
    for b in range(batch):
        real = [s for s in range(rows) if mask[b, s]]
        for head in range(layer.heads):
            part = slice(head * size, (head + 1) * size)
            for row in range(rows):
                scores = [float(query[b, row, part] @ key[b, s, part]) / math.sqrt(size) for s in real]
                weights = [math.exp(score) for score in scores]
                for weight, s in zip(weights, real, strict=True):
                    joined[b, row, part] += weight / sum(weights) * value[b, s, part]
    return layer.out(joined)


@pytest.fixture
def layer() -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(6, 2, dropout=0.0).double()


def test_attention_equals_explicit_loops_and_skips_padded_rows(layer: SelfAttention) -> None:
    x = torch.randn(2, 4, 6, dtype=torch.float64)
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    with torch.no_grad():
        torch.testing.assert_close(layer(x, mask), attention_by_loops(layer, x, mask))


def test_fused_attention_is_the_written_out_one(layer: SelfAttention, monkeypatch: pytest.MonkeyPatch) -> None:
    x, mask = torch.randn(2, 4, 6, dtype=torch.float64), torch.tensor([[True] * 4, [True, True, False, False]])
    outs = []
    for fused in (True, False):
        monkeypatch.setattr(layer, "_fused", lambda _, fused=fused: fused)
        outs.append(layer(x, mask))
    torch.testing.assert_close(*outs)


def test_first_rows_alone_equal_the_first_rows_of_all(layer: SelfAttention) -> None:
    x = torch.randn(2, 5, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    few, of_all = layer(x, mask, rows=2), layer(x, mask)[:, :2]
    torch.testing.assert_close(few, of_all)
    inputs = [x, *layer.parameters()]
    gradients = [torch.autograd.grad(out.sin().sum(), inputs) for out in (few, of_all)]
    torch.testing.assert_close(*gradients)


def test_first_rows_alone_are_those_of_all_when_the_same_weights_are_dropped() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(6, 2, dropout=0.5).double()
    x, mask = torch.randn(2, 5, 6, dtype=torch.float64), torch.ones(2, 5, dtype=torch.bool)
    torch.manual_seed(1)
    few = layer(x, mask, rows=2)
    torch.manual_seed(1)
    weights, values = layer.attend(x, mask, rows=2)
    dropped = layer.dropout(weights.flatten(1, 2)).view_as(weights) @ values  # (B, heads, rows, D / heads)
    torch.testing.assert_close(few, layer.out(dropped.transpose(1, 2).flatten(2)))


def test_weights_of_each_row_sum_to_one_and_are_zero_on_padding(layer: SelfAttention) -> None:
    mask = torch.tensor([[True, True, False]])
    weights, _ = layer.attend(torch.randn(1, 3, 6, dtype=torch.float64), mask)
    torch.testing.assert_close(weights.sum(dim=3), torch.ones(1, 2, 3, dtype=torch.float64))
    assert (weights[..., 2] == 0).all()


def test_heads_that_do_not_divide_the_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="4 heads do not divide 6"):
        SelfAttention(6, 4, dropout=0.0)
