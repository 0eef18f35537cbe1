"""Several batches a step: what is learned is what one batch of all their utterances teaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from svtok.trained.config import StepsConfig
from svtok.training.data import Batch, EpochSampler, Item, Key, collate
from svtok.training.loop import Trainer

UTTERANCES = 7


class Frames(Dataset[Item]):
    """One frame of three values an utterance, and its number as the label."""

    values = np.random.default_rng(0).standard_normal((UTTERANCES, 1, 3)).astype(np.float32)

    def __getitem__(self, key: Key) -> Item:
        return {"augmented": self.values[key[0]]}, np.array([key[0]]), ()


def train(batch_size: int, accumulate: int, epochs: int = 1) -> tuple[Trainer, list[dict[str, Any]]]:
    """A trained layer that has learned the numbers of utterances, and its log."""
    torch.manual_seed(0)
    layer, log = nn.Linear(3, 1), list[dict[str, Any]]()
    config = StepsConfig(
        epochs=epochs, batch_size=batch_size, accumulate=accumulate, learning_rate=0.1, clip_gradient=0.5, warm_up=0
    )
    sampler = EpochSampler(np.arange(1.0, UTTERANCES + 1), batch_size, seed=0)
    loader: DataLoader[Any] = DataLoader(Frames(), batch_sampler=sampler, collate_fn=collate)

    def loss(batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        error = (layer(batch.frames[:, 0])[:, 0] - batch.labels[:, 0]).square().mean()
        return error, {"loss": error.detach()}

    trainer = Trainer(
        trained={"network": layer},
        loss=loss,
        loader=loader,
        sampler=sampler,
        config=config.model_copy(update={"precision": "fp32"}),
        device=torch.device("cpu"),
        measure=lambda: None,
        save=lambda state: None,
        log=log.append,
    )
    trainer.run()
    return trainer, log


def test_batches_of_unequal_sizes_are_as_one_batch_of_all_their_utterances() -> None:
    """2, 2 and 3 utterances (a last batch of one joins the one before it) in one step, beside 7."""
    (several, rows), (one, row) = train(2, 3, epochs=3), train(7, 1, epochs=3)
    assert (several.steps_an_epoch, one.steps_an_epoch) == (1, 1)
    for mine, other in zip(several.trained["network"].parameters(), one.trained["network"].parameters(), strict=True):
        torch.testing.assert_close(mine, other)
    for name in ("loss", "learning_rate"):
        assert [each[name] for each in rows] == pytest.approx([each[name] for each in row])


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 3), (2, 2), (3, 1), (9, 1)])
def test_the_schedule_counts_steps_and_what_is_left_of_an_epoch_is_one(accumulate: int, steps: int) -> None:
    trainer, log = train(2, accumulate, epochs=2)
    assert trainer.steps_an_epoch == steps
    state = trainer.optimizer.state_dict()["state"]
    assert {float(each["step"]) for each in state.values()} == {2 * steps}
    assert log[-1]["learning_rate"] == pytest.approx(trainer.config.final_learning_rate)
