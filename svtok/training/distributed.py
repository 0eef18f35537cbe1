"""Several processes train one network: each reads its share of every batch, and all make the same step.

What one process would do with a whole batch is done by all together: the gradients of the shares, weighted by how many
utterances are in each, are added up, and BatchNorm takes its statistics over all shares. So the batch size is that of
the whole batch however many processes there are, and the weights differ from those of one process by rounding alone,
where nothing is drawn in a step. What is drawn there (dropout, tokens) comes from a seed of the run, the step and the
process: it is the same in each run with as many processes, and a run that goes on needs no generator's state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from svtok.nets.losses import RingLoss
from svtok.nets.memory import SlotUsage
from svtok.ranks import Ranks

BUCKET = 8_000_000
"""About so many values are added up at once: a bucket of 32 MB, beside the gradients themselves."""


class Team:
    """The processes that train some modules together; alone, all of this is nothing.

    Args:
        ranks: the processes.
        modules: those that are trained, the same in all of them, on their device. What takes statistics of a batch in
            them is changed, so that it takes those of the whole one.
        seed: of the run.
    """

    def __init__(self, ranks: Ranks, modules: Iterable[nn.Module], seed: int) -> None:
        self.ranks, self.modules, self.seed = ranks, list(modules), seed
        self.idle = False
        """Whether the present share is empty: one utterance stands there, so that all do the same, and counts for
        nothing."""
        self._share = 1.0
        for part in self._parts() if ranks.world > 1 else ():
            if isinstance(part, nn.BatchNorm1d):
                part.forward = partial(shared_batch_norm, self, part)  # type: ignore[method-assign]
            elif isinstance(part, RingLoss):
                part.first_radius = self._first_radius  # type: ignore[method-assign]

    def _parts(self) -> Iterator[nn.Module]:
        return (part for module in self.modules for part in module.modules())

    def _first_radius(self, lengths: Tensor) -> Tensor:
        return self.ranks.sum(lengths.detach().mean() * self._share)

    def begin_step(self, step: int) -> None:
        """Before a step: what is drawn in it comes from a seed of its own in each process."""
        if self.ranks.world > 1:
            seeds = np.random.SeedSequence([self.seed, step, self.ranks.rank])
            torch.manual_seed(int(seeds.generate_state(1, np.uint64)[0]) >> 1)

    def begin_batch(self, utterances: Sequence[int]) -> None:
        """Before each batch of a step, whose utterances are given: those of all processes."""
        if self.ranks.world > 1:
            own = len(self.ranks.share(utterances))
            self.idle, self._share = own == 0, own / len(utterances)

    def weigh(self, loss: Tensor) -> Tensor:
        """The part of the whole batch's loss that is of this share, whose mean is given: scalar -> scalar."""
        return loss * self._share if self.ranks.world > 1 else loss

    def add_gradients(self) -> None:
        """Give each parameter the gradient of the whole batch, the same in all processes."""
        if self.ranks.world == 1:
            return
        gradients = [p.grad for module in self.modules for p in module.parameters() if p.grad is not None]
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            self.ranks.sum(flat)
            parts = torch.split(flat, [each.numel() for each in bucket])
            for gradient, summed in zip(bucket, parts, strict=True):
                gradient.copy_(summed.view_as(gradient))

    def add_values(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Means over the share (scalars) -> those over the whole batch."""
        if self.ranks.world == 1 or not values:
            return dict(values)
        summed = self.ranks.sum(torch.stack([value.float() for value in values.values()]) * self._share)
        return dict(zip(values, summed, strict=True))

    def add_observations(self) -> None:
        """Let the first process have what the memories of all observed."""
        for part in self._parts():
            if self.ranks.world > 1 and isinstance(part, SlotUsage):
                self.ranks.sum(part.reads)

    def agree(self) -> None:
        """Give all processes the weights of the first."""
        if self.ranks.world > 1:
            for tensor in (t for module in self.modules for t in module.state_dict(keep_vars=True).values()):
                if not isinstance(tensor, nn.Parameter) or tensor.requires_grad:  # classes are shared out
                    self.ranks.sum(tensor.detach() if self.ranks.is_first else tensor.detach().zero_())


def _buckets(gradients: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        if bucket and sum(map(Tensor.numel, bucket)) + gradient.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes, as a part of a loss that is itself a sum over them."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.sum(tensor.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.sum(gradients[0].clone(memory_format=torch.contiguous_format)), None


def shared_sum(tensor: Tensor, ranks: Ranks) -> Tensor:
    """The sum of a tensor over all processes, differentiable, where the loss is a sum of what each computes of it."""
    return _Sum.apply(tensor, ranks)  # type: ignore[no-untyped-call]


def shared_batch_norm(team: Team, norm: nn.BatchNorm1d, x: Tensor, *more: object) -> Tensor:
    """BatchNorm of which each process has some rows, with the statistics of all.

    Args:
        team: the processes.
        norm: whose weights and running statistics these are; in evaluation it does as it always does.
        x: (N, C) in training, where only real frames are rows.
        more: what else the forward pass of `norm` takes.

    Returns:
        as `x`.
    """
    if not norm.training:
        return type(norm).forward(norm, x, *more)
    assert x.ndim == 2
    return _normalised(team, norm, x).to(x.dtype)


def _normalised(team: Team, norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """x (N, C) -> (N, C), float32 or wider."""
    x = x if x.dtype == torch.float64 else x.float()
    counts = 0.0 if team.idle else 1.0
    rows = float(team.ranks.sum(torch.tensor([counts * len(x)], dtype=torch.float64)))
    mean = shared_sum(counts * x.sum(dim=0), team.ranks) / rows
    centred = x - mean
    variance = shared_sum(counts * centred.square().sum(dim=0), team.ranks) / rows
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            share = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
            norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
            norm.running_var.lerp_((variance * rows / (rows - 1)).to(norm.running_var.dtype), share)
    out = centred * (variance + norm.eps).rsqrt()
    return out * norm.weight + norm.bias if norm.affine else out
