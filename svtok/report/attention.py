"""What the tokens of a network attend to in one utterance, frame by frame, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from svtok.corpora.synthetic.marker import is_synthetic
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import FrameEmbedder
from svtok.features.spectral import spectral_features
from svtok.features.times import frame_spans
from svtok.nets.config import TOKEN_HEADS
from svtok.report.recording import read_recording
from svtok.training.network_folder import TrainedNetwork

FRAMING = {"sample_rate", "low_freq", "high_freq", "frame_length_ms", "frame_shift_ms", "window", "preemphasis"}
"""Fields of the features that their log-mel spectrogram has as well."""


@dataclass(frozen=True)
class Spectrogram:
    """Log-mel energies (T, bands) of audio of `duration` seconds, from `lowest` to `highest` Hz.

    The first frame begins and the last ends at `span`, in seconds, where each is as long as the step to the next.
    """

    energies: NDArray[np.float32]
    duration: float
    span: tuple[float, float]
    lowest: float
    highest: float


@dataclass(frozen=True)
class Attention:
    """Attention weights of tokens over one utterance.

    `spans` (T', 2) tells from when to when, in seconds, each frame that the attention sees stands; `layers` has one
    array (heads, tokens, tokens + T') a layer, each row summing to 1, the tokens before the frames.
    """

    tokens: tuple[str, ...]
    spans: NDArray[np.float64]
    layers: list[NDArray[np.float32]]

    def over_frames(self, layer: int) -> NDArray[np.float32]:
        """Each frame's weight over that of an equal share for each frame, 1 / T': (heads, tokens, T')."""
        return self.layers[layer][:, :, len(self.tokens) :] * len(self.spans)

    def on_tokens(self, layer: int) -> NDArray[np.float32]:
        """The share of its attention that each token gives to itself and the other tokens: (heads, tokens)."""
        return self.layers[layer][:, :, : len(self.tokens)].sum(axis=2)


def attend(
    trained: TrainedNetwork, audio: Path, phonetic: FrameEmbedder | None = None
) -> tuple[Attention, Spectrogram]:
    """The attention of a network's tokens over an audio file, and the file's spectrogram.

    `phonetic` computes the phonetic columns of the network's features, where these have some. Raises SvtokError for a
    network without tokens and for audio that is too long for it, and where `read_recording` does.
    """
    network, config = trained.network, trained.features
    head = network.config.head
    if head not in TOKEN_HEADS:
        raise SvtokError(
            f"the head '{head}' pools frames and has no token whose attention could be drawn; "
            f"take a network with one of the heads {', '.join(TOKEN_HEADS)}"
        )
    wave, frames, lengths = read_recording(audio, config, phonetic)
    longest, count = network.config.longest_utterance, frames.shape[1]
    if longest is not None and count > longest:
        raise SvtokError(
            f"{audio}: has {count} frames; the network's learned positions (network.max_frames) end after {longest}"
        )
    with torch.inference_mode():
        layers = network.attention(frames, lengths)
    spans = frame_spans(wave, config, network.config.front_end.subsample)
    return Attention(tuple(network.tokens), spans, [layer[0].numpy() for layer in layers]), spectrogram(wave, config)


def spectrogram(wave: NDArray[np.float32], config: FeaturesConfig) -> Spectrogram:
    """The log-mel spectrogram of samples (N,), framed as the features are, whatever else is done to these."""
    framing = config.model_dump(include=FRAMING)
    picture = FeaturesConfig(bands=(max(config.bands),), normalise="none", **framing)
    spans = frame_spans(wave, picture, subsample=1)
    return Spectrogram(
        energies=spectral_features(wave, picture).features,
        duration=len(wave) / picture.sample_rate,
        span=(float(spans[0, 0]), float(spans[-1, 1])),
        lowest=picture.low_freq,
        highest=picture.upper_freq,
    )


def caption_of(audio: Path) -> str:
    """The audio file and its folder for a title; a file of a synthetic corpus is always called that."""
    audio = audio.absolute()
    synthetic = any(map(is_synthetic, audio.parents))
    return f"{audio.parent.name}/{audio.name}{' (SYNTHETIC speech)' if synthetic else ''}"
