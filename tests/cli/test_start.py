"""What a command loads to answer: nothing slow that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_network_is_loaded_and_hears_a_recording_without_pandas_and_the_exporter(tmp_path: Path) -> None:
    script = f"""
import sys
import numpy as np
import torch
from svtok.features.config import FeaturesConfig
from svtok.nets.network import Network
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import CLASSES, load_network, write_settings, write_weights
assert "pandas" not in sys.modules, "by an import"
from pathlib import Path
folder = Path({str(tmp_path)!r})
small = {{"head": "cls", "front_end": {{"channels": 4, "blocks": [4]}}, "attention_heads": 2}}
config = Config.model_validate({{"features": {{"bands": [8]}}, "network": small}})
write_settings(folder, config, ClassList((("a", "x"), ("b", "y"))), {{}})
write_weights(folder, Network(config.network, 8, 2).state_dict())
for name in [name for name in sys.modules if name.partition(".")[0] == "pandas"]:
    del sys.modules[name]  # which writing the classes loaded
network = load_network(folder)
network.hear(np.random.default_rng(0).standard_normal(8000).astype(np.float32) / 10, 2)
assert "pandas" not in sys.modules, "by reading"
assert "torch.onnx" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
