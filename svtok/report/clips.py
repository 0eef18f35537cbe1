"""What a page shows and plays of a recording: its samples as a small audio file that browsers play, and a picture."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from svtok.features.config import FeaturesConfig
from svtok.report.attention import Spectrogram, spectrogram

LONGEST = 6.0
"""Seconds of a recording that are kept."""
QUALITY = 60
"""Of the JPEG, of 95."""
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class Clip:
    """A recording as a page holds it."""

    audio: bytes
    mime: str
    picture: bytes
    """The log-mel spectrogram, low frequencies below, dark where there is energy: a grey JPEG, a pixel a frame."""
    seconds: float
    """Of the whole recording."""

    @property
    def size(self) -> int:
        """Bytes in a page, where they are base64."""
        return (len(self.audio) + len(self.picture)) * 4 // 3

    @property
    def audio_url(self) -> str:
        return f"data:{self.mime};base64,{base64.b64encode(self.audio).decode()}"

    @property
    def picture_url(self) -> str:
        return f"data:image/jpeg;base64,{base64.b64encode(self.picture).decode()}"


def clip_of(wave: NDArray[np.float32], rate: int) -> Clip:
    """The clip of samples (N,) at a rate in Hz: the first LONGEST seconds as MP3, or as FLAC at other rates.

    Raises SvtokError for samples that are too few for a frame.
    """
    kept = wave[: round(LONGEST * rate)]
    as_mp3 = rate in MP3_RATES and "MP3" in soundfile.available_formats()  # older libsndfile has none
    kind, mime = ("MP3", "audio/mpeg") if as_mp3 else ("FLAC", "audio/flac")
    stream = io.BytesIO()
    soundfile.write(stream, kept, rate, format=kind)
    shown = spectrogram(kept, FeaturesConfig(sample_rate=rate))
    return Clip(stream.getvalue(), mime, picture_of(shown), len(wave) / rate)


def picture_of(shown: Spectrogram) -> bytes:
    """A spectrogram as a grey JPEG of (bands, frames) pixels."""
    energies = shown.energies.T[::-1]  # (bands, T), high bands first
    floor, top = np.percentile(energies, [5, 99.5])
    shares = np.clip((energies - floor) / max(float(top - floor), 1e-6), 0, 1)
    stream = io.BytesIO()
    Image.fromarray((255 * (1 - shares)).astype(np.uint8)).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
