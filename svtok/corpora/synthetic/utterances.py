"""One utterance of a synthetic corpus: a speaker says a phrase in a session. Two repetitions are never copies."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, signal

from svtok.corpora.synthetic import channel
from svtok.corpora.synthetic.random import generator
from svtok.corpora.synthetic.speakers import Session, Speaker
from svtok.espeak import Voice, speak

SAMPLE_RATE = 16000
CURVE_POINTS = 65  # frequencies at which a filter's gain is given
RATIO_STEPS = 320  # the resampling ratio is a fraction over this: steps of 0.2 %


def say(seed: int, speaker: Speaker, session: Session, session_number: int, sentence: str, text: str) -> np.ndarray:
    """Samples (n,) int16 at 16 kHz of the speaker saying the text in that session."""
    random = generator(seed, "utterance", speaker.name, session_number, sentence)
    wave = _spoken(speaker, session, text, random)
    wave = _warped(wave, random)
    wave = np.pad(wave, random.integers(SAMPLE_RATE // 20, SAMPLE_RATE // 4, 2))  # silence of 0.05 to 0.25 s
    wave = channel.filtered(wave, _gain(speaker, session, random))
    wave = channel.in_room(wave, session.reverberation, session.echo + random.normal(0, 1), SAMPLE_RATE, random)
    wave = channel.with_noise(wave, session.snr + random.normal(0, 2), session.colour, SAMPLE_RATE, random)
    wave = channel.at_level(wave, session.level + random.normal(0, 1.5))
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
    return channel.gain_curve(terms, frequencies, SAMPLE_RATE) + channel.tilt(effort, frequencies)


def _within(value: float, lowest: int, highest: int) -> int:
    return min(max(round(value), lowest), highest)
