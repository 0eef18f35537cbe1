"""The training loop. It knows neither networks nor objectives by name, and asks its callers to measure and to save."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from svtok.errors import SvtokError
from svtok.nets.network import diagnostics
from svtok.progress import progress
from svtok.ranks import ALONE, Ranks
from svtok.trained.config import StepsConfig
from svtok.training.data import Batch, EpochSampler
from svtok.training.distributed import Team
from svtok.training.optimizer import make_optimizer, restore_optimizer, warm_up_cosine
from svtok.training.partial_softmax import PartialSoftmax

Row = dict[str, Any]
"""What is logged of an epoch."""

Weights = dict[str, dict[str, Tensor]]
"""The weights of each module that is trained, by its name."""

MAIN = "network"
"""The module whose diagnostics are logged without its name before them."""


BATCHES_UNSEEN = 8
"""Batches after which the losses are looked at, so that a training that diverged stops."""


class DivergedError(SvtokError):
    """A training whose loss or weights are no longer finite numbers; `where` names the step."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass
class Trainer:
    """Trains some modules to lower a loss.

    Attributes:
        trained: the modules that are trained, by the names under which their weights are kept.
        loss: of a batch, and of the share of all training steps that is done, in [0, 1): a differentiable scalar, and
            detached scalars to log, among them `loss`, each a mean over the batch.
        loader: gives the batches of an epoch.
        sampler: chooses them; its `epoch` is set before each pass.
        config: of the steps.
        device: where the modules are trained.
        measure: gives the error on a dev set, or None without one, which is logged under the name `measured`.
        save: gets the whole state after each epoch.
        log: gets each epoch's row.
        ranks: the processes that train together; all call all of it, and the first measures, saves and logs.
        partial: the classifier of the network `MAIN`, where some of its classes take part in each step.
        rows: of the epochs that are done.
        best: the weights of the epoch with the lowest error, where the configuration keeps these.
    """

    trained: Mapping[str, nn.Module]
    loss: Callable[[Batch, float], tuple[Tensor, dict[str, Tensor]]]
    loader: DataLoader[Any]
    sampler: EpochSampler
    config: StepsConfig
    device: torch.device
    measure: Callable[[], float | None]
    save: Callable[[dict[str, Any]], None]
    log: Callable[[Row], None]
    measured: str = "dev_eer"
    ranks: Ranks = ALONE
    partial: PartialSoftmax | None = None
    rows: list[Row] = field(default_factory=list)
    best: Weights | None = None

    def __post_init__(self) -> None:
        for module in self.trained.values():
            module.to(self.device)
        self.team = Team(self.ranks, self.trained.values(), self.sampler.seed)
        self.optimizer = make_optimizer(self.trained.values(), self.config)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after the epochs of a saved state."""
        if self.partial:
            state = {**state, MAIN: self.partial.restore(state[MAIN], state["classes"])}
        for name, module in self.trained.items():
            module.load_state_dict(state[name])
        restore_optimizer(self.optimizer, state["optimizer"], self.trained.values())
        self.rows, self.best = state["rows"], state["best"]

    def run(self) -> Weights:
        """Train the epochs that are left; returns the weights of the epoch that the configuration keeps."""
        self.team.agree()
        for epoch in range(len(self.rows), self.config.epochs):
            row = self._epoch(epoch)
            lowest = min((r[self.measured] for r in self.rows if r.get(self.measured) is not None), default=None)
            self.rows.append(row)
            error = row[self.measured]
            if self.config.keep == "best" and error is not None and (lowest is None or error < lowest):
                self.best = copy.deepcopy(self._weights())
            state = {**self._weights(), **({"classes": self.partial.state()} if self.partial else {})}
            if self.ranks.is_first:
                self.log(row)
                self.save({**state, "optimizer": self.optimizer.state_dict(), "rows": self.rows, "best": self.best})
        return self.best if self.best is not None else self._weights()

    @property
    def steps_an_epoch(self) -> int:
        """Updates of the weights; the last of an epoch may have fewer batches than the others."""
        return math.ceil(len(self.sampler) / self.config.accumulate)

    def _weights(self) -> Weights:
        """What is trained, whole in the first process. All call this together."""
        weights = {name: module.state_dict() for name, module in self.trained.items()}
        return {**weights, MAIN: self.partial.whole(weights[MAIN])} if self.partial else weights

    def _epoch(self, epoch: int) -> Row:
        """Train one epoch, then measure."""
        started = time.monotonic()
        for module in self.trained.values():
            module.train()
        self.sampler.epoch = epoch
        whole = self.sampler.batches()
        sums: dict[str, Tensor] = {}
        utterances = 0
        batches, steps, together = len(self.sampler), self.steps_an_epoch, self.config.accumulate
        loaded = iter(progress(self.loader, total=batches, what=f"epoch {epoch + 1} of {self.config.epochs}"))
        unseen: list[tuple[int, Tensor]] = []  # losses that nobody looked at yet: to look is to wait for the GPU
        for step in range(steps):
            these = whole[step * together : (step + 1) * together]
            found = self._step(epoch * steps + step, self.config.epochs * steps, islice(loaded, len(these)), these)
            unseen += [(step, values["loss"]) for values in found]
            if len(unseen) >= BATCHES_UNSEEN or step + 1 == steps:
                finite = torch.stack([loss for _, loss in unseen]).isfinite().tolist()
                if not all(finite):
                    at = unseen[finite.index(False)][0] + 1
                    raise self._diverged(f"step {at} of {steps} of epoch {epoch + 1} (the loss is not finite)")
                unseen.clear()
            for batch, values in zip(these, found, strict=True):
                utterances += len(batch)
                sums = {name: sums.get(name, 0) + value * len(batch) for name, value in values.items()}
        means = {name: float(total) / utterances for name, total in sums.items()}
        parameters = (p for module in self.trained.values() for p in module.parameters())
        if self.ranks.sum(torch.tensor(sum(int((~torch.isfinite(p)).any()) for p in parameters))):
            raise self._diverged(f"step {steps} of {steps} of epoch {epoch + 1} (a weight is not finite)")
        rate = self.optimizer.param_groups[0]["lr"]
        due = (epoch + 1) % self.config.measure_every == 0 or epoch + 1 == self.config.epochs
        error = self.ranks.first(self.measure) if due else None
        self.team.add_observations()
        row = {"epoch": epoch + 1, **means, "learning_rate": rate, self.measured: error}
        return {**row, "seconds": round(time.monotonic() - started, 2), **self._diagnostics()}

    def _diverged(self, where: str) -> DivergedError:
        kept = f"; the {len(self.rows)} epochs before are kept" if self.rows else ""
        return DivergedError(
            where,
            f"training diverged at {where}{kept}. Run it again with a lower training.learning_rate, a lower "
            "training.clip_gradient or training.precision=fp32, which goes on after them",
        )

    def _diagnostics(self) -> Row:
        """What the parts of the modules observed in the epoch, such as `encoder.layers.0.memory.slots_used`."""
        return {
            path if name == MAIN else f"{name}.{path}": value
            for name, module in self.trained.items()
            for path, value in diagnostics(module).items()
        }

    def _step(
        self, step: int, steps: int, batches: Iterable[Batch], whole: Sequence[Sequence[int]]
    ) -> list[dict[str, Tensor]]:
        """One update, by this process's shares of some batches, each of which counts by its utterances.

        Args:
            step: its number in the whole training, which has `steps` of them.
            steps: see there.
            batches: the shares.
            whole: the utterances of each of the batches, those of all processes.

        Returns:
            for each batch the values to log, of the whole of it.
        """
        config = self.config
        rate = warm_up_cosine(
            step, steps, warm_up=config.warm_up, highest=config.learning_rate, lowest=config.final_learning_rate
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        self.team.begin_step(step)
        if self.partial:
            self.partial.begin_step(step, whole)
        utterances, found = sum(map(len, whole)), []
        for number, (batch, everyones) in enumerate(zip(batches, whole, strict=True)):
            self.team.begin_batch(everyones)
            if self.partial:
                self.partial.begin_batch(number)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                loss, values = self.loss(batch.to(self.device), step / steps)
            torch.autograd.backward(self.team.weigh(loss) * (len(everyones) / utterances))
            found.append(self.team.add_values(values))  # by the shares of this batch
        self.team.add_gradients()
        for name, module in self.trained.items():
            if parameters := list(module.parameters()):  # each by itself: none slows another down
                self._clip(parameters, self.partial if name == MAIN else None)
        self.optimizer.step()
        if self.partial:
            self.partial.move(rate)
        return found

    def _clip(self, parameters: list[nn.Parameter], partial: PartialSoftmax | None) -> None:
        """Make the gradient of a module, of which `partial` has a part, no longer than it may be."""
        if partial is None:
            nn.utils.clip_grad_norm_(parameters, self.config.clip_gradient)
            return
        partial.add_gradients()
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = nn.utils.get_total_norm([*gradients, partial.gradient_norm()])
        nn.utils.clip_grads_with_norm_([*parameters, *partial.leaves], self.config.clip_gradient, norm)
