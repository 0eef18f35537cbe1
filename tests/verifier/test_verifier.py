"""A program enrolls voices, verifies and identifies: what is accepted, what is refused, and with which reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from svtok.embeddings.states import FrameStates, extract_frame_states
from svtok.embeddings.store import read_embeddings
from svtok.embeddings.takes import unit_rows
from svtok.embeddings.voices import Voices
from svtok.errors import ProblemsError, SvtokError
from svtok.features.extract import all_features
from svtok.manifest.sets import read_set
from svtok.metrics import Cost
from svtok.nets.network import FEATURES
from svtok.scoring.fitted import Warping
from svtok.scoring.store import load_scorer, write_scorer
from svtok.scoring.warping import KeptCohort, score_by_warping
from svtok.verifier import Verifier

Spoken = Callable[[str, str, int], tuple[NDArray[np.float32], int]]
RATE = 8000


@pytest.fixture(scope="module")
def verifier(work: Path, said: Spoken, tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    """Anna has two phrases, Cleo one."""
    made = Verifier.load(work / "exp/net", store=tmp_path_factory.mktemp("store") / "voices.db")
    for speaker, phrase in (("anna", "open"), ("anna", "close"), ("cleo", "open")):
        assert made.enroll(speaker, phrase, [said(speaker, phrase, take) for take in range(3)]).takes == 3
    return made


@pytest.fixture
def empty(verifier: Verifier, tmp_path: Path) -> Verifier:
    """The same with a store of its own."""
    return Verifier(verifier.trained, verifier.folder, verifier.scorer, tmp_path / "voices.db")


def test_the_speaker_with_the_phrase_is_accepted(verifier: Verifier, said: Spoken) -> None:
    match = verifier.verify("anna", said("anna", "open", 5), "open", false_accept_rate=0.05)
    assert match.accepted
    assert set(match.judgements) == {"speaker", "phrase", "together"}
    assert {judgement.threshold.reason for judgement in match.judgements.values()} == {"false-accept rate 5 %"}


def test_the_phrase_is_normalised_by_the_recordings_of_the_scorer(
    verifier: Verifier, work: Path, said: Spoken, tmp_path: Path
) -> None:
    states, plain = FrameStates(work / "exp/net/states/dev"), verifier.scorer
    assert plain.warping is not None
    kept = KeptCohort(tuple(unit_rows(states[utt]) for utt in states.utts[::5]))
    scorer = dataclasses.replace(plain, warping=dataclasses.replace(plain.warping, cohort=kept))
    made = Verifier(verifier.trained, verifier.folder, scorer, tmp_path / "voices.db")
    made.enroll("anna", "open", [said("anna", "open", take) for take in range(3)])
    for take in made.voices.export():
        rows = np.array(take["states"], dtype=np.float32)
        np.testing.assert_allclose(np.array(take["costs"], dtype=np.float32), kept.costs(rows), atol=1e-6)
    right, wrong = (
        made.verify("anna", said("anna", phrase, 5), "open", false_accept_rate=0.05).judgements["phrase"].llr
        for phrase in ("open", "close")
    )
    plainly = verifier.verify("anna", said("anna", "open", 5), "open", false_accept_rate=0.05)
    assert right > wrong
    assert abs(right - plainly.judgements["phrase"].llr) > 1  # the scorer was fitted on scores that were not normalised
    unnormalised = Verifier(verifier.trained, verifier.folder, plain, tmp_path / "voices.db")
    with pytest.raises(SvtokError, match="costs against another cohort"):
        unnormalised.verify("anna", said("anna", "open", 5), false_accept_rate=0.05)


def test_phrases_may_be_warped_by_the_features_that_the_network_reads(
    verifier: Verifier, work: Path, said: Spoken, tmp_path: Path
) -> None:
    dev = work / "data/my/dev"
    extract_frame_states(work / "exp/net", dev, None, tmp_path / "states", torch.device("cpu"), layer=FEATURES)
    states, features = FrameStates(tmp_path / "states"), verifier.trained.features
    assert (states.about.layer, states[states.utts[0]].shape[1]) == (FEATURES, features.dim)
    scorer = dataclasses.replace(verifier.scorer, warping=Warping(FEATURES, "mean"))
    made = Verifier(verifier.trained, verifier.folder, scorer, tmp_path / "voices.db")
    made.enroll("anna", "open", [said("anna", "open", 0)])
    wave, rate = said("anna", "open", 0)
    (take,) = made.voices.export()
    wanted = unit_rows(all_features(wave, rate, features, None))
    np.testing.assert_allclose(np.array(take["states"], dtype=np.float32), wanted, atol=1e-3)


def test_another_speaker_and_another_phrase_are_rejected_each_by_its_own_aspect(
    verifier: Verifier, said: Spoken
) -> None:
    impostor = verifier.verify("anna", said("cleo", "open", 5), "open", false_accept_rate=0.05)
    assert not impostor.accepted
    assert not impostor.judgements["speaker"].accepted
    wrong = verifier.verify("anna", said("anna", "close", 5), "open", false_accept_rate=0.05)
    assert not wrong.accepted
    assert wrong.judgements["speaker"].accepted
    assert not wrong.judgements["phrase"].accepted


def test_where_no_phrase_is_named_it_is_the_most_alike_of_the_speaker(verifier: Verifier, said: Spoken) -> None:
    for phrase in ("open", "close"):
        assert verifier.verify("anna", said("anna", phrase, 6), false_accept_rate=0.05).phrase == phrase


def test_a_cost_asks_for_the_threshold_of_bayes(verifier: Verifier, said: Spoken) -> None:
    match = verifier.verify("anna", said("anna", "open", 5), cost=Cost(c_miss=1, c_fa=10, p_target=0.5))
    thresholds = [judgement.threshold.value for judgement in match.judgements.values()]
    assert thresholds == pytest.approx([np.log(10)] * 3)


def test_the_rate_is_one_percent_and_one_that_the_scorer_cannot_show_is_refused(
    verifier: Verifier, said: Spoken
) -> None:
    with pytest.raises(SvtokError, match=r"a false-accept rate of 1 % cannot be seen in 96 non-target trials"):
        verifier.verify("anna", said("anna", "open", 5))


def test_all_voices_are_ranked(verifier: Verifier, said: Spoken) -> None:
    matches = verifier.identify(said("cleo", "open", 5), false_accept_rate=0.05)
    assert [match.llr for match in matches] == sorted((match.llr for match in matches), reverse=True)
    assert {(match.speaker, match.phrase) for match in matches} == {
        ("anna", "open"),
        ("anna", "close"),
        ("cleo", "open"),
    }
    assert (matches[0].speaker, matches[0].accepted) == ("cleo", True)
    assert [
        match.speaker for match in verifier.identify(said("anna", "close", 5), "close", false_accept_rate=0.05)
    ] == ["anna"]


def test_an_embedding_is_that_of_the_prepared_set_by_path_and_by_samples(verifier: Verifier, work: Path) -> None:
    stored = read_embeddings(work / "exp/net/embeddings/dev")
    path = work / "data/my/audio" / f"{stored.utts[0]}.wav"
    np.testing.assert_allclose(verifier.embed(path), stored.vectors[0], atol=1e-5)
    np.testing.assert_array_equal(verifier.embed(str(path)), verifier.embed(soundfile.read(path, dtype="float32")))


def test_ratios_are_those_of_the_trials_of_a_prepared_set(empty: Verifier, work: Path) -> None:
    audio, (speaker, phrase) = work / "data/my/audio", ("s3", "open")
    takes = [audio / f"{speaker}-{phrase}-{take}.wav" for take in range(3)]
    empty.enroll(speaker, phrase, takes[:2])  # which enroll the model in the prepared set, too
    found = empty.verify(speaker, takes[2], false_accept_rate=0.05)
    scorer, embeddings = empty.scorer, read_embeddings(work / "exp/net/embeddings/dev")
    rows = [embeddings.utts.index(path.stem) for path in takes]
    vectors = embeddings.vectors[rows]
    ratio = scorer.score([vectors[:2]], vectors[2], of="speaker")[0, 0]
    assert found.judgements["speaker"].llr == pytest.approx(ratio, abs=1e-3)
    prepared = read_set(work / "data/my/dev")
    scores = score_by_warping(prepared, FrameStates(work / "exp/net/states/dev"))
    trials = prepared.protocol()[1]
    this = (trials["model"].astype(str) == f"{speaker}-{phrase}") & (trials["utt"].astype(str) == takes[2].stem)
    of_phrase = scorer.llr(None, scores[this.to_numpy()], of="phrase")[0]
    assert found.judgements["phrase"].llr == pytest.approx(of_phrase, abs=0.05)  # states are kept in 16 bits


def test_poor_recordings_are_refused_all_at_once_and_nothing_is_added(
    empty: Verifier, said: Spoken, recordings: Callable[[str, str, range], list[Path]], tmp_path: Path
) -> None:
    wave, _ = said("anna", "open", 7)
    poor = {
        "silent": np.zeros(5 * RATE),
        "noise": 0.05 * np.random.default_rng(0).standard_normal(RATE),
        "clipped": np.clip(8 * wave, -1, 1),
        "short": np.concatenate([np.zeros(RATE), wave[1500:2100]]),
    }
    for name, samples in poor.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    soundfile.write(tmp_path / "fast.wav", wave, 16000)
    (tmp_path / "video.wav").write_bytes(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(500))
    names = [*poor, "fast", "video", "missing"]
    with pytest.raises(ProblemsError) as caught:
        empty.enroll("anna", "open", [*recordings("anna", "open", range(2)), *(tmp_path / f"{n}.wav" for n in names)])
    said_of = {problem.path: problem.what for problem in caught.value.problems}
    expected = {
        "silent": "is silent: its loudest parts are at -",
        "noise": "is mostly noise: its loudest parts are ",
        "clipped": "is clipped: ",
        "short": "is too short: it has 0.0",
        "fast": "sampling rate is 16000 Hz, not 8000",
        "video": "is not audio that can be decoded",
        "missing": "there is no such file",
    }
    assert len(said_of) == len(expected)
    for name, start in expected.items():
        assert said_of[tmp_path / f"{name}.wav"].startswith(start)
    assert not empty.voices.path.exists()
    with pytest.raises(SvtokError, match="the recording is silent"):
        empty.enroll("anna", "open", [(np.zeros(5 * RATE), RATE)])


def test_a_take_of_another_is_unlike_the_others_and_said_to_be(empty: Verifier, said: Spoken) -> None:
    takes = [said("anna", "open", take) for take in range(3)]
    with pytest.raises(
        ProblemsError, match=r"recording 4: is not like the other takes of 'anna' saying 'open': .* of the"
    ):
        empty.enroll("anna", "open", [*takes, said("cleo", "open", 0)])
    empty.enroll("anna", "open", takes)
    with pytest.raises(ProblemsError, match=r"recording 1: is not like .*mean cosine .*, mean warping cost 0\."):
        empty.enroll("anna", "open", [said("anna", "close", 0)])
    assert empty.voices.list()[0].takes == 3


def test_a_recording_enrolls_once(empty: Verifier, said: Spoken) -> None:
    takes = [said("anna", "open", take) for take in range(2)]
    with pytest.raises(ProblemsError, match="recording 3: is the same recording as another take") as caught:
        empty.enroll("anna", "open", [*takes, takes[0]])
    assert len(caught.value.problems) == 1
    empty.enroll("anna", "open", takes)
    with pytest.raises(ProblemsError, match="recording 1: is the same recording as another take"):
        empty.enroll("anna", "open", takes[1:])


def test_who_or_what_is_not_enrolled_is_named(verifier: Verifier, said: Spoken) -> None:
    heard = said("anna", "open", 5)
    with pytest.raises(SvtokError, match=r"unknown speaker 'ana' \(known: anna, cleo\)"):
        verifier.verify("ana", heard, false_accept_rate=0.05)
    with pytest.raises(SvtokError, match=r"'cleo' never enrolled this phrase: unknown phrase 'close'"):
        verifier.verify("cleo", heard, "close", false_accept_rate=0.05)


def test_a_poor_recording_is_not_decided(verifier: Verifier, tmp_path: Path) -> None:
    path = tmp_path / "poor one.wav"
    soundfile.write(path, np.zeros(5 * RATE), RATE)
    with pytest.raises(SvtokError, match=r"poor one\.wav: is silent"):
        verifier.verify("anna", path, false_accept_rate=0.05)


def test_a_network_without_a_scorer_embeds_and_names_the_command_that_makes_one(
    work: Path, said: Spoken, tmp_path: Path
) -> None:
    other = Verifier.load(work / "exp/other", store=tmp_path / "voices.db")
    assert other.embed(said("anna", "open", 0)).shape == (16,)
    with pytest.raises(SvtokError, match=r"exp/other: has no scorer.*svtok fit-scorer --embeddings .*--out .*scorer"):
        other.enroll("anna", "open", [said("anna", "open", 0)])
    assert not (tmp_path / "voices.db").exists()


def test_a_scorer_of_another_network_and_one_of_scores_from_a_file_are_refused(work: Path, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"the scorer was fitted on those of"):
        Verifier.load(work / "exp/other", scorer=work / "exp/net/scorer")
    write_scorer(tmp_path / "scorer", dataclasses.replace(load_scorer(work / "exp/net/scorer"), warping=None))
    with pytest.raises(SvtokError, match=r"decides phrases by scores of a file .*svtok fit-scorer --frames"):
        Verifier.load(work / "exp/net", scorer=tmp_path / "scorer")


def test_a_store_of_another_network_is_refused_before_anything_is_heard(
    verifier: Verifier, work: Path, said: Spoken, tmp_path: Path
) -> None:
    other = Verifier.load(work / "exp/other")
    scorer = dataclasses.replace(verifier.scorer, network=other.trained.hash)
    other = Verifier(other.trained, work / "exp/other", scorer, verifier.voices.path)
    with pytest.raises(SvtokError, match=r"holds voices of another network .*\(--network\), or enroll them again"):
        other.enroll("eve", "open", [said("eve", "open", 0)])
    with pytest.raises(SvtokError, match="holds voices of another network"):
        other.verify("anna", said("anna", "open", 5), false_accept_rate=0.05)


def test_threads_may_share_a_verifier(verifier: Verifier, said: Spoken) -> None:
    heard = [said("anna", "open", take) for take in range(5, 9)]

    def ratio(one: Any) -> float:
        return verifier.verify("anna", one, false_accept_rate=0.05).llr

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ratio, heard * 3)) == pytest.approx(list(map(ratio, heard)) * 3, abs=1e-4)


def test_the_store_holds_no_audio(empty: Verifier, said: Spoken) -> None:
    takes = [said("anna", "open", take) for take in range(3)]
    empty.enroll("anna", "open", takes)
    content = empty.voices.path.read_bytes()
    for wave, _ in takes:
        assert wave[4000:4016].tobytes() not in content
        assert (wave[4000:4016] * 32768).astype("<i2").tobytes() not in content
    assert len(Voices(empty.voices.path).list()) == 1
