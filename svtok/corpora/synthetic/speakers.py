"""The speakers of a synthetic corpus, and what changes from one of their sessions to the next.

The spreads below are ours. They are set so that speakers of one gender overlap as much as their own sessions spread:
a network that pools by averaging, trained on 60 speakers, confuses a few percent of the trials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from svtok.corpora.synthetic.random import generator

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
    relative to that of the variant; `timbre` is a curve of gain over frequency, in dB (see `channel.gain_curve`)."""

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
    """The speaker's session of this number, counted from 1."""
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
