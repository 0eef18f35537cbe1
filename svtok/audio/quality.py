"""Is a recording good enough to enroll or verify a voice? What is measured of it, and what is wrong with it.

Speech and noise are parted by their power alone, frame by frame, as in detectors that take the least power for that
of the noise (R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics",
IEEE TSAP 9, 2001).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svtok.audio.decode import open_audio, rate_fault, read_part
from svtok.audio.resampling import resampled
from svtok.errors import AudioError, SvtokError

FRAME, STEP = 0.025, 0.01
"""Seconds of a frame, and from one to the next."""
SHARE = 0.1
"""The quietest frames, so many of all, are taken for the noise, and as many of the loudest for the speech."""
OVER_NOISE = 6.0
"""dB over the noise from which a frame counts as speech."""
QUIETEST_NOISE = 1e-10
"""Power below which a noise is taken for none: that of the rounding to 16 bits."""
PEAK = 0.98
"""Samples from this share of the loudest one on are at the peak; of unclipped speech, next to none are."""

LONGEST = 60.0
"""Seconds. A longer file is no pass-phrase, and is not decoded."""
MOST_BYTES = 100_000_000
"""Of a file of any format, some of which are read as a whole: LONGEST at any usual rate needs fewer."""
LEAST_SPEECH = 0.15
"""Seconds. Of 300 words of one second in Arabic Speech Commands, the shortest has 0.42."""
LEAST_LEVEL = -60.0
"""dB of full scale. Of 300 recordings each of Arabic Speech Commands and speechocean762, the quietest is at -33."""
MOST_OVER = 1.5
"""Of samples that a program gives: resampling goes over 1 by a little, and integers kept as floats by far."""
MOST_AT_PEAK = 0.01
"""Of the same recordings, the highest share is 0.0014; of a sine it is 0.13, of clipped speech more."""
LEAST_SNR = 6.0
"""dB. Of the same recordings with white noise as loud as the speech on average, half are below 7.4 to 7.8; with noise
5 dB louder nearly all (99 % are below 5.6), and with noise 5 dB quieter none."""


@dataclass(frozen=True)
class Quality:
    """What is measured of a recording.

    `seconds`: its length. `speech`: seconds that are OVER_NOISE above its noise. `level`: the power of its loudest
    frames, dB of full scale. `snr`: the power of its loudest frames, less that of the quietest, over the latter, dB;
    that is 7 to 12 dB more than the ratio of the whole recording's power. `at_peak`: the share of samples at the
    loudest value.
    """

    seconds: float
    speech: float
    level: float
    snr: float
    at_peak: float

    def faults(self) -> Iterator[str]:
        """What is wrong, with what was measured and what to do; nothing for a good recording."""
        if self.level < LEAST_LEVEL:
            yield (
                f"is silent: its loudest parts are at {self.level:.0f} dB of full scale, and speech is above "
                f"{LEAST_LEVEL:.0f} dB; see whether the microphone is muted, and record it again"
            )
            return  # nothing else that is measured of silence means anything
        if self.at_peak > MOST_AT_PEAK:
            yield (
                f"is clipped: {self.at_peak:.1%} of its samples are at the loudest value, {MOST_AT_PEAK:.0%} may be; "
                "turn the microphone down, and record it again"
            )
        if self.snr < LEAST_SNR:
            yield (
                f"is mostly noise: its loudest parts are {self.snr:.1f} dB over the quietest, {LEAST_SNR:g} dB are the "
                "least; record it again where it is quieter, with a moment of silence before and after the phrase"
            )
        elif self.speech < LEAST_SPEECH:
            yield (
                f"is too short: it has {self.speech:.2f} s of speech in {self.seconds:.2f} s, {LEAST_SPEECH:g} s are "
                "the least; record the whole phrase"
            )


def measure(wave: NDArray[np.float32], rate: int) -> Quality:
    """Measure a recording.

    Args:
        wave: samples (N,) in [-1, 1), at least one.
        rate: Hz.

    Returns:
        The measures.

    >>> times = np.arange(16000, dtype=np.float32) / 16000
    >>> measure(0.5 * np.sin(2000 * times) * np.sin(np.pi * times) ** 2, 16000)
    Quality(seconds=1.0, speech=0.88, level=-9.1, snr=34.6, at_peak=0.009)
    """
    size, step = round(FRAME * rate), round(STEP * rate)
    padded = np.pad(wave, (0, max(0, size - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]  # (T, size)
    powers = np.sort(np.einsum("ts,ts->t", frames, frames, dtype=np.float64) / size)
    some = max(1, round(SHARE * len(powers)))
    noise, loudest = max(float(powers[:some].mean()), QUIETEST_NOISE), float(powers[-some:].mean())
    peak = np.abs(wave).max()
    return Quality(
        seconds=round(len(wave) / rate, 2),
        speech=round(float((powers > noise * 10 ** (OVER_NOISE / 10)).sum()) * STEP, 2),
        level=_decibels(loudest),
        snr=_decibels((loudest - noise) / noise),
        at_peak=round(float(np.mean(np.abs(wave) >= PEAK * peak)), 4),
    )


def _decibels(power: float) -> float:
    return round(10 * float(np.log10(max(power, 1e-12))), 1)


def read_short(
    path: Path, sample_rate: int, *, resample: bool = False, channel: str | None = None
) -> NDArray[np.float32]:
    """The samples (N,) of a file at a rate, where it is short enough to be a phrase; a long one is not decoded.

    Args:
        path: the audio file.
        sample_rate: Hz.
        resample: convert audio of another rate, which is an error otherwise.
        channel: one of `svtok.audio.CHANNELS`, for a file with several.

    Raises:
        AudioError: the file is too long, or as of `svtok.audio.decode.read_audio`.
    """
    if path.is_file() and (size := path.stat().st_size) > MOST_BYTES:
        raise AudioError(path, f"is too long: it has {size / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} MB are read")
    with open_audio(path) as (stream, info):
        rate = info.sample_rate
        if (seconds := info.num_samples / rate) > LONGEST:
            raise AudioError(path, too_long(seconds))
        if (fault := rate_fault(rate, sample_rate, resample=resample)) is not None:
            raise AudioError(path, fault)
        return resampled(read_part(path, stream, info, channel=channel), rate, sample_rate)


def samples_of(samples: ArrayLike, rate: int, sample_rate: int, *, resample: bool = False) -> NDArray[np.float32]:
    """Samples that a program has, as `read_short` gives those of a file.

    Args:
        samples: (N,), floating-point in [-1, 1) or integers of 16 or 32 bits.
        rate: theirs, Hz.
        sample_rate: the rate that is wanted, Hz.
        resample: convert samples of another rate, which is an error otherwise.

    Raises:
        SvtokError: there are none, they are of several channels, too long, not numbers, out of [-1, 1], or of another
            rate.
    """
    given = np.asarray(samples)
    if given.dtype.kind == "i":
        given = given / -float(np.iinfo(given.dtype).min)
    if given.ndim != 1 or given.dtype.kind != "f" or not len(given):
        raise SvtokError(
            f"the samples are {given.dtype} of shape {given.shape}: they must be numbers of one channel, shape (N,)"
        )
    if (seconds := len(given) / rate) > LONGEST:
        raise SvtokError(f"the recording {too_long(seconds)}")
    if not np.isfinite(given).all() or np.abs(given).max() > MOST_OVER:
        raise SvtokError("the samples must be finite, and floating-point ones in [-1, 1]")
    if (fault := rate_fault(rate, sample_rate, resample=resample)) is not None:
        raise SvtokError(f"the recording's {fault}")
    return resampled(given.astype(np.float32), rate, sample_rate)


def too_long(seconds: float) -> str:
    """What is wrong with a recording of so many seconds."""
    return f"is too long: it lasts {seconds:.0f} s, {LONGEST:.0f} s are the most; cut the phrase out of it"
