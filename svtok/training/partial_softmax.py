"""A softmax over some of the classes in each step, shared out over the processes of a training.

In a step take part the classes of its utterances and others that are drawn (Partial FC: An et al., 2021 and 2022). They
alone have logits, gradients and a step of AdamW. Each of several processes holds the vectors of a range of classes:
the states of all utterances come to it, and sums over its classes go to the others, but no vector and no logit does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from svtok.nets.classifiers import CosineClassifier, FactoredClassifier
from svtok.nets.losses import with_margin
from svtok.nets.network import Network
from svtok.ranks import ALONE, Ranks
from svtok.trained.config import TrainingConfig
from svtok.training.distributed import shared_sum
from svtok.training.optimizer import decays

CLASS_DRAWS = 2
"""Ends the seed of the classes of a step, so that they have draws of their own."""

Numbers = NDArray[np.int64]


@dataclass
class Rows:
    """A parameter of the classifier, of which each step moves some rows.

    Each row has an AdamW of its own (Loshchilov and Hutter, 2019), which counts the steps in which the row took part:
    in the others it does not move, neither by its moments nor by the decay.

    Attributes:
        parameter: (rows that are held here, ...).
        first: the number of the first of them.
        everywhere: whether all processes hold all rows, and add up their gradients.
        decay: AdamW's.
        mean: of the gradient, as `parameter`.
        square: mean of the squared gradient, as `parameter`.
        steps: in which each row took part, (rows,).
        chosen: the rows of this step, counted from `first`.
        leaf: these rows, to which a backward pass gives a gradient.
    """

    parameter: Tensor
    first: int
    everywhere: bool
    decay: float
    mean: Tensor = field(init=False)
    square: Tensor = field(init=False)
    steps: Tensor = field(init=False)
    chosen: Tensor | slice = field(init=False)
    leaf: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.mean, self.square = torch.zeros_like(self.parameter), torch.zeros_like(self.parameter)
        self.steps = torch.zeros(len(self.parameter), device=self.parameter.device)

    def choose(self, numbers: Tensor) -> None:
        """Begin a step with the rows of these numbers, which are held here and rise."""
        every = len(numbers) == len(self.parameter)  # which need not be copied
        self.chosen = slice(None) if every else (numbers - self.first).to(self.parameter.device)
        self.leaf = self.parameter.detach()[self.chosen].requires_grad_()

    def gradient(self) -> Tensor:
        """Of the chosen rows."""
        if self.leaf.grad is None:
            self.leaf.grad = torch.zeros_like(self.leaf)
        return self.leaf.grad

    def move(self, rate: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        """A step of AdamW for the chosen rows, with torch's own default betas and epsilon."""
        gradient = self.gradient()
        steps = self.steps[self.chosen] + 1
        mean = self.mean[self.chosen].lerp_(gradient, 1 - betas[0])
        square = self.square[self.chosen].mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
        self.steps[self.chosen], self.mean[self.chosen], self.square[self.chosen] = steps, mean, square
        rise, spread = ((1 - beta**steps).view(-1, *[1] * (mean.ndim - 1)) for beta in betas)
        moved = self.leaf.detach().mul_(1 - rate * self.decay)
        moved.addcdiv_(mean / rise, (square / spread).sqrt_().add_(eps), value=-rate)
        self.parameter.detach()[self.chosen] = moved

    def part(self, whole: Tensor) -> Tensor:
        """What is held here of a tensor with all rows."""
        return whole[self.first : self.first + len(self.parameter)]

    @property
    def kept(self) -> dict[str, Tensor]:
        """What a training that goes on needs beside the parameter."""
        return {"mean": self.mean, "square": self.square, "steps": self.steps}


class PartialSoftmax:
    """The classifier of a network's first state, while it is trained on some of its classes at a time.

    It takes the classifier's parameters over from the optimiser.

    Args:
        network: where several processes train, its classifier loses the vectors of the others' classes.
        classes: how many there are.
        labels: class of each utterance, (N,).
        config: how many classes take part in a step, and the decay.
        seed: of the run; what is drawn in a step comes from it and the step alone.
        device: where the network is trained.
        ranks: the processes.
    """

    def __init__(
        self,
        network: Network,
        classes: int,
        labels: Numbers,
        config: TrainingConfig,
        seed: int,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self.name = next(iter(network.classifiers))
        self.classifier = network.classifiers[self.name]
        self.scale = network.config.cosine_scale
        self.classes, self.most = classes, config.classes_a_step(classes)
        self.labels, self.seed, self.device, self.ranks = labels, seed, device, ranks
        self.begin, self.end = (classes * rank // ranks.world for rank in (ranks.rank, ranks.rank + 1))
        decayed, self.tables = decays(self.classifier), dict[str, Rows]()
        self.factors = self.classifier.factors if isinstance(self.classifier, FactoredClassifier) else None  # (N, 2)
        for name, parameter in list(self.classifier.named_parameters()):
            everywhere, each = name in ("speakers", "phrases"), len(parameter) // classes  # rows a class
            begin, end = (0, len(parameter)) if everywhere else (self.begin * each, self.end * each)
            held = parameter if end - begin == len(parameter) else nn.Parameter(parameter.detach()[begin:end].clone())
            setattr(self.classifier, name, held)
            held.data = held.data.to(device)
            decay = config.weight_decay if decayed[name] else 0.0
            self.tables[name] = Rows(held.requires_grad_(False), begin, everywhere, decay)

    def begin_step(self, step: int, batches: Sequence[Sequence[int]]) -> None:
        """Draw the classes that take part in a step.

        Args:
            step: its number in the whole training.
            batches: the utterances of each of its batches, those of all processes.
        """
        labels = [self.labels[list(batch)] for batch in batches]
        rng = np.random.default_rng([self.seed, step, 0, CLASS_DRAWS])
        classes = draw_classes(self.classes, self.most, np.unique(np.concatenate(labels)), rng)
        start, stop = np.searchsorted(classes, (self.begin, self.end))
        columns = [np.searchsorted(classes, each) - start for each in labels]
        here = [np.where((each >= 0) & (each < stop - start), each, -1) for each in columns]
        self._taking_part, self._columns = len(classes), [torch.from_numpy(each).to(self.device) for each in here]
        own, everyones = torch.from_numpy(classes[start:stop]), torch.from_numpy(classes)
        self._changed: dict[str, Tensor] = {}
        rows = self._rows(own, everyones)
        for name, table in self.tables.items():
            table.choose(rows[name])
            self._changed[name] = table.leaf
        if self.factors is not None:
            self._changed["factors"] = _within(self.factors[own], rows).to(self.device)

    def _rows(self, own: Tensor, everyones: Tensor) -> dict[str, Tensor]:
        """The rows of each parameter that classes need: `own`, those held here, and `everyones`, those of the step."""
        if isinstance(self.classifier, CosineClassifier):
            centers = self.classifier.sub_centers
            return {"weight": (own[:, None] * centers + torch.arange(centers)).flatten()}
        if self.factors is None:
            return {"weight": own, "bias": own}
        of_speakers, of_phrases = (numbers[numbers >= 0].unique() for numbers in self.factors[everyones].T)
        return {"speakers": of_speakers, "phrases": of_phrases, "own": own}

    def begin_batch(self, number: int) -> None:
        """Before the forward pass of a batch of this step, from 0."""
        self._labels = self._columns[number]

    def loss(self, state: Tensor, margin: float, smoothing: float) -> tuple[Tensor, Tensor]:
        """Cross-entropy of this process's utterances over the classes of the step, and how many of them are right.

        All processes call this together. The loss of the whole batch is a sum of theirs, weighted by their shares, and
        the backward pass gives each the gradient of that sum.

        Args:
            state: (B, D), of this process's utterances.
            margin: of `aam`, in radians; 0: none.
            smoothing: share of the label given to all classes of the step alike.

        Returns:
            two scalars: the mean loss, and, without gradient, the share of utterances whose own class has the highest
            logit of the classes of the step.
        """
        labels, ranks = self._labels, self.ranks  # (B,), B of the whole batch
        logits = functional_call(self.classifier, self._changed, (self._of_all(state),))  # (B, classes held here)
        own, highest = logits.new_zeros(len(labels)), logits.new_full((len(labels),), -torch.inf)
        right = own
        if logits.shape[1]:
            columns, highest = labels.clamp(min=0)[:, None], logits.detach().amax(dim=1)  # (B, 1), (B,)
            right = torch.where(labels >= 0, logits.detach().gather(1, columns)[:, 0], 0.0)
            if margin:
                logits = logits.scatter(1, columns, self._with_margin(logits.gather(1, columns), labels, margin))
            own = torch.where(labels >= 0, logits.gather(1, columns)[:, 0], 0.0)
        here = logits.logsumexp(dim=1)
        most, highest = ranks.max(torch.stack([here.detach(), highest])).unbind()
        sums = shared_sum(torch.stack([(here - most).exp(), own, logits.sum(dim=1)]), ranks)  # (3, B)
        losses = most + sums[0].log() - (1 - smoothing) * sums[1] - smoothing / self._taking_part * sums[2]
        hits = (ranks.sum(right.clone()) >= highest).to(losses.dtype)
        share = slice(ranks.rank, None, ranks.world) if ranks.rank < len(labels) else slice(1)  # weighs nothing
        return losses[share].mean(), hits[share].mean()

    def _with_margin(self, logits: Tensor, labels: Tensor, margin: float) -> Tensor:
        """logits (B, 1) of which those of utterances whose class is here are to have a margin -> (B, 1)."""
        turned = self.scale * with_margin(logits / self.scale, margin)
        return torch.where(labels[:, None] >= 0, turned, logits)

    def _of_all(self, state: Tensor) -> Tensor:
        """The states of the whole batch (B, D), from those of this process's utterances."""
        if self.ranks.world == 1:
            return state
        rank, world, whole = self.ranks.rank, self.ranks.world, len(self._labels)
        states = state.new_zeros(whole, state.shape[1])
        states[rank::world] = state[: len(range(rank, whole, world))]
        return shared_sum(states, self.ranks)

    def add_gradients(self) -> None:
        """Add up the gradients of what all processes hold."""
        for table in self.tables.values():
            if table.everywhere:
                self.ranks.sum(table.gradient())

    @property
    def leaves(self) -> list[Tensor]:
        """The rows of the step that are held here; they have gradients."""
        return [table.leaf for table in self.tables.values()]

    def gradient_norm(self) -> Tensor:
        """Of the rows of the step in all processes: scalar, the same bits in all."""
        squares = {name: table.gradient().square().sum() for name, table in self.tables.items()}
        apart = [square for name, square in squares.items() if not self.tables[name].everywhere]
        common = [square for name, square in squares.items() if self.tables[name].everywhere]
        total = self.ranks.sum(torch.stack(apart).sum()) if apart else torch.zeros((), device=self.device)
        return torch.stack([total, *common]).sum().sqrt()

    def move(self, rate: float) -> None:
        """A step of AdamW for the rows of the step."""
        for table in self.tables.values():
            table.move(rate)

    def whole(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The state of the network; in the first process with the class vectors of all. All call this together."""
        return weights | {self._path(name): self._gathered(table, table.parameter) for name, table in self._tables()}

    def state(self) -> dict[str, dict[str, Tensor]]:
        """What a training that goes on needs beside the weights; whole in the first process. All call this together."""
        return {
            name: {what: self._gathered(table, kept) for what, kept in table.kept.items()}
            for name, table in self._tables()
        }

    def restore(self, weights: dict[str, Tensor], state: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
        """Go on from what `state` returned, whichever processes there were; returns what the network here is to load.

        Args:
            weights: what `whole` returned.
            state: what `state` returned.
        """
        for name, table in self._tables():
            for what, kept in table.kept.items():
                kept.copy_(table.part(state[name][what]))
        return weights | {self._path(name): table.part(weights[self._path(name)]) for name, table in self._tables()}

    def _tables(self) -> list[tuple[str, Rows]]:
        return list(self.tables.items())

    def _path(self, name: str) -> str:
        return f"classifiers.{self.name}.{name}"

    def _gathered(self, table: Rows, tensor: Tensor) -> Tensor:
        if table.everywhere or self.ranks.world == 1:
            return tensor
        parts = self.ranks.gather(tensor.cpu())
        return torch.cat(parts) if parts else tensor


def draw_classes(classes: int, most: int, own: Numbers, rng: np.random.Generator) -> Numbers:
    """The classes that take part in a step: its utterances' own, and others up to a number.

    Args:
        classes: how many there are.
        most: how many are to take part; more do where more are `own`.
        own: classes of the utterances, which rise.
        rng: draws the others, each set of as many being as likely.

    Returns:
        numbers that rise.
    """
    if most >= classes:
        return np.arange(classes)
    others = max(0, most - len(own))
    drawn = np.sort(rng.choice(classes - len(own), others, replace=False, shuffle=False))  # of those that are not own
    drawn += np.searchsorted(own - np.arange(len(own)), drawn, side="right")  # past the own ones before each
    return np.sort(np.concatenate([own, drawn]))


def _within(factors: Tensor, rows: dict[str, Tensor]) -> Tensor:
    """Numbers of speakers and phrases (K, 2) -> where they stand among the rows of a step; -1 stays."""
    columns = zip(factors.T.contiguous(), (rows["speakers"], rows["phrases"]), strict=True)
    return torch.stack([torch.where(c >= 0, torch.searchsorted(known, c), -1) for c, known in columns], dim=1)
