"""What the parts of a network tell of their training, for the log of an epoch."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Diagnosed(Protocol):
    """A part that observes itself in training mode, without a part in the results or in the saved network."""

    def diagnostics(self) -> dict[str, float]:
        """What was observed since the last call; empty where nothing was."""


def diagnostics(network: nn.Module) -> dict[str, float]:
    """What all parts observed since the last call, such as `encoder.layers.0.memory.slots_used`."""
    return {
        f"{path}.{name}": value
        for path, part in network.named_modules()
        if isinstance(part, Diagnosed)
        for name, value in part.diagnostics().items()
    }
