"""A network that recognises phones frame by frame, for its bottleneck: phonetic embeddings."""

from __future__ import annotations

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from svtok.nets.classifiers import at_least_fp32
from svtok.nets.config import FrontEndConfig, ResidualConfig
from svtok.nets.front_ends import make_front_end
from svtok.nets.rows import frame_mask


class PhoneNetworkConfig(BaseModel, extra="forbid", frozen=True):
    """A front-end, which looks at some tenths of a second around each frame, and a bottleneck after it."""

    front_end: FrontEndConfig = ResidualConfig(channels=64, blocks=(96, 128), kernel=5, subsample=2)
    bottleneck: int = Field(32, ge=1, description="P: dimension of the phonetic embedding of a frame")


class PhoneNetwork(nn.Module):
    """Front-end, bottleneck, phone logits, trained by CTC (Graves et al., ICML 2006).

    The paper's authors take the bottleneck of a phone classifier in place of position vectors (SdSV 2020 system
    description; ICASSP 2021). Theirs is larger, made of group convolutions and trained on LibriSpeech.

    Args:
        config: what it is made of.
        feature_dim: F, values of a frame.
        phones: number of phones, without CTC's blank, whose logit is the first.
    """

    def __init__(self, config: PhoneNetworkConfig, feature_dim: int, phones: int) -> None:
        super().__init__()
        if phones < 1:
            raise ValueError(f"needs at least 1 phone, not {phones}")
        self.subsample = config.front_end.subsample
        self.front_end = make_front_end(feature_dim, 0, config.front_end)
        self.bottleneck = nn.Linear(config.front_end.dim, config.bottleneck)
        self.output = nn.Linear(config.bottleneck, 1 + phones)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> logits (B, T', 1 + phones), in fp32, and how many of the T' are real, (B,).

        T' = ceil(T / subsample).
        """
        states, mask = self._states(frames, lengths)
        with torch.autocast(states.device.type, enabled=False):
            return self.output(at_least_fp32(states)), mask.sum(dim=1)

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Phonetic embeddings at the rate of the frames, within [-1, 1]: (B, T, P); 0 beyond an utterance's end."""
        states, _ = self._states(frames, lengths)
        length = frames.shape[1]
        at_full_rate = states.repeat_interleave(self.subsample, dim=1)[:, :length]  # (B, T, P)
        return at_full_rate * frame_mask(lengths, length).to(frames.device)[..., None]

    def posteriors(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Posteriors of the phones, given that a frame is of a phone: (B, T', phones), and how many are real, (B,).

        CTC's blank is left out, for where it is nearly certain, as nearly everywhere, its frames would all be alike;
        what the network thinks of the phones stands behind it all the same.
        """
        logits, counts = self(frames, lengths)
        return logits[..., 1:].softmax(dim=-1), counts

    def _states(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Output of the bottleneck (B, T', P), and which of it is real (B, T')."""
        x, mask = self.front_end(frames, lengths)  # (B, T', D)
        return torch.tanh(self.bottleneck(x)), mask
