"""Speakers, channel and utterances: what is drawn, and what is done to the speech."""

import numpy as np
import pytest
from scipy import signal

from svtok.audio.espeak import Voice, speak
from svtok.corpora.rsr2015.layout import PARTS
from svtok.corpora.synthetic import speech as channel
from svtok.corpora.synthetic.phrases import COMMANDS, PHRASES, SENTENCES
from svtok.corpora.synthetic.speech import (
    ACCENTS,
    SAMPLE_RATE,
    VARIANTS,
    _with_prosody,
    draw_session,
    draw_speaker,
    generator,
    say,
)

pytestmark = pytest.mark.slow


def noise(seconds: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))


def test_randomness_depends_on_the_seed_and_on_what_is_drawn() -> None:
    def draw(*about: object) -> float:
        return float(generator(*about).normal())  # type: ignore[arg-type]

    assert draw(1, "speaker", "m001") == draw(1, "speaker", "m001")
    assert len({draw(1, "speaker", "m001"), draw(2, "speaker", "m001"), draw(1, "speaker", "m002")}) == 3


def test_a_speaker_is_the_same_in_all_sessions_and_has_a_voice_of_the_gender() -> None:
    assert draw_speaker(1, "m001") == draw_speaker(1, "m001")
    assert draw_speaker(1, "m001") != draw_speaker(1, "m002")
    for number in range(1, 30):
        assert draw_speaker(1, f"f{number:03d}").voice.partition("+")[2] in VARIANTS["f"]


def test_sessions_1_4_and_7_are_on_one_device_but_are_not_the_same() -> None:
    speaker = draw_speaker(1, "m001")
    sessions = {number: draw_session(1, speaker, number) for number in (1, 2, 4)}
    curves = {number: np.array(session.device) for number, session in sessions.items()}
    assert not np.array_equal(curves[1], curves[4])
    assert len(set(speaker.devices)) == 3
    assert sessions[1].snr != sessions[4].snr


@pytest.mark.parametrize("gender", ["m", "f"])
def test_every_variant_speaks_a_command_in_every_accent_without_clipping(gender: str) -> None:
    for number, variant in enumerate(VARIANTS[gender]):
        samples, rate = speak(PHRASES["031"], Voice(f"{ACCENTS[number % len(ACCENTS)]}+{variant}"))
        assert 0.8 < len(samples) / rate < 2.5, variant
        assert 0.02 < np.abs(samples).max() < 0.99, variant


@pytest.mark.parametrize(
    ("texts", "part", "shortest", "longest"), [(SENTENCES, 1, 1.5, 4), (COMMANDS, 2, 0.7, 1.6)], ids=["I", "II"]
)
def test_there_are_thirty_different_phrases_about_as_long_as_those_of_rsr2015(
    texts: dict[str, str], part: int, shortest: float, longest: float
) -> None:
    assert tuple(texts) == PARTS[part]
    assert len(set(texts.values())) == 30
    for text in texts.values():
        samples, rate = speak(text, Voice("en+m3"))
        assert shortest < len(samples) / rate < longest, text


def test_repetitions_are_whole_speech_and_never_copies() -> None:
    speaker = draw_speaker(1, "f001")
    session = draw_session(1, speaker, 1)
    first = say(1, speaker, session, 1, "031", PHRASES["031"])
    assert first.dtype == np.int16
    assert 0.8 < len(first) / SAMPLE_RATE < 3
    assert 300 < np.abs(first.astype(int)).max() < 32767
    np.testing.assert_array_equal(first, say(1, speaker, session, 1, "031", PHRASES["031"]))
    second = say(1, speaker, session, 2, "031", PHRASES["031"])
    assert len(second) != len(first) or not np.array_equal(first, second)


def test_the_mark_at_the_end_of_a_phrase_is_not_read_aloud() -> None:
    """Where it is not at the very end, espeak-ng reads a full stop as "dot"."""
    plain, rate = speak("turn on the light", Voice("en+m3"))
    ends = set()
    for seed in range(8):
        text = _with_prosody("turn on the light", generator(seed))
        ends.add(text[-1])
        assert abs(len(speak(text, Voice("en+m3"))[0]) - len(plain)) / rate < 0.15
    assert ends == set(".!?")


def test_a_gain_curve_is_a_sum_of_half_waves() -> None:
    frequencies = np.array([0.0, 4000.0, 8000.0])
    np.testing.assert_allclose(channel.gain_curve([3.0], frequencies, 16000), [3, 0, -3], atol=1e-9)
    np.testing.assert_allclose(channel.gain_curve([3.0, 1.0], frequencies, 16000), [4, -1, -2], atol=1e-9)


def test_a_tilt_is_in_decibels_per_octave_about_1_khz() -> None:
    np.testing.assert_allclose(channel.tilt(-6, np.array([500.0, 1000.0, 4000.0])), [6, 0, -12])


def test_a_filter_has_the_gain_asked_for() -> None:
    filtered = channel.filtered(noise(4), np.linspace(0, -20, 65))
    frequencies, before = signal.welch(noise(4), SAMPLE_RATE, nperseg=512)
    _, after = signal.welch(filtered, SAMPLE_RATE, nperseg=512)
    gain = 10 * np.log10(after / before)
    for frequency, expected in ((800, -2), (4000, -10), (7200, -18)):
        assert gain[np.argmin(np.abs(frequencies - frequency))] == pytest.approx(expected, abs=1)


def test_a_room_adds_an_echo_of_the_level_and_length_asked_for() -> None:
    click = np.zeros(SAMPLE_RATE)
    click[0] = 1.0
    heard = channel.in_room(click, 0.3, -10, SAMPLE_RATE, np.random.default_rng(0))
    assert heard[0] == pytest.approx(1)
    assert 10 * np.log10(np.sum(heard[1:] ** 2)) == pytest.approx(-10, abs=0.01)
    assert np.abs(heard[round(0.31 * SAMPLE_RATE) :]).max() < 1e-9


def test_noise_lies_as_far_below_the_speech_as_asked() -> None:
    speech = noise()
    added = channel.with_noise(speech, 12, -6, SAMPLE_RATE, np.random.default_rng(1)) - speech
    assert 20 * np.log10(channel.rms(speech) / channel.rms(added)) == pytest.approx(12)
    frequencies, power = signal.welch(added, SAMPLE_RATE, nperseg=1024)
    low, high = (10 * np.log10(power[np.argmin(np.abs(frequencies - f))]) for f in (500, 4000))
    assert low - high == pytest.approx(18, abs=3)


def test_a_level_is_kept_unless_the_peak_would_clip() -> None:
    wave = noise()
    assert 20 * np.log10(channel.rms(channel.at_level(wave, -30))) == pytest.approx(-30)
    assert np.abs(channel.at_level(wave, -3)).max() == pytest.approx(channel.PEAK)
