"""Networks that are compared: svtok's, and peers' of the same size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig
from svtok.nets.encoder import Encoder
from svtok.nets.network import Network
from svtok.nets.rows import frame_mask
from svtok.trained.inference import is_fast_in_bf16

BANDS, CLASSES = 80, 100
NO_BF16 = "not measured: this CPU has no bf16 instructions"
SPEECHBRAIN = "pip install -c constraints.txt -e '.[peers]'"
"""What brings the peer."""


def has_bf16() -> bool:
    """Whether bf16 is worth a measurement here."""
    return is_fast_in_bf16(torch.device("cpu"))


class ClassToken(nn.Module):
    """Frames by a linear layer, a class token before them, an encoder with feed-forwards, classes.

    Args:
        layers: of the encoder: dimension 256, 4 heads, feed-forward 1024, normalised before, GELU, no dropout.
        ours: svtok's encoder, which computes the token's row alone in its last layer; else nn.TransformerEncoder.
    """

    def __init__(self, layers: int, *, ours: bool, dim: int = 256) -> None:
        super().__init__()
        self.ours = ours
        self.config = SimpleNamespace(longest_utterance=None)
        self.first = nn.Linear(BANDS, dim)
        self.token = nn.Parameter(torch.zeros(1, 1, dim))
        self.encoder: Any
        if ours:
            config = {"front_end": {"blocks": [dim]}, "layers": layers, "dropout": 0.0, "feed_forward_dim": 4 * dim}
            self.encoder = Encoder(NetworkConfig.model_validate({**config, "after_attention": "feed-forward"}))
        else:
            layer = nn.TransformerEncoderLayer(dim, 4, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(dim), enable_nested_tensor=False)
        self.classes = nn.Linear(dim, CLASSES)

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """frames (B, T, F), lengths (B,) -> the token's state (B, D)."""
        x = torch.cat([self.token.expand(len(frames), -1, -1), self.first(frames)], dim=1)
        mask = frame_mask(lengths + 1, x.shape[1])
        state: Tensor
        if self.ours:
            state = self.encoder(x, mask, rows=1)[:, 0]
        else:
            state = self.encoder(x, src_key_padding_mask=None if mask.all() else ~mask)[:, 0]
        return state

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, CLASSES)."""
        logits: Tensor = self.classes(self.embed(frames, lengths))
        return logits


class OurEcapa(nn.Module):
    """svtok's ECAPA-TDNN of 512 channels (or fewer), and classes."""

    def __init__(self, channels: int = 512) -> None:
        super().__init__()
        front_end = {"kind": "ecapa", "channels": channels, "out_channels": 3 * channels}
        config = {"front_end": front_end, "head": "attentive-stats", "layers": 0, "positions": "none"}
        config |= {"embedding_dim": 192, "embedding_norm": "none", "classifier": "linear"}
        self.network = Network(NetworkConfig.model_validate(config), BANDS, CLASSES)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, CLASSES)."""
        return next(iter(self.network.classify(self.network(frames, lengths)).values()))


class TheirEcapa(nn.Module):
    """SpeechBrain's of the same size. Raises ImportError where it is not installed."""

    def __init__(self, channels: int = 512) -> None:
        super().__init__()
        self.network = speechbrain_ecapa(channels)
        self.classes = nn.Linear(192, CLASSES)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, CLASSES)."""
        logits: Tensor = self.classes(self.network(frames, lengths / lengths.max())[:, 0])
        return logits


def speechbrain_ecapa(channels: int = 512) -> Any:
    """SpeechBrain's ECAPA-TDNN with random weights, frames (B, T, 80) -> (B, 1, 192).

    Raises ImportError where it is not installed.
    """
    from svtok.audio.torchaudio_guard import import_torchaudio

    torchaudio = import_torchaudio()
    if not hasattr(torchaudio, "list_audio_backends"):  # gone since torchaudio 2.9; it is asked for on import alone
        torchaudio.list_audio_backends = lambda: ["soundfile"]
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    return ECAPA_TDNN(BANDS, lin_neurons=192, channels=[channels] * 4 + [3 * channels])


class Step:
    """A training step: forward, cross-entropy, backward, fused AdamW, of the same batch each time or of one given."""

    def __init__(self, network: nn.Module, *, bf16: bool = False) -> None:
        self.network, self.bf16 = network.train(), bf16
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def __call__(self, frames: Tensor, lengths: Tensor, labels: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits = self.network(frames, lengths)
        loss = functional.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
