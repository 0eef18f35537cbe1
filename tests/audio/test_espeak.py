import sys

import numpy as np
import pytest

from svtok.audio.espeak import Voice, phones_of, require_espeak, speak
from svtok.errors import SvtokError


def test_a_phrase_is_speech_of_about_a_second_without_clipping() -> None:
    samples, rate = speak("turn on the light", Voice("en+m3"))
    assert rate == 22050
    assert samples.dtype == np.float32
    assert 0.5 < len(samples) / rate < 1.5
    assert 0.05 < np.abs(samples).max() < 0.99


def test_the_samples_do_not_depend_on_what_was_spoken_before() -> None:
    first, _ = speak("open the door", Voice("en+f1"))
    speak("close the garage", Voice("en-us+m2"))
    again, _ = speak("open the door", Voice("en+f1"))
    np.testing.assert_array_equal(first, again)


def test_each_setting_of_the_voice_is_heard() -> None:
    plain = Voice("en+m3")
    length = len(speak("open the door", plain)[0])
    assert len(speak("open the door", Voice("en+m3", rate=120))[0]) > 1.2 * length
    for other in (Voice("en+f2"), Voice("en-us+m3"), Voice("en+m3", pitch=80), Voice("en+m3", pitch_range=90)):
        samples, _ = speak("open the door", other)
        assert not np.array_equal(samples, speak("open the door", plain)[0])


@pytest.mark.parametrize("name", ["en+nobody", "klingonese+m1"])
def test_a_voice_that_does_not_exist_is_an_error(name: str) -> None:
    with pytest.raises(SvtokError, match="no voice"):
        speak("open the door", Voice(name))


def test_a_missing_espeak_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SvtokError, match=r"pip install 'svtok\[synth\]'"):
        require_espeak()


def test_the_data_may_lie_deep_in_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = speak("open the door", Voice("en+f1"))
    monkeypatch.setattr("svtok.audio.espeak.LONGEST_DATA_PATH", 0)
    np.testing.assert_array_equal(speak("open the door", Voice("en+f1"))[0], expected)


def test_phones_are_ipa_without_stress_and_word_boundaries() -> None:
    light, two_clauses = phones_of(["turn on the light", "yes, no!"], "en")
    assert light == ("t", "ɜː", "n", "ɒ", "n", "ð", "ə", "l", "aɪ", "t")
    assert two_clauses == ("j", "ɛ", "s", "n", "əʊ")
    assert phones_of(["نَعَم"], "ar") == [("n", "a", "ʕ", "a", "m")]


def test_text_that_the_rules_of_a_language_do_not_know_has_no_phones() -> None:
    assert phones_of(["forward", "...", "لا"], "ar") == [(), (), ("l", "aː")]


def test_a_language_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(SvtokError, match="no language 'xx'"):
        phones_of(["hello"], "xx")
