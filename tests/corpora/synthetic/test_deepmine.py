"""The speech of a synthetic release. What is spoken needs espeak-ng, the extra 'synth'."""

from pathlib import Path

import pytest
import soundfile

from svtok.audio.espeak import Voice, speak
from svtok.corpora.deepmine import prepare
from svtok.corpora.synthetic import deepmine
from svtok.corpora.synthetic.deepmine import PERSIAN, synthesize
from svtok.corpora.synthetic.deepmine_lists import Settings
from svtok.errors import SvtokError

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
TINY = Settings(speakers=4, eval_speakers=4, phrases=2, sessions=4)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus") / "c"
    assert synthesize(root, TINY, audio=True, jobs=1) == 64
    return root


def test_the_corpus_is_whole_and_says_that_it_is_synthetic(corpus: Path) -> None:
    sets = prepare(corpus)
    assert sets["eval"].utterances["sample_rate"].unique().tolist() == [16000]
    assert sets["eval"].utterances["num_samples"].between(16000 // 2, 16000 * 8).all()
    assert "SYNTHETIC SPEECH" in (corpus / "README.txt").read_text()
    assert "--eval-speakers 4" in (corpus / "README.txt").read_text()


def test_an_interrupted_run_is_gone_on_with_to_the_same_speech(corpus: Path) -> None:
    gone = corpus / "wav" / "train" / "trn_000007.wav"
    kept = corpus / "wav" / "train" / "trn_000008.wav"
    before, time = gone.read_bytes(), kept.stat().st_mtime_ns
    gone.unlink()
    synthesize(corpus, TINY, audio=True, jobs=1)
    assert gone.read_bytes() == before
    assert kept.stat().st_mtime_ns == time


def test_other_settings_are_refused(corpus: Path) -> None:
    with pytest.raises(SvtokError, match="seed 1 there, 2 now"):
        synthesize(corpus, Settings(speakers=4, eval_speakers=4, phrases=2, sessions=4, seed=2), audio=True, jobs=1)


def test_persian_phrases_have_a_persian_voice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = set()

    def listen(seed: int, speaker: object, session: object, number: int, sentence: str, text: str) -> object:
        said.add((speaker.voice.partition("+")[0] == "fa", sentence, text))  # type: ignore[attr-defined]
        return soundfile.read(corpus_file, dtype="int16")[0]

    corpus_file = tmp_path / "one.wav"
    soundfile.write(corpus_file, [0.0] * 100, 16000)
    monkeypatch.setattr(deepmine, "say", listen)
    settings = Settings(speakers=4, dev_speakers=4, eval_speakers=4, phrases=2, sessions=4, tdsv2024=1)
    synthesize(tmp_path / "c", settings, audio=True, jobs=1)
    assert {(True, "01", PERSIAN["01"]), (False, "06", "My voice is my password")} <= said
    assert len({text for _, sentence, text in said if sentence == "FT"}) > 3


@pytest.mark.parametrize("phrase", PERSIAN)
def test_the_persian_voice_reads_the_script_and_spells_nothing(phrase: str) -> None:
    wave, rate = speak(PERSIAN[phrase], Voice("fa+m3"))
    assert 0.04 < len(wave) / rate / len(PERSIAN[phrase]) < 0.15  # seconds a letter; an English voice takes 0.46
