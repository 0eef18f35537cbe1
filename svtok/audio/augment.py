"""Changes to a recording as the world makes them: noise, other voices, rooms, speed, lines, codecs, gain.

Pure functions of a wave: samples (N,) float32 in [-1, 1) at a rate in Hz. What is random comes from the numpy
Generator that is handed in. All but `change_speed` keep the number of samples, and none moves the speech in time.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from math import gcd
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import soundfile

from svtok.errors import SvtokError

LOUDEST = 1 - 2.0**-15
"""Of 16-bit audio."""

Codec = Literal["mu-law", "a-law", "gsm", "mp3", "opus"]


class Coding(NamedTuple):
    """How libsndfile names a codec, and the rate (Hz) that it is used at; None: the recording's own."""

    container: str
    subtype: str
    rate: int | None


CODINGS: dict[str, Coding] = {
    "mu-law": Coding("WAV", "ULAW", 8000),  # ITU-T G.711
    "a-law": Coding("WAV", "ALAW", 8000),  # ITU-T G.711
    "gsm": Coding("WAV", "GSM610", 8000),  # ETSI GSM 06.10 full rate
    "mp3": Coding("MP3", "MPEG_LAYER_III", None),
    "opus": Coding("OGG", "OPUS", 16000),  # IETF RFC 6716
}
assert set(CODINGS) == set(get_args(Codec))


def power(wave: np.ndarray) -> float:
    """The mean square of samples (N,)."""
    return float(np.mean(np.square(wave, dtype=np.float64)))


def mix(wave: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    """The wave with noise added at a ratio of their powers.

    Args:
        wave: samples (N,).
        noise: samples (N,).
        snr: 10 log10 of the wave's power over the noise's, dB.

    Returns:
        (N,), a new array; the wave's samples alone where one of the two is silent.

    >>> mix(np.array([1.0, -1.0], np.float32), np.array([2.0, 2.0], np.float32), snr=0).tolist()
    [2.0, 0.0]
    """
    loud, noisy = power(wave), power(noise)
    if not loud or not noisy:
        return wave.copy()
    return wave + np.float32(np.sqrt(loud / noisy * 10 ** (-snr / 10))) * noise


def run_of(wave: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A run of so many samples from a random place; a shorter wave is repeated, from a random place in it on.

    Args:
        wave: samples (M,), M > 0.
        samples: the length N of the run.
        rng: draws the place.

    Returns:
        (N,); a view of `wave` where that is long enough.
    """
    if len(wave) >= samples:
        start = int(rng.integers(len(wave) - samples + 1))
        return wave[start : start + samples]
    start = int(rng.integers(len(wave)))
    return np.resize(np.roll(wave, -start), samples)


def add_babble(wave: np.ndarray, voices: Sequence[np.ndarray], snr: float, rng: np.random.Generator) -> np.ndarray:
    """The wave (N,) with several voices (M_i,) at once, all equally loud, whose sum is at `snr` dB, as `mix`.

    Args:
        wave: samples (N,).
        voices: samples (M_i,) of each voice; a run of N is cut from each, or repeated, and silent ones add nothing.
        snr: 10 log10 of the wave's power over the babble's, dB.
        rng: draws the place of each run.

    Returns:
        (N,), a new array.
    """
    babble = np.zeros(len(wave), dtype=np.float32)
    for voice in voices:
        run = run_of(voice, len(wave), rng)
        if loud := power(run):
            babble += run / np.float32(np.sqrt(loud))
    return mix(wave, babble, snr)


def room_response(
    rate: int, reverberation_time: float, direct_to_reverberant: float, rng: np.random.Generator
) -> np.ndarray:
    """The impulse response of a simulated room: the direct sound, then noise that decays exponentially.

    The statistical model of a room's late reverberation (Polack, "La transmission de l'energie sonore dans les salles",
    1988; see Habets, "Single- and multi-microphone speech dereverberation using spectral enhancement", 2007, sec. 2.2):
    white noise times exp(-3 ln(10) t / T60).

    Args:
        rate: Hz.
        reverberation_time: T60, the seconds in which the energy of the reverberation falls by 60 dB.
        direct_to_reverberant: the energy of the direct sound over that of all else, dB.
        rng: draws the noise.

    Returns:
        (1 + T60 * rate,) float32; the first is the direct sound, 1.
    """
    times = np.arange(1, max(1, round(reverberation_time * rate)) + 1) / rate
    tail = rng.standard_normal(len(times)) * np.exp(-3 * np.log(10) * times / reverberation_time)
    tail *= np.sqrt(10 ** (-direct_to_reverberant / 10) / np.sum(tail**2))
    return np.concatenate([[1.0], tail]).astype(np.float32)


def reverberate(wave: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The wave (N,) as it is heard in a room with an impulse response (M,): as long and as loud as it was."""
    from scipy.signal import fftconvolve  # which takes longer to load than most commands take

    heard = fftconvolve(wave, response)[: len(wave)]
    before, after = power(wave), power(heard)
    return np.asarray(heard * np.sqrt(before / after) if after else heard, dtype=np.float32)


def change_speed(wave: np.ndarray, speed: float) -> np.ndarray:
    """The wave (N,) played faster (speed above 1) or slower, pitch and formants with it: about N / speed samples.

    Ko et al., "Audio augmentation for speech recognition" (2015). The speed counts to three decimals.
    """
    ratio = Fraction(speed).limit_denominator(1000)
    return _resample(wave, ratio.denominator, ratio.numerator)


def limit_band(wave: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """The wave (N,) through a line that lets only `low` to `high` Hz pass, such as a telephone's 300 to 3400.

    Butterworth filters of order 4, as if run forward and backward: no delay, 6 dB less at either edge. An edge at 0,
    or at half the rate or above, is none.

    Args:
        wave: samples (N,).
        rate: Hz.
        low: the lower edge, Hz.
        high: the upper edge, Hz.

    Returns:
        (N,) float32.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    padded = next_fast_len(len(wave) + rate // 10, real=True)  # 0.1 s in which the filters ring out
    frequencies = np.fft.rfftfreq(padded, 1 / rate).astype(np.float32)
    passes = np.ones_like(frequencies)
    if low > 0:
        passes[0] = 0
        passes[1:] /= 1 + (low / frequencies[1:]) ** 8
    if high < rate / 2:
        passes /= 1 + (frequencies / high) ** 8
    return np.asarray(irfft(rfft(wave, padded) * passes, padded)[: len(wave)], dtype=np.float32)


def through_codec(wave: np.ndarray, rate: int, codec: Codec) -> np.ndarray:
    """The wave (N,) encoded and decoded again, by libsndfile; telephone codecs at 8 kHz, opus at 16 kHz.

    Args:
        wave: samples (N,); what is outside [-1, 1) is clipped.
        rate: Hz.
        codec: one of `CODINGS`.

    Returns:
        (N,) at the same rate; zeros at the end where the codec gives fewer samples.

    Raises:
        SvtokError: where the installed libsndfile has no such codec.
    """
    container, subtype, its_rate = CODINGS[codec]
    its_rate = its_rate or rate
    file = io.BytesIO()
    try:
        soundfile.write(file, clip(_to_rate(wave, rate, its_rate)), its_rate, format=container, subtype=subtype)
        file.seek(0)
        decoded, _ = soundfile.read(file, dtype="float32")
    except (soundfile.LibsndfileError, ValueError) as error:
        raise SvtokError(
            f"the codec '{codec}' does not work at {its_rate} Hz with this libsndfile "
            f"({soundfile.__libsndfile_version__}: {error}); install a newer soundfile, or use another codec"
        ) from None
    back = _to_rate(decoded, its_rate, rate)[: len(wave)]
    return np.pad(back, (0, len(wave) - len(back)))


def change_gain(wave: np.ndarray, gain: float) -> np.ndarray:
    """The wave (N,) louder by `gain` dB (quieter, where that is below 0), cut off at full scale as a recorder does."""
    return clip(wave * np.float32(10 ** (gain / 20)))


def clip(wave: np.ndarray) -> np.ndarray:
    """Samples (N,) within what 16 bits can hold."""
    return np.clip(wave, -1, LOUDEST)


def _to_rate(wave: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    common = gcd(rate, new_rate)
    return wave if rate == new_rate else _resample(wave, new_rate // common, rate // common)


def _resample(wave: np.ndarray, up: int, down: int) -> np.ndarray:
    """ceil(N * up / down) samples, by a polyphase filter."""
    from scipy.signal import resample_poly  # as slow to load

    resampled: Any = resample_poly(wave, up, down)
    return np.asarray(resampled, dtype=np.float32)
