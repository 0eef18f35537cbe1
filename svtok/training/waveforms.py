"""Training on recordings: decoded once, then augmented in each epoch before their features are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from svtok.audio.augment import (
    add_babble,
    change_gain,
    change_speed,
    clip,
    limit_band,
    mix,
    reverberate,
    room_response,
    run_of,
    through_codec,
)
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.features.extract import Utterance, compute_features, utterances_of
from svtok.features.store import Source
from svtok.fresh import fingerprint, state
from svtok.manifest.sets import PreparedSet, audio_paths
from svtok.parallel import map_in_processes
from svtok.progress import progress
from svtok.trained.config import WaveformConfig

WAVEFORMS = "waveforms.int16"
"""The file, in the folder of a run while it trains, of all decoded recordings and noises."""

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aiff", ".aif")
FULL_SCALE = 32768


def waveform_problems(source: Source, config: WaveformConfig) -> list[Problem]:
    """What keeps a training set from being augmented so: its features and speakers, files that are not there."""
    prepared, speakers, problems = source.prepared, set(source.prepared.utterances["spk"]), []
    if source.store.config.phonetic:
        problems.append(
            Problem(
                "training.waveform computes acoustic features anew, and these have phonetic columns: extract them "
                "without --phonetic, or set training.waveform to null",
                source.store.folder,
            )
        )
    if config.babble_probability and len(speakers) < 2:
        problems.append(
            Problem(
                "babble is of other speakers, and the training set has 1: set training.waveform.babble_probability=0"
            )
        )
    taken = sorted(speakers & {f"{spk}#{speed:g}" for spk in speakers for speed in config.speeds})
    problems += [Problem(f"speaker '{spk}' has the name of another at a speed: rename the one") for spk in taken]
    absent = [path for path in dict.fromkeys(audio_paths(prepared)) if not path.is_file()]
    problems += [Problem("there is no such file; training.waveform reads the recordings", path) for path in absent]
    return problems + _find_noises(config)[1]


def noises_of(config: WaveformConfig) -> list[Path]:
    """The noise files that a configuration names, those of a folder in the order of their names.

    Raises ProblemsError for every name that is no file, nor a folder with audio files in it or below.
    """
    found, problems = _find_noises(config)
    raise_problems(problems)
    return [path for paths in found for path in paths]


def identity_of_noises(config: WaveformConfig) -> str | None:
    """Changes with the number, order, names and sizes of the noise files, not with the folder where they lie."""
    paths = noises_of(config)
    return fingerprint([(path.name, state(path)[0]) for path in paths]) if paths else None


def _find_noises(config: WaveformConfig) -> tuple[list[list[Path]], list[Problem]]:
    found, problems = [], []
    for name in map(Path, config.noise):
        files = [name] if name.is_file() else sorted(p for p in name.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        found.append(files)
        if not files:
            what = f"holds no audio files ({', '.join(AUDIO_SUFFIXES)})" if name.is_dir() else "there is no such file"
            problems.append(Problem(f"{what}; correct training.waveform.noise", name))
    return found, problems


class Waveforms:
    """The recordings of a training set and the noises, read from one file as they are used.

    The utterances are numbered as the rows of `svtok.trained.classes.with_speeds`: those of the set, then all of them
    again at each speed.

    Args:
        path: of the file, which `decoded` wrote.
        lengths: samples of each recording, then of each noise.
        utts: the utterance of each recording.
        speakers: a number for the speaker of each, (N,).
        config: the augmentation.
        features: what is computed of the recordings.
    """

    def __init__(
        self,
        path: Path,
        lengths: Sequence[int],
        utts: Sequence[str],
        speakers: np.ndarray,
        config: WaveformConfig,
        features: FeaturesConfig,
    ) -> None:
        self.path, self.utts, self.speakers, self.config, self.features = path, utts, speakers, config, features
        self.ends = np.cumsum(lengths)

    @cached_property
    def _samples(self) -> np.ndarray:
        return np.memmap(self.path, dtype=np.int16, mode="r")

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file again: a memory map would be copied whole."""
        return {name: value for name, value in vars(self).items() if name != "_samples"}

    def wave(self, number: int) -> np.ndarray:
        """The samples (N,) of a recording or, numbered on from the last of them, of a noise."""
        return _float(self._int16(number))

    def _int16(self, number: int) -> np.ndarray:
        return self._samples[int(self.ends[number - 1]) if number else 0 : int(self.ends[number])]

    def speed(self, number: int) -> float:
        """At which an utterance is played."""
        return (1.0, *self.config.speeds)[number // len(self.speakers)]

    def frames(self, number: int, stored: int) -> int:
        """About how many frames an utterance has whose recording has so many at its own speed."""
        return max(1, round(stored / self.speed(number)))

    def utterance(
        self, number: int, stored: np.ndarray, rng: np.random.Generator, *, with_clean: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """The features of an utterance, clean and augmented.

        Args:
            number: of the utterance.
            stored: the features of its recording at its own speed, (T', F).
            rng: draws the augmentation.
            with_clean: whether the clean ones are asked for; otherwise they are the augmented ones again.

        Returns:
            twice (T, F); one array where nothing was drawn.

        Raises:
            SvtokError: at its speed it is too short for features, or has no voiced frame.
        """
        recording, speed = number % len(self.speakers), self.speed(number)
        wave = change_speed(self.wave(recording), speed) if speed != 1 else self.wave(recording)
        changed = self.augmented(wave, recording, rng)
        heard = None if changed is wave else self._features(changed, wave, recording)
        if heard is not None and not with_clean:
            return heard, heard
        clean = self._features(wave, None, recording) if speed != 1 else stored
        return clean, clean if heard is None else heard

    def _features(self, wave: np.ndarray, voiced_in: np.ndarray | None, recording: int) -> np.ndarray:
        try:
            return compute_features(wave, self.features.sample_rate, self.features, voiced_in=voiced_in)
        except SvtokError as error:
            raise SvtokError(
                f"utterance '{self.utts[recording]}', augmented: {error}; leave it out, or change training.waveform"
            ) from None

    def augmented(self, wave: np.ndarray, recording: int, rng: np.random.Generator) -> np.ndarray:
        """The wave (N,) of a recording in a room, among noise and voices, then sent over a line; itself, where nothing
        is drawn."""
        config, rate = self.config, self.features.sample_rate
        before = wave
        if rng.random() < config.room_probability:
            seconds, ratio = rng.uniform(*config.reverberation_time), rng.uniform(*config.direct_to_reverberant)
            wave = reverberate(wave, room_response(rate, seconds, ratio, rng))
        noises = len(self.ends) - len(self.speakers)
        if noises and rng.random() < config.noise_probability:
            noise = self._int16(len(self.speakers) + int(rng.integers(noises)))  # an hour, perhaps: only a run as float
            wave = mix(wave, _float(run_of(noise, len(wave), rng)), rng.uniform(*config.noise_snr))
        if rng.random() < config.babble_probability:
            others = np.flatnonzero(self.speakers != self.speakers[recording])
            least, largest = config.babble_voices
            chosen = rng.choice(others, int(rng.integers(least, largest + 1)))
            wave = add_babble(wave, [self.wave(int(other)) for other in chosen], rng.uniform(*config.babble_snr), rng)
        if rng.random() < config.band_probability:
            wave = limit_band(wave, rate, *config.band)
        if rng.random() < config.codec_probability:
            wave = through_codec(wave, rate, config.codecs[int(rng.integers(len(config.codecs)))])
        if rng.random() < config.gain_probability:
            wave = change_gain(wave, rng.uniform(*config.gain))
        return wave if wave is before else clip(wave)


@contextmanager
def decoded(
    prepared: PreparedSet, features: FeaturesConfig, config: WaveformConfig, folder: Path, *, jobs: int
) -> Iterator[Waveforms]:
    """Decode the recordings of a set and the noises into a file in `folder`, which is removed at the end of the block.

    A sample is 16 bits: an hour at 16 kHz takes 115 MB. A folder that was not there, and where nothing else was
    written, is removed as well.

    Args:
        prepared: the set.
        features: say how its recordings are read.
        config: names the noises.
        folder: that of the run.
        jobs: how many processes decode.

    Yields:
        The recordings and noises, to be read within the block.

    Raises:
        ProblemsError: with every recording and every noise that cannot be read.
    """
    new, path = not folder.exists(), folder / WAVEFORMS
    folder.mkdir(parents=True, exist_ok=True)
    speakers = np.unique(prepared.utterances["spk"], return_inverse=True)[1]
    try:
        lengths = _decode(prepared, noises_of(config), features, path, jobs)
        utts = prepared.utterances["utt"].tolist()
        yield Waveforms(path, lengths, utts, speakers, config, features)
    finally:
        path.unlink(missing_ok=True)
        if new and not any(folder.iterdir()):
            folder.rmdir()


def _decode(
    prepared: PreparedSet, noises: Sequence[Path], features: FeaturesConfig, path: Path, jobs: int
) -> list[int]:
    """Write all samples into one file; how many each recording and each noise has."""
    recordings = utterances_of(prepared)
    noise = [Utterance(name.name, name, None, None, "mean") for name in noises]
    any_rate = features.model_copy(update={"resample": True})
    waves = chain(
        map_in_processes(partial(_int16, config=features), recordings, jobs=jobs),
        map_in_processes(partial(_int16, config=any_rate), noise, jobs=jobs),
    )
    lengths, problems = [], []
    with open(path, "wb") as stream:
        for wave in progress(waves, total=len(recordings) + len(noise), what="decoding recordings"):
            if isinstance(wave, Problem):
                problems.append(wave)
            else:
                lengths.append(len(wave))
                stream.write(wave.data)
    raise_problems(problems)
    return lengths


def _int16(recording: Utterance, config: FeaturesConfig) -> np.ndarray | Problem:
    """The samples (N,) of a recording in 16 bits, or what is wrong with it."""
    try:
        wave, _ = recording.read(config.sample_rate, resample=config.resample)
    except SvtokError as error:
        return recording.problem(error)
    return np.clip(np.rint(wave * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _float(samples: np.ndarray) -> np.ndarray:
    """16-bit samples (N,) as float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)
