"""Training on recordings that are augmented in each epoch: what is read, that it repeats, what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from svtok.audio.augment import change_speed, power
from svtok.errors import ProblemsError
from svtok.features.config import FeaturesConfig, PhoneticColumns, VadConfig
from svtok.features.extract import compute_features, extract_features
from svtok.features.pack import pack
from svtok.features.store import Source, open_source
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet, read_set, write_set
from svtok.nets.network import Network
from svtok.trained.classes import with_speeds
from svtok.trained.config import TrainingConfig, WaveformConfig
from svtok.trained.folder import load_network
from svtok.training.data import TrainingUtterances, View, make_loader
from svtok.training.run import Run, train_network
from svtok.training.waveforms import WAVEFORMS, Waveforms, decoded

pytestmark = pytest.mark.slow

RATE = 8000
NEVER = {f"{kind}_probability": 0.0 for kind in ("noise", "babble", "room", "band", "codec", "gain")}
ALL_VIEWS: tuple[View, ...] = ("augmented", "unerased", "clean")
ALWAYS = dict.fromkeys(NEVER, 1.0)
PITCH = {"ann": 400, "bob": 700, "cat": 1100, "eve": 500, "fay": 900}

Measures = Callable[[Run], Callable[[Network], float]]


def write_spoken_set(root: Path, name: str, speakers: list[str]) -> None:
    """data/tiny/NAME, its features and its audio: a tone for each speaker, which rises in one of two phrases."""
    rng, rows = np.random.default_rng(len(name)), []
    audio = root / "audio"
    audio.mkdir(exist_ok=True)
    for spk in speakers:
        for phrase, rise in (("no", 0.0), ("yes", 800.0)):
            for take in range(3):
                times = np.arange(int(rng.integers(1600, 2400))) / RATE
                wave = 0.2 * np.sin(2 * np.pi * (PITCH[spk] + rise * times) * times)
                path = audio / f"{spk}-{phrase}-{take}.wav"
                soundfile.write(path, wave + 0.002 * rng.standard_normal(len(wave)), RATE, subtype="PCM_16")
                rows.append((path.stem, str(path), spk, phrase, str(take)))
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase", "session"])
    models, trials = None, None
    if name != "train":
        models, trials = make_models_and_trials(utterances, enroll_takes=1, seed=0)[:2]
    data = root / "data" / "tiny" / name
    write_set(PreparedSet(utterances, models, trials), data)
    config = FeaturesConfig(bands=(5,), sample_rate=RATE)
    extract_features(read_set(data), config, root / "feats" / "tiny" / name, jobs=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In the place of the corpus of random features: one with recordings."""
    root = tmp_path_factory.mktemp("spoken")
    write_spoken_set(root, "train", ["ann", "bob", "cat"])
    write_spoken_set(root, "dev", ["eve", "fay"])
    return root


@pytest.fixture
def source(corpus: Path) -> Source:
    return open_source(corpus / "data/tiny/train", None)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A folder of two noises, one of another rate and shorter than any utterance."""
    folder = tmp_path / "noise"
    (folder / "street").mkdir(parents=True)
    rng = np.random.default_rng(0)
    soundfile.write(folder / "hum.wav", 0.1 * rng.standard_normal(4 * RATE), RATE)
    soundfile.write(folder / "street" / "cars.flac", 0.1 * rng.standard_normal((500, 2)), 2 * RATE)
    return folder


def waveform(noise: Path | None = None, **fields: Any) -> WaveformConfig:
    return WaveformConfig.model_validate({**NEVER, "noise": str(noise) if noise else [], **fields})


@pytest.fixture
def of_config(source: Source, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[WaveformConfig], Waveforms]:
    """The waveforms of the training set, until the end of the test."""

    def make(config: WaveformConfig) -> Waveforms:
        manager = decoded(source.prepared, source.store.config, config, tmp_path / "scratch", jobs=1)
        request.addfinalizer(lambda: manager.__exit__(None, None, None))
        return manager.__enter__()

    return make


def everything(noise: Path, **more: Any) -> dict[str, Any]:
    return {"waveform": {**ALWAYS, "noise": str(noise), "speeds": [0.9, 1.1], **more}, "epochs": 3}


def test_recordings_are_decoded_as_they_are_and_the_noises_after_them_at_their_rate(
    source: Source, noise: Path, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    waveforms = of_config(waveform(noise))
    for number, path in enumerate(source.prepared.utterances["path"]):
        np.testing.assert_array_equal(waveforms.wave(number), soundfile.read(path, dtype="float32")[0])
    assert [len(waveforms.wave(len(source.prepared.utterances) + number)) for number in (0, 1)] == [4 * RATE, 250]


def test_packed_recordings_are_read_where_they_are_and_the_noises_after_them(
    source: Source, noise: Path, tmp_path: Path
) -> None:
    pack(source.prepared, tmp_path / "packed", sample_rate=RATE, jobs=1)
    pieces = []
    for prepared in (source.prepared, read_set(tmp_path / "packed")):
        with decoded(prepared, source.store.config, waveform(noise), tmp_path / "a", jobs=1) as waveforms:
            found = pickle.loads(pickle.dumps(waveforms))
            pieces.append([found.wave(number) for number in range(len(found.pieces))])
            size = (tmp_path / "a" / WAVEFORMS).stat().st_size
    assert size == 2 * sum(map(len, pieces[0][-2:]))  # the noises alone were decoded
    for one, other in zip(*pieces, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_decoded_file_goes_at_the_end_and_a_folder_that_holds_more_stays(source: Source, tmp_path: Path) -> None:
    with decoded(source.prepared, source.store.config, waveform(), tmp_path / "a", jobs=1):
        assert (tmp_path / "a" / WAVEFORMS).stat().st_size > 0
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    with decoded(source.prepared, source.store.config, waveform(), tmp_path / "b", jobs=1):
        pass
    assert list((tmp_path / "b").iterdir()) == []


def test_where_nothing_is_drawn_the_features_are_the_stored_ones(
    source: Source, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    stored = source.store["ann-no-0"]
    clean, heard = of_config(waveform()).utterance(0, stored, np.random.default_rng(0))
    assert clean is stored
    assert heard is stored


def test_at_another_speed_an_utterance_has_the_features_of_the_recording_played_so(
    source: Source, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    waveforms, count = of_config(waveform(speeds=[0.9, 1.1])), len(source.prepared.utterances)
    stored = source.store["ann-no-0"]
    for number, speed in ((count, 0.9), (2 * count, 1.1)):
        clean, heard = waveforms.utterance(number, stored, np.random.default_rng(0))
        wave = change_speed(waveforms.wave(0), speed)
        np.testing.assert_array_equal(clean, compute_features(wave, RATE, source.store.config))
        assert heard is clean
        assert len(clean) == pytest.approx(len(stored) / speed, abs=1)
        assert waveforms.frames(number, len(stored)) == pytest.approx(len(clean), abs=1)


def test_what_is_drawn_does_not_depend_on_whether_the_clean_features_are_asked_for(
    source: Source, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    waveforms, stored = of_config(waveform(babble_probability=1.0, speeds=[0.9])), source.store["ann-no-0"]
    clean, heard = waveforms.utterance(18, stored, np.random.default_rng(0))
    again, heard_again = waveforms.utterance(18, stored, np.random.default_rng(0), with_clean=False)
    np.testing.assert_array_equal(heard, heard_again)
    assert again is heard_again
    assert not np.allclose(clean, heard)


def test_noise_from_a_file_is_added_at_the_ratio_drawn(
    noise: Path, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    waveforms = of_config(waveform(noise, noise_probability=1.0, noise_snr=(3.0, 3.0)))
    for seed in range(4):
        wave = waveforms.wave(2)
        added = waveforms.augmented(wave, 2, np.random.default_rng(seed)) - wave
        assert 10 * np.log10(power(wave) / power(added)) == pytest.approx(3, abs=0.01)


def test_babble_is_of_other_speakers(of_config: Callable[[WaveformConfig], Waveforms]) -> None:
    waveforms = of_config(waveform(babble_probability=1.0, babble_snr=(0.0, 0.0)))
    for seed in range(4):
        wave = waveforms.wave(0)  # ann says no, at 400 Hz
        added = waveforms.augmented(wave, 0, np.random.default_rng(seed)) - wave
        spectrum = np.abs(np.fft.rfft(added * np.hanning(len(added))))
        assert spectrum[round(400 * len(added) / RATE)] < 0.02 * spectrum.max()


def test_an_epoch_has_every_utterance_at_every_speed_and_repeats_and_the_next_differs(
    source: Source, noise: Path, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    config = TrainingConfig.model_validate({**everything(noise), "augment": {"erasings": 0}, "batch_size": 4})
    assert config.waveform is not None
    utts = with_speeds(source.prepared.utterances, config.waveform.speeds)["utt"].tolist()
    data = TrainingUtterances(
        source.store, utts, np.arange(len(utts))[:, None], config, 0, ALL_VIEWS, of_config(config.waveform)
    )
    loader, sampler = make_loader(data, torch.device("cpu"))
    first, again = list(loader), list(loader)
    assert sorted(number for batch in first for (number,) in batch.labels.tolist()) == list(range(3 * 18))
    for batch, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(batch.frames, same.frames)
        np.testing.assert_array_equal(batch.frames, batch.views["unerased"][0])
        clean, lengths = batch.views["clean"]
        np.testing.assert_array_equal(batch.lengths, lengths)
        assert not np.allclose(batch.frames, clean)
    sampler.epoch = 1
    assert not any(
        np.array_equal(one["augmented"], other["augmented"])
        for one, other in zip(data_of(data, 0), data_of(data, 1), strict=True)
    )


def data_of(data: TrainingUtterances, epoch: int) -> list[dict[View, np.ndarray]]:
    return [data[number, epoch][0] for number in range(len(data))]


def test_a_crop_takes_the_same_frames_of_the_clean_and_of_the_augmented_features(
    source: Source, of_config: Callable[[WaveformConfig], Waveforms]
) -> None:
    """A gain that cuts nothing off changes no feature whose mean is taken away: both views stay the same."""
    nothing = {"erasings": 0, "time_masks": 0, "dim_masks": 0}
    config = TrainingConfig.model_validate({"crop_frames": 8, "augment": nothing})
    waveforms = of_config(waveform(gain_probability=1.0, gain=(-3.0, -3.0), speeds=[0.9]))
    utts = with_speeds(source.prepared.utterances, [0.9])["utt"].tolist()
    data = TrainingUtterances(source.store, utts, np.zeros((len(utts), 1)), config, 0, ALL_VIEWS, waveforms)
    for number in (0, 5, 20):
        views = data[number, 3][0]
        assert len(views["clean"]) == 8
        np.testing.assert_allclose(views["augmented"], views["clean"], atol=1e-3)


def test_a_noisy_copy_keeps_the_frames_that_are_voiced_in_the_clean_recording() -> None:
    rng = np.random.default_rng(0)
    clean = np.concatenate([np.zeros(4000), 0.3 * rng.standard_normal(4000)]).astype(np.float32)
    noisy = clean + 0.2 * rng.standard_normal(8000).astype(np.float32)
    config = FeaturesConfig(bands=(5,), sample_rate=RATE, vad=VadConfig())
    kept = len(compute_features(clean, RATE, config))
    assert kept < 60
    assert len(compute_features(noisy, RATE, config)) > kept
    assert len(compute_features(noisy, RATE, config, voiced_in=clean)) == kept


def test_speeds_are_speakers_of_their_own_and_phrases_stay_the_same(make_run: Callable[..., Run], noise: Path) -> None:
    for classes, count in (("speaker", 9), ("speaker-phrase", 18), ("phrase", 2)):
        run = make_run(classes, training={**everything(noise), "classes": classes, "epochs": 1}, dev=False)
        assert train_network(run)
        names = load_network(run.out).classes.names
        assert len(names) == count
        assert (("ann#0.9", "" if classes == "speaker" else "no") in names) == (classes != "phrase")
        assert not (run.out / WAVEFORMS).exists()


def test_an_augmented_run_that_was_cut_off_and_run_again_ends_in_the_same_weights(
    make_run: Callable[..., Run],
    noise: Path,
    assert_same_weights: Callable[[Path, Path], None],
    cut_off: Callable[[Run, int], None],
    measure: Measures,
) -> None:
    fields = {"training": everything(noise), "head": "cls-sampled"}
    train_network(whole := make_run("whole", **fields), measure(whole))
    cut_off(make_run("cut", **fields), 2)
    assert not (whole.out.parent / "cut" / WAVEFORMS).exists()
    train_network(cut := make_run("cut", **fields), measure(cut))
    assert_same_weights(whole.out, cut.out)


def test_a_worker_process_changes_nothing_of_the_augmentation(
    make_run: Callable[..., Run], noise: Path, assert_same_weights: Callable[[Path, Path], None]
) -> None:
    train_network(one := make_run("one", training={**everything(noise), "epochs": 2}))
    train_network(two := make_run("two", training={**everything(noise), "epochs": 2, "workers": 1}))
    assert_same_weights(one.out, two.out)


def test_a_student_learns_from_the_clean_recordings_of_a_teacher_with_the_same_speeds(
    make_run: Callable[..., Run], noise: Path
) -> None:
    training = {**everything(noise), "epochs": 1}
    train_network(teacher := make_run("teacher", training=training, dev=False))
    clean = {"teacher_sees": "clean"}
    student = make_run(
        "student", head="cls-dist", training=training, objective=clean, teachers=[teacher.out], dev=False
    )
    assert train_network(student)
    other = {**training, "waveform": {**training["waveform"], "speeds": []}}
    with pytest.raises(ProblemsError, match=r"training\.classes and training\.waveform\.speeds"):
        train_network(make_run("other", head="cls-dist", training=other, teachers=[teacher.out], dev=False))


def test_noises_may_move_but_not_change(make_run: Callable[..., Run], noise: Path, tmp_path: Path) -> None:
    train_network(make_run(training={**everything(noise), "epochs": 1}))
    noise = noise.rename(tmp_path / "moved")
    assert train_network(make_run(training={**everything(noise), "epochs": 1})) is False
    (noise / "hum.wav").unlink()
    with pytest.raises(ProblemsError, match=r"run\.noise: was \w+, now \w+; go on with the old value"):
        train_network(make_run(training={**everything(noise), "epochs": 1}))


def test_what_cannot_be_augmented_is_refused_all_at_once_and_nothing_is_written(
    make_run: Callable[..., Run], source: Source, noise: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    fields = everything(noise)
    fields["waveform"]["noise"] = [str(tmp_path / "empty"), str(tmp_path / "none.wav"), str(noise)]
    run = make_run(training=fields, dev=False)
    utterances = run.train.prepared.utterances
    named = utterances.assign(
        spk=utterances["spk"].replace("cat", "ann#0.9"),
        path=[
            str(tmp_path / "gone.wav") if utt == "bob-no-1" else path
            for utt, path in utterances[["utt", "path"]].values
        ],
    )
    vars(run)["train"] = Source(PreparedSet(named, folder=run.train.prepared.folder), run.train.store)
    with pytest.raises(ProblemsError) as caught:
        train_network(run)
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    for part in (
        "empty: holds no audio files (.wav,",
        "none.wav: there is no such file; correct training.waveform.noise",
        "speaker 'ann#0.9' has the name of another at a speed",
        "gone.wav: there is no such file; training.waveform reads the recordings",
    ):
        assert part in text
    assert not run.out.exists()


def test_damaged_recordings_and_noises_are_refused_all_at_once_and_nothing_is_written(
    make_run: Callable[..., Run], noise: Path, corpus: Path, tmp_path: Path
) -> None:
    (noise / "hum.wav").write_bytes(b"no sound")
    (tmp_path / "cut.wav").write_bytes((corpus / "audio" / "bob-no-1.wav").read_bytes()[:200])
    run = make_run(training=everything(noise), dev=False)
    utterances = run.train.prepared.utterances
    damaged = utterances.assign(
        path=utterances["path"].where(utterances["utt"] != "bob-no-1", str(tmp_path / "cut.wav"))
    )
    vars(run)["train"] = Source(PreparedSet(damaged, folder=run.train.prepared.folder), run.train.store)
    with pytest.raises(ProblemsError) as caught:
        train_network(run)
    assert len(caught.value.problems) == 2
    assert "cut.wav: utterance 'bob-no-1': is truncated" in str(caught.value)
    assert "hum.wav: utterance 'hum.wav': is not audio" in str(caught.value)
    assert not run.out.exists()


def test_phonetic_columns_and_a_single_speaker_are_refused(source: Source) -> None:
    from svtok.training.waveforms import waveform_problems

    utterances = source.prepared.utterances.assign(spk="ann")
    alone = Source(PreparedSet(utterances, folder=source.prepared.folder), source.store)
    alone.store.config = source.store.config.model_copy(update={"phonetic": PhoneticColumns(hash="x", dim=2)})
    first, second = waveform_problems(alone, waveform(babble_probability=0.5))
    assert "these have phonetic columns" in str(first)
    assert "babble is of other speakers, and the training set has 1" in str(second)


def test_without_the_section_a_run_reads_no_recordings(make_run: Callable[..., Run]) -> None:
    train_network(run := make_run(training={"epochs": 1}))
    tree = yaml.safe_load((run.out / "config.yaml").read_text())
    assert tree["training"]["waveform"] is None
    assert "noise" not in tree["run"]
