"""What the log says of the parts of a network."""

import json
from collections.abc import Callable

import pytest

from svtok.trained.folder import load_network
from svtok.training.run import Run, train_network


@pytest.mark.slow
def test_each_epoch_says_how_the_slots_of_each_memory_layer_were_read(make_run: Callable[..., Run]) -> None:
    run = make_run(network={"layers": 2}, training={"epochs": 2})
    train_network(run)
    rows = [json.loads(line) for line in (run.out / "training.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    for row in rows:
        for layer in (0, 1):
            assert 0 < row[f"encoder.layers.{layer}.memory.slots_used"] <= 1
            assert 1 <= row[f"encoder.layers.{layer}.memory.slots_perplexity"] <= 4
    assert not any("usage" in name for name in load_network(run.out).network.state_dict())
