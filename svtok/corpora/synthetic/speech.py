"""Synthetic speech: speakers, their sessions, channels, and one utterance. Two repetitions are never copies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, signal

from svtok.audio.espeak import Voice, speak


def generator(seed: int, *about: str | int) -> np.random.Generator:
    """The random numbers of one thing, for instance `generator(7, "session", "m001", 3)`."""
    digest = hashlib.sha256("/".join(map(str, (seed, *about))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


FILTER_TAPS = 129
LOWEST_OF_TILT = 200.0  # Hz below which an effort or a noise does not tilt the spectrum
PEAK = 0.95  # of full scale: the loudest sample that is left


def gain_curve(terms: Sequence[float], frequencies: np.ndarray, sample_rate: int) -> np.ndarray:
    """Gain in dB at each frequency (n,) in Hz: a sum of cosines, term k making k half-waves up to half the rate.

    Args:
        terms: the amplitude of each cosine, dB, from k = 1.
        frequencies: (n,), Hz.
        sample_rate: Hz.

    Returns:
        (n,), dB.
    """
    orders = np.arange(1, len(terms) + 1)
    return np.cos(np.pi * np.outer(frequencies * 2 / sample_rate, orders)) @ np.asarray(terms)


def tilt(decibels_per_octave: float, frequencies: np.ndarray) -> np.ndarray:
    """Gain in dB at each frequency (n,) in Hz of a spectrum tilted about 1 kHz."""
    return decibels_per_octave * np.log2(np.maximum(frequencies, LOWEST_OF_TILT) / 1000)


def filtered(wave: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The wave (n,) through a linear-phase filter: `gain` (points,) in dB, evenly spread from 0 to half the rate."""
    taps = signal.firwin2(FILTER_TAPS, np.linspace(0, 1, len(gain)), 10 ** (gain / 20))
    return signal.oaconvolve(wave, taps, mode="same")


def in_room(
    wave: np.ndarray, reverberation: float, echo: float, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """The wave (n,) in a small room: a tail of decaying noise, `echo` dB over the direct sound, which falls by 60 dB
    in `reverberation` seconds (Moorer, "About this reverberation business", 1979).

    Args:
        wave: samples (n,).
        reverberation: seconds in which the tail falls by 60 dB.
        echo: the energy of the tail over that of the direct sound, dB.
        sample_rate: Hz.
        random: draws the tail.

    Returns:
        (n,), cut off where the wave ends.
    """
    times = np.arange(1, int(reverberation * sample_rate)) / sample_rate
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / reverberation)
    tail *= 10 ** (echo / 20) / np.sqrt(np.sum(tail**2))
    return signal.fftconvolve(wave, np.concatenate([[1.0], tail]))[: len(wave)]


def with_noise(
    wave: np.ndarray, snr: float, colour: float, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """The wave (n,) with noise `snr` dB below it whose spectrum falls by `colour` dB per octave.

    Args:
        wave: samples (n,).
        snr: the RMS of the wave over that of the noise, dB.
        colour: slope of the noise's spectrum, dB per octave; below 0 where it falls.
        sample_rate: Hz.
        random: draws the noise.

    Returns:
        (n,).
    """
    size = fft.next_fast_len(len(wave), real=True)
    gain = tilt(colour, fft.rfftfreq(size, 1 / sample_rate))
    noise = fft.irfft(fft.rfft(random.standard_normal(size)) * 10 ** (gain / 20), size)[: len(wave)]
    return wave + noise * rms(wave) / rms(noise) * 10 ** (-snr / 20)


def at_level(wave: np.ndarray, level: float) -> np.ndarray:
    """The wave (n,) at an RMS of `level` dB of full scale, or at what its peak allows."""
    return wave * min(10 ** (level / 20) / rms(wave), PEAK / np.abs(wave).max())


def rms(wave: np.ndarray) -> float:
    """Root mean square of the wave (n,)."""
    return float(np.sqrt(np.mean(wave**2)))


ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
# Variants of espeak-ng that sound like a person: no robots, whispers, monsters or children
VARIANTS = {
    "m": (
        *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Alex", "Andy", "Denis", "Diogo", "Gene", "Gene2", "Lee"),
        *("Mario", "Michael", "Mike", "Reed", "adam", "benjamin", "boris", "edward", "edward2", "grandpa", "iven3"),
        *("john", "kaukovalta", "marcelo", "max", "michel", "norbert", "pablo", "pedro", "quincy", "robert", "sandro"),
        *("travis", "victor"),
    ),
    "f": (
        *("f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "anika", "aunty", "belinda", "grandma", "linda"),
        *("shelby", "steph", "steph2", "steph3"),
    ),
}
DEVICES = 40  # recording devices (telephones, tablets) in the world of the corpus
DEVICES_A_SPEAKER = 3  # as in RSR2015: a speaker's sessions 1, 4 and 7 are on one device, 2, 5 and 8 on the next ...
CURVE_TERMS = 8  # cosines that make up a curve of gain over frequency


@dataclass(frozen=True)
class Speaker:
    """Who speaks. `pitch`, `pitch_range` and `rate` are in espeak-ng's units; `tract` is the length of the vocal tract
    relative to that of the variant; `timbre` is a curve of gain over frequency, in dB (see `gain_curve`)."""

    name: str
    voice: str
    pitch: float
    pitch_range: float
    rate: float
    tract: float
    timbre: tuple[float, ...]
    devices: tuple[int, ...]


@dataclass(frozen=True)
class Session:
    """How a speaker speaks on one day, and where. `pitch` and `rate` are relative to the speaker's; `effort` is a
    tilt of the spectrum in dB per octave; `colour` is the slope of the noise in dB per octave."""

    pitch: float
    rate: float
    tract: float
    effort: float
    device: tuple[float, ...]
    reverberation: float  # seconds until the echo has fallen by 60 dB
    echo: float  # dB of the echo over the direct sound
    snr: float  # dB
    colour: float
    level: float  # dB of the RMS below full scale


def draw_speaker(seed: int, name: str) -> Speaker:
    """The speaker of this name (`m001`, `f001`: the first letter is the gender)."""
    random = generator(seed, "speaker", name)
    return Speaker(
        name=name,
        voice=f"{random.choice(ACCENTS)}+{random.choice(VARIANTS[name[0]])}",
        pitch=random.normal(50, 12),
        pitch_range=random.uniform(25, 80),
        rate=random.normal(185, 15),
        tract=random.normal(1.0, 0.04),
        timbre=_curve(random, decibels=2.0),
        devices=tuple(int(device) for device in random.choice(DEVICES, DEVICES_A_SPEAKER, replace=False)),
    )


def draw_session(seed: int, speaker: Speaker, session: int) -> Session:
    """The speaker's session of this number, counted from 1.

    Args:
        seed: of the corpus.
        speaker: who speaks.
        session: the number, from 1, which also picks one of the speaker's devices.
    """
    random = generator(seed, "session", speaker.name, session)
    device = _curve(generator(seed, "device", speaker.devices[(session - 1) % DEVICES_A_SPEAKER]), decibels=3.0)
    placement = _curve(random, decibels=2.0)  # how the device is held, and where it stands
    return Session(
        pitch=random.normal(0, 5),
        rate=random.normal(1.0, 0.06),
        tract=random.normal(1.0, 0.01),
        effort=random.normal(0, 1.0),
        device=tuple(a + b for a, b in zip(device, placement, strict=True)),
        reverberation=random.uniform(0.1, 0.5),
        echo=random.uniform(-15, -3),
        snr=random.uniform(8, 28),
        colour=random.uniform(-6, 0),
        level=random.uniform(-36, -24),
    )


def _curve(random: np.random.Generator, *, decibels: float) -> tuple[float, ...]:
    """A random curve of gain over frequency whose terms fall off, so that it is smooth: its RMS is about `decibels`."""
    weights = 1 / np.arange(1, CURVE_TERMS + 1)
    terms = random.normal(0, 1, CURVE_TERMS) * weights * decibels * np.sqrt(2 / np.sum(weights**2))
    return tuple(float(term) for term in terms)


SAMPLE_RATE = 16000
CURVE_POINTS = 65  # frequencies at which a filter's gain is given
RATIO_STEPS = 320  # the resampling ratio is a fraction over this: steps of 0.2 %


def say(seed: int, speaker: Speaker, session: Session, session_number: int, sentence: str, text: str) -> np.ndarray:
    """Samples (n,) int16 at 16 kHz of the speaker saying the text in that session.

    Args:
        seed: of the corpus.
        speaker: who speaks.
        session: how and where, as `draw_session` gives it.
        session_number: its number, from 1.
        sentence: an id of the text; with seed, speaker and session it fixes what is random.
        text: the words that are spoken.
    """
    random = generator(seed, "utterance", speaker.name, session_number, sentence)
    wave = _spoken(speaker, session, text, random)
    wave = _warped(wave, random)
    wave = np.pad(wave, random.integers(SAMPLE_RATE // 20, SAMPLE_RATE // 4, 2))  # silence of 0.05 to 0.25 s
    wave = filtered(wave, _gain(speaker, session, random))
    wave = in_room(wave, session.reverberation, session.echo + random.normal(0, 1), SAMPLE_RATE, random)
    wave = with_noise(wave, session.snr + random.normal(0, 2), session.colour, SAMPLE_RATE, random)
    wave = at_level(wave, session.level + random.normal(0, 1.5))
    return np.round(wave * 32767).astype(np.int16)


def _spoken(speaker: Speaker, session: Session, text: str, random: np.random.Generator) -> np.ndarray:
    """The text from espeak-ng, resampled to 16 kHz and to the length of the speaker's vocal tract.

    A longer tract lowers formants and pitch alike and slows the speech; the rate is made up for.
    """
    tract = speaker.tract * session.tract * random.normal(1.0, 0.005)
    voice = Voice(
        speaker.voice,
        rate=_within(speaker.rate * session.rate * random.normal(1.0, 0.04) * tract, 110, 260),
        pitch=_within(speaker.pitch + session.pitch + random.normal(0, 3), 0, 99),
        pitch_range=_within(speaker.pitch_range + random.normal(0, 8), 0, 99),
    )
    wave, sample_rate = speak(_with_prosody(text, random), voice)
    step = round(RATIO_STEPS * sample_rate / SAMPLE_RATE / tract)
    return signal.resample_poly(wave.astype(np.float64), RATIO_STEPS, step)


def _with_prosody(text: str, random: np.random.Generator) -> str:
    """The text as SSML in which each word has a pace and a pitch of its own, and the end of the phrase a melody."""
    words = [
        f'<prosody rate="{random.normal(100, 7):.0f}%" pitch="{random.normal(0, 4):+.0f}%">{word}</prosody>'
        for word in text.split()
    ]
    # At the very end: inside a <speak> element espeak-ng would read the full stop as "dot".
    return " ".join(words) + random.choice([".", "!", "?"])


def _warped(wave: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The wave (n,) with a clock that runs up to some percent fast or slow, changing about four times a second."""
    knots = 2 + len(wave) * 4 // SAMPLE_RATE
    speeds = np.interp(np.linspace(0, knots - 1, len(wave)), np.arange(knots), random.normal(1.0, 0.02, knots))
    times = np.cumsum(speeds)
    return ndimage.map_coordinates(wave, [times[times < len(wave) - 1]], order=3)


def _gain(speaker: Speaker, session: Session, random: np.random.Generator) -> np.ndarray:
    """Gain in dB (CURVE_POINTS,) from the speaker's timbre, the device and the effort."""
    frequencies = np.linspace(0, SAMPLE_RATE / 2, CURVE_POINTS)
    terms = np.asarray(speaker.timbre) + np.asarray(session.device)
    effort = session.effort + random.normal(0, 0.3)
    return gain_curve(terms, frequencies, SAMPLE_RATE) + tilt(effort, frequencies)


def _within(value: float, lowest: int, highest: int) -> int:
    return min(max(round(value), lowest), highest)
