"""Public speaker encoders that others trained: their weights, and embeddings of recordings.

`resemblyzer` (Apache-2.0): the encoder of generalised end-to-end loss (Wan et al., 2018) that the package Resemblyzer
carries. Of the package only the file of the weights is used: what it needs itself (librosa, and webrtcvad, which must
be compiled) is not. Silences are not cut out, as the package's `preprocess_wav` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.errors import SvtokError
from svtok.files import sha256_of_files
from svtok.trained.inference import evaluating

SAMPLE_RATE = 16_000
WINDOW, HOP, BANDS = 400, 160, 40
"""Samples of a window and of its step, and mel bands."""
PART_FRAMES, PART_STEP, LEAST_COVERED = 160, 77, 0.75
"""Frames of a part, frames from one part to the next (1.3 parts a second), and how much of the last must be audio."""
LEAST_LEVEL = 10 ** (-30 / 20)
"""Root mean square to which quieter recordings are raised: -30 dB of full scale."""
PARTS_AT_ONCE = 64
INSTALL = "pip install 'svtok[resemblyzer]', or, without a compiler, pip install --no-deps Resemblyzer==0.1.4"


def weights_file(encoder: str) -> Path:
    """The file with the weights of an installed encoder.

    Raises SvtokError where the package that carries it is not installed. The package is not imported.
    """
    package = find_spec(encoder)
    places = package.submodule_search_locations if package else None
    file = Path(places[0]) / "pretrained.pt" if places else None
    if file is None or not file.is_file():
        raise SvtokError(f"--encoder {encoder}: its weights are not installed; {INSTALL}")
    return file


class ResemblyzerNetwork(nn.Module):
    """Three LSTM layers, and the last state of the third: Linear, ReLU, length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, 256, num_layers=3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: Tensor) -> Tensor:
        """Mel energies (B, 160, 40) -> embeddings (B, 256) of length 1."""
        _, (hidden, _) = self.lstm(mels)
        return functional.normalize(functional.relu(self.linear(hidden[-1])), dim=1)


@dataclass(frozen=True)
class Encoder:
    """An encoder on its device; `hash` is the SHA-256 of its weights' file."""

    network: ResemblyzerNetwork
    device: torch.device
    hash: str

    def embed(self, parts: Sequence[Tensor]) -> NDArray[np.float32]:
        """Embeddings (N, 256) of recordings as `parts_of` gives them: means over the parts, of length 1."""
        every = torch.cat(list(parts))  # (all parts, 160, 40)
        with evaluating(self.network):
            embedded = torch.cat(
                [self.network(some.to(self.device)).cpu() for some in torch.split(every, PARTS_AT_ONCE)]
            )
        means = [of_one.mean(dim=0) for of_one in torch.split(embedded, [len(one) for one in parts])]
        vectors: NDArray[np.float32] = functional.normalize(torch.stack(means), dim=1).numpy()
        return vectors


def load_encoder(name: str, device: torch.device) -> Encoder:
    """The encoder of a name in `svtok.trained.ENCODERS`.

    Raises SvtokError where it is not installed, or its file is damaged.
    """
    file = weights_file(name)
    network = ResemblyzerNetwork()
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)["model_state"]
        network.load_state_dict({key: value for key, value in state.items() if not key.startswith("similarity_")})
    except Exception as error:  # of damaged bytes torch raises nearly anything
        raise SvtokError(f"{file}: damaged, or not of this encoder ({error}); install it again: {INSTALL}") from None
    return Encoder(network.to(device).eval(), device, sha256_of_files([file]))


def parts_of(wave: NDArray[np.float32]) -> Tensor:
    """What the encoder reads of a recording.

    Args:
        wave: samples (N,) at 16 kHz, in [-1, 1); of any length.

    Returns:
        mel energies of its P parts (P, 160, 40), the last padded with silence.

    Raises:
        SvtokError: there is no sample but zeros.
    """
    level = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0
    if level == 0:
        raise SvtokError("has no sample but zeros; leave the recording out")
    starts = part_starts(len(wave))
    padded = np.zeros(max(len(wave), (starts[-1] + PART_FRAMES) * HOP), dtype=np.float32)
    padded[: len(wave)] = wave * max(1.0, LEAST_LEVEL / level)
    mels = mel_energies(torch.from_numpy(padded))
    return torch.stack([mels[start : start + PART_FRAMES] for start in starts])


def part_starts(samples: int) -> list[int]:
    """The first frame of each part of a recording; a last one of too little audio is left out, if it is not alone."""
    frames = -(-(samples + 1) // HOP)
    starts = list(range(0, max(1, frames - PART_FRAMES + PART_STEP + 1), PART_STEP))
    covered = (samples - starts[-1] * HOP) / (PART_FRAMES * HOP)
    return starts[:-1] if covered < LEAST_COVERED and len(starts) > 1 else starts


def mel_energies(wave: Tensor) -> Tensor:
    """Samples (N,) -> power in 40 mel bands, not its logarithm (N // 160 + 1, 40), as librosa's `melspectrogram`."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(
        wave, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )  # (201, T)
    bands = import_torchaudio().functional.melscale_fbanks(
        WINDOW // 2 + 1, 0.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )  # (201, 40)
    energies: Tensor = spectrum.abs().square().T @ bands
    return energies
