"""A prepared set whose recordings are noisy, or at other speeds: what augmentation does in training, done once and
written as audio."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import soundfile

from svtok.audio.augment import change_speed
from svtok.config import validated
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import writing_folder
from svtok.manifest.sets import TABLE_FILES, PreparedSet, audio_paths, refuse_other_files, write_tables
from svtok.progress import progress
from svtok.trained.classes import at_speed
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
        ProblemsError: unknown keys and wrong values, all at once.
        SvtokError: nothing would be done.
    """
    tree, where = read_tree(path, settings)
    never: dict[str, Any] = {name: 0 for name in WaveformConfig.model_fields if name.endswith("_probability")}
    always = {"noise_probability": 1} if tree.get("noise") else {}
    config = validated(WaveformConfig, {**never, **always, **tree}, where)
    chances = {name: value for name, value in config.model_dump().items() if name in never and value}
    if not config.speeds and (not chances or (list(chances) == ["noise_probability"] and not config.noise)):
        raise SvtokError(
            f"{where}: nothing would be done to a recording; name what is, such as --set babble_probability=1"
        )
    return config


def disturb(
    prepared: PreparedSet,
    config: WaveformConfig,
    out: Path,
    *,
    side: Side,
    seed: int,
    jobs: int,
    draw: int | None = None,
) -> int:
    """Write a set with the tables of another and changed copies of its recordings, the others being where they were.

    What is done to a recording is of the seed and its utterance alone. With speeds, the new set has each recording at
    each of them, not as it was: `anna-1#0.9` of the speaker `anna#0.9`. So other voices come about, which a teacher can
    hear; models and trials, which are of the voices that there were, are left out.

    Args:
        prepared: the set.
        config: what is done, by chance.
        out: the folder of the new set, left as it was where an error is raised; `audio/` in it gets FLAC files.
        side: which recordings: those that are tests only, those that enroll, or all, as it must be with speeds.
        seed: of the chance.
        jobs: how many processes decode.
        draw: at how many of the speeds each recording is, drawn for it; None: at all.

    Returns:
        How many recordings were changed.

    Raises:
        SvtokError: the set has no models, while a side is chosen, or recordings of several rates; speeds of a side; or
            `out` holds other files.
        ProblemsError: with every recording and noise that cannot be read.
    """
    if config.speeds and side != "all":
        raise SvtokError("a speaker at another speed is another speaker, whom no model knows: speeds are of --side all")
    if draw is not None and draw > len(config.speeds):
        raise SvtokError(f"{draw} of {len(config.speeds)} speeds cannot be drawn: name more of them, or draw fewer")
    refuse_other_files(out, (*TABLE_FILES, AUDIO))
    noises_of(config)  # a wrong name is found before all is decoded
    rates = sorted(set(prepared.utterances["sample_rate"]))
    if len(rates) != 1:
        raise SvtokError(f"{prepared.folder}: recordings of {', '.join(map(str, rates))} Hz: bring them to one rate")
    reading = FeaturesConfig(sample_rate=rates[0])
    parts = [name for name in ("start", "end", "channel") if name in prepared.utterances]  # of files
    new = replace(prepared, utterances=prepared.utterances.drop(columns=parts))
    chosen = _chosen(prepared, side)
    made = [(recording, 1.0) for recording in range(len(chosen))]  # of which recording, at which speed
    if config.speeds:
        made = _drawn(prepared.utterances["utt"].tolist(), config.speeds, draw, seed)
        new = PreparedSet(_at_speeds(new.utterances, made))
    old_paths = [str(path.resolve()) for path in audio_paths(prepared)]
    paths = [old_paths[recording] for recording, _ in made]
    samples = new.utterances["num_samples"].to_numpy(copy=True)
    with (
        writing_folder(out) as temporary,
        decoded(prepared, reading, config, temporary / AUDIO, jobs=jobs) as waveforms,
    ):
        for place, (recording, speed) in enumerate(progress(made, total=len(made), what=f"recordings {out}")):
            if not chosen[recording] and not parts:
                continue  # it stays where it is
            wave = waveforms.wave(recording)
            if speed != 1:
                wave = change_speed(wave, speed)
            if chosen[recording]:
                wave = waveforms.augmented(wave, recording, _draws(seed, new.utterances["utt"].iloc[place]))
            paths[place], samples[place] = f"{AUDIO}/{place + 1:06d}.flac", len(wave)
            soundfile.write(temporary / paths[place], wave, rates[0], subtype="PCM_16")
        table = new.utterances.assign(path=paths, num_samples=samples)
        write_tables(PreparedSet(table, new.models, new.trials), temporary)
    return len(made) if config.speeds else int(chosen.sum())


def _drawn(utts: Sequence[str], speeds: Sequence[float], draw: int | None, seed: int) -> list[tuple[int, float]]:
    """Each recording at all speeds, or at `draw` of them, which are of the seed and its utterance; speed by speed."""
    of_each = [speeds if draw is None else _draws(seed, utt).choice(speeds, draw, replace=False) for utt in utts]
    return [(place, speed) for speed in speeds for place, drawn in enumerate(of_each) if speed in drawn]


def _at_speeds(utterances: pd.DataFrame, made: Sequence[tuple[int, float]]) -> pd.DataFrame:
    """Recordings at speeds, with names of their own such as `anna-1#0.9` of the speaker `anna#0.9`."""
    table = utterances.iloc[[place for place, _ in made]].reset_index(drop=True)
    names = {
        column: [at_speed(name, speed) for name, (_, speed) in zip(table[column], made, strict=True)]
        for column in ("utt", "spk")
    }
    return table.assign(**names)


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
