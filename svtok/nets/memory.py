"""Memory layer: a table of trainable keys and values that every row reads (after Lample et al., 2019)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import MemoryConfig
from svtok.nets.initial import normal

USED = 0.01
"""What a slot must exceed to count as used, as part of an even share of the reading."""


class MemoryLayer(nn.Module):
    """Each row's query is compared with the keys; the best keys' softmax weighs their values.

    With flat keys every slot has a key of its own. With product keys the slots are the pairs of n first and n second
    halves of a key, so that the best of n * n slots are found by comparing with 2 * n halves (Lample et al., 2019,
    section 3.2).

    The predecessor of the paper concatenates what was read to the input (`concat`, then a projection back to D);
    `residual` gives the value read alone, to be added by the encoder.
    """

    def __init__(self, dim: int, config: MemoryConfig) -> None:
        super().__init__()
        self.product = config.keys == "product"
        self.top_k = config.top_k
        self.query = nn.Linear(dim, config.key_dim)
        # keys uniform +-1/sqrt(dim), values normal with std dim^-0.5: the product-key memory's initial values
        shape = (2, math.isqrt(config.slots), config.key_dim // 2) if self.product else (config.slots, config.key_dim)
        bound = shape[-1] ** -0.5
        self.keys = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.values = nn.Parameter(normal(config.slots, dim, std=dim**-0.5))
        self.project = nn.Linear(2 * dim, dim) if config.combine == "concat" else None
        self.usage = SlotUsage(config.slots)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, S, D), mask (B, S), True where a row is real -> (B, S, D). The mask is for the usage alone."""
        query = self.query(x)  # (B, S, key_dim)
        if self.product:
            scores, slots = product_scores(query, self.keys, self.top_k)  # each (B, S, top_k)
            weights = scores.softmax(dim=2)
            read = weighted_values(self.values, slots, weights)
        else:
            weights, slots = flat_scores(query, self.keys, self.top_k).softmax(dim=2), None  # (B, S, slots)
            read = weights @ self.values  # (B, S, D)
        if self.training and self.usage.due():
            self.usage.add(weights.detach(), slots, mask)
        return read if self.project is None else self.project(torch.cat([x, read], dim=2))

    def diagnostics(self) -> dict[str, float]:
        """How the slots were read in training since the last call; see `SlotUsage.take`."""
        return self.usage.take()


class SlotUsage(nn.Module):
    """How much each slot was read by real rows in training, since it was last asked; no part of a saved network.

    Only every 10th step is looked at, the first one among them: to count costs as much as a tenth of a step.
    """

    reads: Tensor

    def __init__(self, slots: int, every: int = 10) -> None:
        super().__init__()
        self.every, self.steps = every, 0
        self.register_buffer("reads", torch.zeros(slots), persistent=False)

    def due(self) -> bool:
        """Whether the present step is to be counted; to be asked once a step."""
        self.steps += 1
        return (self.steps - 1) % self.every == 0

    def add(self, weights: Tensor, slots: Tensor | None, mask: Tensor) -> None:
        """Count weights (B, S, N) of the slots (B, S, N), by default of all N in their order, in the rows of a mask.

        Args:
            weights: (B, S, N), those of a row summing to 1.
            slots: the number of each slot, (B, S, N); None where N is all slots.
            mask: (B, S), True where a row is real.
        """
        weights = weights * mask[..., None]
        if slots is None:
            self.reads += weights.sum(dim=(0, 1), dtype=self.reads.dtype)
        else:
            self.reads.index_add_(0, slots.flatten(), weights.flatten().to(self.reads.dtype))

    def take(self) -> dict[str, float]:
        """What was counted since the last call; nothing where nothing was read (Lample et al., 2019, section 4.5).

        `slots_used` is the share of slots that got over `USED` of an even share of the reading (their paper counts
        those of any weight, which under a softmax over all slots are all); `slots_perplexity` is the exponential of the
        entropy of the mean reading, between 1 and the number of slots.
        """
        reads = self.reads.to("cpu", torch.float64, copy=True)
        self.reads.zero_()
        self.steps = 0  # so that a training that was cut off between two epochs looks at the same steps
        if not reads.any():
            return {}
        share = reads / reads.sum()  # (slots,)
        used = (share * len(share) > USED).double().mean()
        return {"slots_used": float(used), "slots_perplexity": float(torch.special.entr(share).sum().exp())}


def flat_scores(query: Tensor, keys: Tensor, top_k: int) -> Tensor:
    """query (B, S, K), keys (slots, K) -> (B, S, slots): the scores of the top_k best, the others -inf; 0: of all.

    Args:
        query: (B, S, K).
        keys: (slots, K).
        top_k: at most the number of slots.
    """
    scores = query @ keys.T  # (B, S, slots)
    if not top_k:
        return scores
    best = scores.topk(top_k, dim=2)
    return torch.full_like(scores, -torch.inf).scatter(2, best.indices, best.values)


def product_scores(query: Tensor, keys: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """The top_k best of the n * n pairs of half keys: scores and slots, each (B, S, top_k), the best first.

    Args:
        query: (B, S, K).
        keys: (2, n, K / 2). Slot i * n + j has the key that joins keys[0, i] and keys[1, j].
        top_k: at most n * n.
    """
    side = keys.shape[1]
    halves = torch.stack(query.chunk(2, dim=2), dim=1)  # (B, 2, S, K / 2)
    scores = halves @ keys.transpose(1, 2)  # (B, 2, S, n)
    # a pair among the top_k has each half among the top_k of its side
    (first, second), (i, j) = (best.unbind(1) for best in scores.topk(min(top_k, side), dim=3))  # each (B, S, k)
    sums = (first[..., :, None] + second[..., None, :]).flatten(2)  # (B, S, k * k)
    pairs = (i[..., :, None] * side + j[..., None, :]).flatten(2)
    best = sums.topk(top_k, dim=2)
    return best.values, pairs.gather(2, best.indices)


def weighted_values(values: Tensor, slots: Tensor, weights: Tensor) -> Tensor:
    """values (slots, D), slots and weights (B, S, N) -> (B, S, D); the values of N slots a row are never laid out.

    Args:
        values: of all slots, (slots, D).
        slots: the numbers of the N slots that a row reads, (B, S, N).
        weights: of each of them in the sum, (B, S, N).
    """
    read = functional.embedding_bag(
        slots.flatten(0, 1), values, mode="sum", per_sample_weights=weights.flatten(0, 1).to(values.dtype)
    )
    return read.view(*slots.shape[:2], -1)
