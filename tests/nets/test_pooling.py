"""Pooling of frames against plain loops."""

import pytest
import torch
from torch import Tensor

from svtok.nets.pooling import (
    AttentiveStatisticsPooling,
    FrameSkip,
    MeanPooling,
    StatisticsPooling,
    make_pooling,
    statistics,
)

LENGTHS = [7, 3]


@pytest.fixture
def frames() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    mask = torch.tensor([[t < length for t in range(7)] for length in LENGTHS])
    return torch.randn(2, 7, 4), mask


def test_mean_and_statistics_are_those_of_the_real_frames(frames: tuple[Tensor, Tensor]) -> None:
    x, mask = frames
    for row, length in enumerate(LENGTHS):
        real = x[row, :length]
        torch.testing.assert_close(MeanPooling()(x, mask)[row], real.mean(dim=0))
        expected = torch.cat([real.mean(dim=0), real.std(dim=0, correction=0)])
        torch.testing.assert_close(StatisticsPooling()(x, mask)[row], expected)


def test_statistics_of_one_frame_have_a_finite_gradient() -> None:
    x = torch.ones(1, 1, 3, requires_grad=True)
    StatisticsPooling()(x, torch.ones(1, 1, dtype=torch.bool)).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_attentive_statistics_equal_a_loop_over_utterances_and_frames(frames: tuple[Tensor, Tensor]) -> None:
    x, mask = frames
    pooling = AttentiveStatisticsPooling(4, hidden=5).eval()
    with torch.no_grad():
        pooled = pooling(x, mask)
        for row, length in enumerate(LENGTHS):
            real = x[row, :length]
            context = torch.cat([real.mean(dim=0), real.std(dim=0, correction=0)])
            scores = [
                pooling.score(torch.tanh(pooling.of_frame(frame) + pooling.of_context(context))) for frame in real
            ]
            weights = torch.stack(scores).softmax(dim=0)  # (T, D): a weight for each frame and channel
            mean = (weights * real).sum(dim=0)
            deviation = (weights * (real - mean).square()).sum(dim=0).sqrt()
            expected = pooling.norm(torch.cat([mean, deviation])[None])[0]
            torch.testing.assert_close(pooled[row], expected, atol=1e-5, rtol=1e-5)


def test_each_head_without_tokens_has_its_pooling() -> None:
    kinds = [type(make_pooling(head, 4)) for head in ("avg", "stats", "attentive-stats")]
    assert kinds == [MeanPooling, StatisticsPooling, AttentiveStatisticsPooling]


def test_a_skip_projects_the_normalised_statistics_of_the_real_frames(frames: tuple[Tensor, Tensor]) -> None:
    x, mask = frames
    skip = FrameSkip("statistics", 4, 3, ["cls", "dist"]).eval()
    norm = skip.pooling.norm
    norm.load_state_dict({"running_mean": torch.full((8,), 0.5), "running_var": torch.full((8,), 4.0)}, strict=False)
    found = skip(x, mask)
    for row, length in enumerate(LENGTHS):
        real = x[row, :length]
        statistics = torch.cat([real.mean(dim=0), real.std(dim=0, correction=0)])
        for name in ("cls", "dist"):
            project = skip.projections[name]
            expected = project.weight @ ((statistics - 0.5) / (4 + norm.eps) ** 0.5) + project.bias
            torch.testing.assert_close(found[name][row], expected, atol=1e-5, rtol=1e-5)


def test_an_attentive_skip_projects_the_attentive_statistics(frames: tuple[Tensor, Tensor]) -> None:
    x, mask = frames
    skip = FrameSkip("attentive-stats", 4, 3, ["cls", "dist"]).eval()
    pooling = AttentiveStatisticsPooling(4).eval()
    pooling.load_state_dict(skip.pooling.state_dict())
    found = skip(x, mask)
    for name in ("cls", "dist"):
        torch.testing.assert_close(found[name], skip.projections[name](pooling(x, mask)))


def test_the_deviation_keeps_its_digits_where_the_mean_is_large() -> None:
    """1000 +- 0.1: the squares of 1000 have no digit left for 0.01 in fp32."""
    x = torch.tensor([[[1000.1], [999.9], [1000.1], [999.9]]])
    _, deviation = statistics(x, torch.full((1, 4, 1), 0.25))
    torch.testing.assert_close(deviation, torch.tensor([[0.1]]), rtol=1e-3, atol=0)
