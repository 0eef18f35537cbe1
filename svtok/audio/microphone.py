"""Recordings from the microphone, by the package sounddevice (the extra `microphone`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError


def record(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """Record from the default microphone, now.

    Args:
        seconds: how long.
        sample_rate: Hz.

    Returns:
        Samples (N,) in [-1, 1], one channel.

    Raises:
        SvtokError: sounddevice or its library PortAudio is not installed, or there is no microphone that records.
    """
    try:
        import sounddevice
    except ImportError:
        raise SvtokError("recording needs the package sounddevice: pip install 'svtok[microphone]'") from None
    except OSError as error:  # its library is missing
        raise SvtokError(
            f"recording needs PortAudio ({error}); install it, such as by `apt install libportaudio2`"
        ) from None
    try:
        samples = sounddevice.rec(round(seconds * sample_rate), samplerate=sample_rate, channels=1, dtype="float32")
        sounddevice.wait()
    except sounddevice.PortAudioError as error:
        raise SvtokError(f"the microphone does not record: {error}; see whether there is one, and it is free") from None
    wave: NDArray[np.float32] = samples[:, 0]
    return wave
