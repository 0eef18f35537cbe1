"""A prepared set whose recordings are noisy: what augmentation does in training, done once and written as audio."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import soundfile

from svtok.config import validated
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.files import writing_folder
from svtok.manifest.sets import TABLE_FILES, PreparedSet, audio_paths, refuse_other_files, write_tables
from svtok.progress import progress
from svtok.trained.config import WaveformConfig, read_tree
from svtok.training.waveforms import decoded, noises_of

AUDIO = "audio"
"""The folder of the changed recordings within the set."""

Side = Literal["tests", "enrollment", "all"]
SIDES: tuple[Side, ...] = get_args(Side)


def read_disturbance(path: Path | None, settings: Iterable[str] = ()) -> WaveformConfig:
    """The fields of `training.waveform` in a YAML file, changed by `key=value` settings; chances not named are 0.

    A file of noise that is named without its chance is added to every recording.

    Raises:
        ProblemsError: unknown keys and wrong values, all at once; speeds, which make other speakers.
        SvtokError: nothing would be done.
    """
    tree, where = read_tree(path, settings)
    never: dict[str, Any] = {name: 0 for name in WaveformConfig.model_fields if name.endswith("_probability")}
    always = {"noise_probability": 1} if tree.get("noise") else {}
    config = validated(WaveformConfig, {**never, **always, **tree}, where)
    if config.speeds:
        raise_problems([Problem(f"speeds: {where}: a speaker at another speed is another speaker; leave them out")])
    chances = {name: value for name, value in config.model_dump().items() if name in never and value}
    if not chances or (list(chances) == ["noise_probability"] and not config.noise):
        raise SvtokError(
            f"{where}: nothing would be done to a recording; name what is, such as --set babble_probability=1"
        )
    return config


def disturb(prepared: PreparedSet, config: WaveformConfig, out: Path, *, side: Side, seed: int, jobs: int) -> int:
    """Write a set with the tables of another and changed copies of its recordings, the others being where they were.

    What is done to a recording is of the seed and its utterance alone.

    Args:
        prepared: the set.
        config: what is done, by chance.
        out: the folder of the new set, left as it was where an error is raised; `audio/` in it gets FLAC files.
        side: which recordings: those that are tests only, those that enroll, or all.
        seed: of the chance.
        jobs: how many processes decode.

    Returns:
        How many recordings were changed.

    Raises:
        SvtokError: the set has no models, while a side is chosen, or recordings of several rates; or `out` holds other
            files.
        ProblemsError: with every recording and noise that cannot be read.
    """
    refuse_other_files(out, (*TABLE_FILES, AUDIO))
    noises_of(config)  # a wrong name is found before all is decoded
    chosen = _chosen(prepared, side)
    rates = sorted(set(prepared.utterances["sample_rate"]))
    if len(rates) != 1:
        raise SvtokError(f"{prepared.folder}: recordings of {', '.join(map(str, rates))} Hz: bring them to one rate")
    reading = FeaturesConfig(sample_rate=rates[0])
    paths = [str(path.resolve()) for path in audio_paths(prepared)]
    parts = [name for name in ("start", "end", "channel") if name in prepared.utterances]  # of files
    with (
        writing_folder(out) as temporary,
        decoded(prepared, reading, config, temporary / AUDIO, jobs=jobs) as waveforms,
    ):
        for number in progress(range(len(paths)), total=len(paths), what=f"recordings {out}"):
            if not chosen[number] and not parts:
                continue  # it stays where it is
            wave = waveforms.wave(number)
            if chosen[number]:
                wave = waveforms.augmented(wave, number, _draws(seed, waveforms.utts[number]))
            paths[number] = f"{AUDIO}/{number + 1:06d}.flac"
            soundfile.write(temporary / paths[number], wave, rates[0], subtype="PCM_16")
        table = prepared.utterances.drop(columns=parts).assign(path=paths)
        write_tables(PreparedSet(table, prepared.models, prepared.trials), temporary)
    return int(chosen.sum())


def _chosen(prepared: PreparedSet, side: Side) -> np.ndarray:
    """Whether each utterance of a set is on a side, (N,)."""
    utts = prepared.utterances["utt"]
    if side == "all":
        return np.ones(len(utts), dtype=bool)
    models, trials = prepared.protocol()
    enrolled = utts.isin({utt for row in models["utts"] for utt in row.split()})
    return np.asarray(enrolled if side == "enrollment" else utts.isin(trials["utt"]) & ~enrolled)


def _draws(seed: int, utt: str) -> np.random.Generator:
    return np.random.default_rng([seed, *hashlib.sha256(utt.encode()).digest()])
