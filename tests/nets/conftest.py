from collections.abc import Callable
from typing import Any

import pytest

from svtok.nets.config import NetworkConfig


@pytest.fixture
def tiny() -> Callable[..., NetworkConfig]:
    """Fields of a network small enough to be trained in a test, for NetworkConfig(**tiny(...))."""

    def make(**fields: Any) -> NetworkConfig:
        small = {
            "front_end": {"channels": 6, "blocks": [6, 8]},
            "attention_heads": 2,
            "memory": {"slots": 5, "key_dim": 4},
            "feed_forward_dim": 16,
            "sampled": {"vectors": 3},
            "max_frames": 40,
        }
        return NetworkConfig(**{**small, **fields})

    return make
