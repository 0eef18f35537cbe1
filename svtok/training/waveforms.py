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
from svtok.audio.decode import packed_piece
from svtok.audio.packed import Piece, as_float, is_packed, map_samples
from svtok.errors import AudioError, Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.features.extract import Utterance, compute_features, utterances_of
from svtok.features.pack import decode_all
from svtok.features.store import Source
from svtok.fresh import fingerprint, state
from svtok.manifest.sets import PreparedSet, audio_paths
from svtok.progress import progress
from svtok.ranks import ALONE, Ranks
from svtok.trained.classes import at_speed
from svtok.trained.config import WaveformConfig

WAVEFORMS = "waveforms.int16"
"""The file, in the folder of a run while it trains, of all decoded recordings and noises."""

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aiff", ".aif")


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
    taken = sorted(speakers & {at_speed(spk, speed) for spk in speakers for speed in config.speeds})
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
    """The recordings of a training set and the noises, read from files of 16-bit samples as they are used.

    The utterances are numbered as the rows of `svtok.trained.classes.with_speeds`: those of the set, then all of them
    again at each speed.

    Args:
        pieces: where the samples of each recording are, then those of each noise.
        utts: the utterance of each recording.
        speakers: a number for the speaker of each, (N,).
        config: the augmentation.
        features: what is computed of the recordings.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        utts: Sequence[str],
        speakers: np.ndarray,
        config: WaveformConfig,
        features: FeaturesConfig,
    ) -> None:
        self.pieces, self.utts, self.speakers, self.config, self.features = pieces, utts, speakers, config, features

    @cached_property
    def _samples(self) -> dict[Path, np.ndarray]:
        paths = {piece.path for piece in self.pieces}
        return {path: map_samples(path) for path in paths}

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file again: a memory map would be copied whole."""
        return {name: value for name, value in vars(self).items() if name != "_samples"}

    def wave(self, number: int) -> np.ndarray:
        """The samples (N,) of a recording or, numbered on from the last of them, of a noise."""
        return as_float(self._int16(number))

    def _int16(self, number: int) -> np.ndarray:
        piece = self.pieces[number]
        return self._samples[piece.path][piece.first : piece.last]

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
        noises = len(self.pieces) - len(self.speakers)
        if noises and rng.random() < config.noise_probability:
            noise = self._int16(len(self.speakers) + int(rng.integers(noises)))  # an hour, perhaps: only a run as float
            wave = mix(wave, as_float(run_of(noise, len(wave), rng)), rng.uniform(*config.noise_snr))
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
    prepared: PreparedSet,
    features: FeaturesConfig,
    config: WaveformConfig,
    folder: Path,
    *,
    jobs: int,
    ranks: Ranks = ALONE,
) -> Iterator[Waveforms]:
    """Decode the recordings of a set and the noises into a file in `folder`, which is removed at the end of the block.

    Recordings that are packed at the rate of the features are read from where they are. A sample is 16 bits: an hour at
    16 kHz takes 115 MB. A folder that was not there, and where nothing else was written, is removed as well.

    Args:
        prepared: the set.
        features: say how its recordings are read.
        config: names the noises.
        folder: that of the run.
        jobs: how many processes decode.
        ranks: those that train; the first decodes, and all read the file.

    Yields:
        The recordings and noises, to be read within the block.

    Raises:
        ProblemsError: with every recording and every noise that cannot be read.
    """
    new, path = not folder.exists(), folder / WAVEFORMS
    speakers = np.unique(prepared.utterances["spk"], return_inverse=True)[1]
    try:
        pieces = ranks.first(partial(_pieces, prepared, noises_of(config), features, path, jobs))
        utts = prepared.utterances["utt"].tolist()
        yield Waveforms(pieces, utts, speakers, config, features)
    finally:
        if ranks.is_first:
            path.unlink(missing_ok=True)
        if ranks.is_first and new and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _pieces(
    prepared: PreparedSet, noises: Sequence[Path], features: FeaturesConfig, path: Path, jobs: int
) -> list[Piece]:
    """Where each recording and each noise is; what is not packed is decoded into the file `path`."""
    recordings, rate = utterances_of(prepared), features.sample_rate
    noise = [Utterance(name.name, name, None, None, "mean") for name in noises]
    packed = [_packed(recording, rate) for recording in recordings]
    todo = [recording for recording, piece in zip(recordings, packed, strict=True) if piece is None]
    decoding = chain(
        decode_all(todo, rate, resample=features.resample, jobs=jobs),
        decode_all(noise, rate, resample=True, jobs=jobs),
    )
    found: list[Piece] = []
    problems: list[Problem] = [piece for piece in packed if isinstance(piece, Problem)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as stream:
        for decoded in progress(decoding, total=len(todo) + len(noise), what="decoding recordings"):
            if isinstance(decoded, Problem):
                problems.append(decoded)
            else:
                first = found[-1].last if found else 0
                found.append(Piece(path, first, first + len(decoded.samples)))
                stream.write(decoded.samples.data)
    raise_problems(problems)
    rest = iter(found)
    return [piece if isinstance(piece, Piece) else next(rest) for piece in packed] + list(rest)


def _packed(recording: Utterance, sample_rate: int) -> Piece | Problem | None:
    """Where a recording is in a packed file at this rate; None where it is in none."""
    if not is_packed(recording.path):
        return None
    try:
        return packed_piece(recording.path, sample_rate, recording.start, recording.end)
    except AudioError as error:
        return recording.problem(error)
