"""Features of one utterance, and of a whole prepared set into a feature store."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from svtok.audio.decode import read_audio
from svtok.errors import AudioError, Problem, SvtokError, raise_problems
from svtok.features import FORMAT
from svtok.features.config import FeaturesConfig, PhoneticColumns
from svtok.features.store import ABOUT, ARRAY, INDEX, PHONETIC, FeatureStore, write_features
from svtok.files import clear_lock, writing_file, writing_folder
from svtok.fresh import state
from svtok.manifest.sets import PreparedSet, audio_paths, refuse_other_files
from svtok.parallel import map_in_processes
from svtok.progress import progress
from svtok.ranks import ALONE, Ranks

UTTERANCES_A_PART = 128
SECONDS_A_PROCESS = 3600
"""Of audio, for which it is worth while to start another process: that takes as long as their features."""


class FrameEmbedder(Protocol):
    """What computes phonetic columns from acoustic features. It is sent to other processes."""

    @property
    def columns(self) -> PhoneticColumns:
        """Which columns these are."""

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Acoustic features (T, A) of an utterance -> phonetic columns (T, P), float32."""

    def copy_to(self, folder: Path) -> None:
        """Write all that it needs to work into a folder that does not exist."""


def compute_features(
    wave: np.ndarray, sample_rate: int, config: FeaturesConfig, *, voiced_in: np.ndarray | None = None
) -> np.ndarray:
    """Acoustic features of one utterance: all that `config` asks for but phonetic columns, which a FrameEmbedder
    computes from these.

    Args:
        wave: samples (N,) in [-1, 1).
        sample_rate: Hz.
        config: what the features are.
        voiced_in: samples (N,) in which the voiced frames are looked for, in place of `wave`: of a noisy copy, those
            of the clean recording are kept, as Kaldi's recipes do.

    Returns:
        (T, A), float32.

    Raises:
        SvtokError: the rate is not the config's, or the utterance is shorter than one window or has no voiced frame.
    """
    from svtok.features.frames import normalised, voiced_frames
    from svtok.features.spectral import spectral_features, with_deltas

    if sample_rate != config.sample_rate:
        raise SvtokError(f"sampling rate is {sample_rate} Hz, the features are configured for {config.sample_rate} Hz")
    features, log_energy = spectral_features(wave, config)
    features = with_deltas(features, config.deltas)
    if config.vad is not None:
        if voiced_in is not None:
            log_energy = spectral_features(voiced_in, config).log_energy
        assert log_energy is not None
        features = features[voiced_frames(log_energy, config.vad)]
        if len(features) == 0:
            raise SvtokError("has no voiced frame; lower 'vad.energy_threshold', or leave the recording out")
    return normalised(features, config)


def all_features(
    wave: np.ndarray, sample_rate: int, config: FeaturesConfig, phonetic: FrameEmbedder | None
) -> np.ndarray:
    """`compute_features`, and behind them the phonetic columns, where there are some: (T, F), float32."""
    features = compute_features(wave, sample_rate, config)
    return features if phonetic is None else np.concatenate([features, phonetic(features)], axis=1)


def extract_features(
    prepared: PreparedSet,
    config: FeaturesConfig,
    out: Path,
    jobs: int,
    phonetic: FrameEmbedder | None = None,
    ranks: Ranks = ALONE,
) -> bool:
    """Write the features of every utterance of a set as a feature store.

    The set is worked on in parts; finished parts are kept in a hidden folder beside `out` until the store is whole, so
    that an interrupted run goes on where it was. A part belongs to its configuration, its rows and the size and time of
    its audio files; where one of them has changed it is made anew.

    Args:
        prepared: the set.
        config: what the features are.
        out: the store's folder, left as it was where an error is raised.
        jobs: how many processes.
        phonetic: computes the phonetic columns, where `config` has some; the store keeps a copy.
        ranks: those that call this for the same set, `jobs` processes each; the folder of `out` is the same for all.

    Returns:
        False where the features were there already.

    Raises:
        SvtokError: the set has no utterances, or `config` cannot be computed or has other phonetic columns.
        ProblemsError: with every utterance that cannot be used.
    """
    if config.phonetic != (phonetic.columns if phonetic else None):
        raise SvtokError(
            f"the configured phonetic columns are {config.phonetic}, but those of the network given are "
            f"{phonetic and phonetic.columns}; name the network that belongs to the configuration with --phonetic"
        )
    refuse_other_files(out, (ARRAY, INDEX, ABOUT, PHONETIC))
    parts_folder = out.with_name(f".{out.name}.parts")
    parts = _parts(prepared, config, parts_folder)
    fingerprint = hashlib.sha256("".join(part.file.stem for part in parts).encode()).hexdigest()
    if ranks.first(lambda: _is_done(out, fingerprint)):
        if ranks.is_first:
            clear_lock(out)
            shutil.rmtree(parts_folder, ignore_errors=True)  # of a command that was killed at its very end
        return False
    with ranks.locked(out):
        _extract(prepared, config, out, jobs, phonetic, parts, fingerprint, ranks)
    return True


def _extract(
    prepared: PreparedSet,
    config: FeaturesConfig,
    out: Path,
    jobs: int,
    phonetic: FrameEmbedder | None,
    parts: list[_Part],
    fingerprint: str,
    ranks: Ranks,
) -> None:
    """Make the parts that are not there yet, each by one of the processes, and join them all by the first."""
    from svtok.features.spectral import tables_of  # torch: not where there is nothing to do

    tables_of(config)  # bands that cannot be are one mistake, not one in every utterance
    if not parts:
        raise SvtokError(f"{prepared.folder or 'the set'}: has no utterances")
    todo = [part for part in ranks.share(parts) if not part.file.exists()]
    table = prepared.utterances
    if "num_samples" in table and "sample_rate" in table:
        seconds = float((table["num_samples"] / table["sample_rate"]).sum()) * len(todo) / len(parts)
        jobs = min(jobs, max(1, round(seconds / SECONDS_A_PROCESS)))
    make_part = partial(_make_part, config=config, phonetic=phonetic)
    total = sum(len(part.utterances) for part in todo)
    with on_one_thread():
        outcomes = chain.from_iterable(map_in_processes(make_part, todo, jobs=jobs))
        problems = [problem for problem in progress(outcomes, total=total, what=f"features {out}") if problem]
    of_all = chain.from_iterable(ranks.gather(problems))
    ranks.first(lambda: raise_problems(list(of_all)))
    if ranks.is_first:
        _join(parts, config, out, fingerprint, phonetic)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Keep torch to one thread, as in other processes: an utterance is too short for several."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Utterance(NamedTuple):
    """Where the samples of an utterance are: a recording, and seconds and a channel of it, if not all."""

    utt: str
    path: Path
    start: float | None
    end: float | None
    channel: str | None = None

    def read(self, sample_rate: int, *, resample: bool) -> tuple[np.ndarray, int]:
        """Its samples (N,) and their rate in Hz, as `svtok.audio.decode.read_audio`, which raises AudioError."""
        return read_audio(
            self.path,
            start=self.start,
            end=self.end,
            channel=self.channel,
            sample_rate=sample_rate,
            resample=resample,
        )

    def problem(self, error: SvtokError) -> Problem:
        """What is wrong with it, by an error of reading its samples or of their use."""
        what = error.what if isinstance(error, AudioError) else str(error)
        return Problem(f"utterance '{self.utt}': {what}", self.path)


def utterances_of(prepared: PreparedSet) -> list[Utterance]:
    """The utterances of a set, in the order of its table."""
    table = prepared.utterances
    spans = zip(table["start"], table["end"], strict=True) if "start" in table else [(None, None)] * len(table)
    channels = table["channel"] if "channel" in table else [None] * len(table)
    return [
        Utterance(utt, path, start, end, channel)
        for utt, path, (start, end), channel in zip(table["utt"], audio_paths(prepared), spans, channels, strict=True)
    ]


class _Part(NamedTuple):
    utterances: list[Utterance]
    file: Path  # holds the arrays `frames` (utterances,) and `features` (all frames, F)


def _parts(prepared: PreparedSet, config: FeaturesConfig, folder: Path) -> list[_Part]:
    """The set cut into parts. A part's file is named by all that its content depends on."""
    table, utterances = prepared.utterances, utterances_of(prepared)
    states = [  # without channels the fingerprint is that of the time before there were any
        [utterance.utt, written, *utterance[2 : 4 + ("channel" in table)], *state(utterance.path)]
        for utterance, written in zip(utterances, table["path"], strict=True)
    ]
    # without phonetic columns the fingerprint is that of the time before there were any
    made_by = [FORMAT, config.model_dump(mode="json", exclude=None if config.phonetic else {"phonetic"})]
    parts = []
    for first in range(0, len(utterances), UTTERANCES_A_PART):
        rows = slice(first, first + UTTERANCES_A_PART)
        digest = hashlib.sha256(json.dumps([made_by, states[rows]]).encode()).hexdigest()
        parts.append(_Part(utterances[rows], folder / f"{digest}.npz"))
    return parts


def _is_done(out: Path, fingerprint: str) -> bool:
    try:
        return FeatureStore.open(out).fingerprint == fingerprint
    except SvtokError:
        return False


def _make_part(part: _Part, config: FeaturesConfig, phonetic: FrameEmbedder | None) -> list[Problem | None]:
    """Compute and write one part, unless there is a problem; what is wrong with each of its utterances."""
    outcomes = [_features_or_problem(utterance, config, phonetic) for utterance in part.utterances]
    features = [outcome for outcome in outcomes if isinstance(outcome, np.ndarray)]
    if len(features) == len(outcomes):
        with writing_file(part.file) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, frames=[len(array) for array in features], features=np.concatenate(features))
    return [outcome if isinstance(outcome, Problem) else None for outcome in outcomes]


def _features_or_problem(
    utterance: Utterance, config: FeaturesConfig, phonetic: FrameEmbedder | None
) -> np.ndarray | Problem:
    try:
        return all_features(*utterance.read(config.sample_rate, resample=config.resample), config, phonetic)
    except SvtokError as error:
        return utterance.problem(error)


def _join(
    parts: list[_Part], config: FeaturesConfig, out: Path, fingerprint: str, phonetic: FrameEmbedder | None
) -> None:
    """Make one store of the parts, and remove them."""
    utts = [utterance.utt for part in parts for utterance in part.utterances]
    frames = np.concatenate([_array(part, "frames") for part in parts])
    blocks = (_array(part, "features") for part in parts)
    with writing_folder(out) as temporary:
        write_features(temporary, utts, frames, blocks, config=config, fingerprint=fingerprint)
        if phonetic:
            phonetic.copy_to(temporary / PHONETIC)
    shutil.rmtree(parts[0].file.parent)


def _array(part: _Part, name: str) -> np.ndarray:
    try:
        with np.load(part.file, allow_pickle=False) as arrays:
            array: np.ndarray = arrays[name]
            return array
    except Exception as error:  # of damaged bytes numpy raises nearly anything
        folder = part.file.parent
        raise SvtokError(f"{part.file}: damaged ({error}); remove the folder {folder} and run again") from error
