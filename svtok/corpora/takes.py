"""Corpora whose files tell by their names who says what: from the files found to the sets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd

from svtok.audio.decode import AudioError, AudioInfo
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.recordings import probe_files
from svtok.manifest.sets import SETS, PreparedSet

Protocol = Callable[[pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]


def look_at_takes(takes: pd.DataFrame, problems: list[Problem], jobs: int) -> pd.DataFrame:
    """The table of utterances, with num_samples and sample_rate from the headers, sorted by utterance.

    `takes` has the columns utt, path, spk, phrase, and others as they are known. Raises ProblemsError with the
    `problems` that are known, and every recording that cannot be used or is there twice.
    """
    paths = [Path(path) for path in takes["path"]]
    infos = probe_files(paths, jobs=jobs)
    raise_problems([*problems, *_faults(infos, paths), *_repeated(takes)])
    whole = [info for info in infos if isinstance(info, AudioInfo)]
    lengths = {"num_samples": [info.num_samples for info in whole], "sample_rate": [info.sample_rate for info in whole]}
    return takes.assign(**lengths).sort_values("utt", ignore_index=True)


def sets_by_speaker(
    root: Path, utterances: pd.DataFrame, parts: Mapping[str, Collection[str]], protocol: Protocol
) -> dict[str, PreparedSet]:
    """The sets train, dev and eval of the speakers in `parts`; `protocol` makes models and trials of dev and eval.

    Raises SvtokError where a set has no speaker, or nobody in it can be enrolled.
    """
    sets = {}
    for name in SETS:
        own = utterances[utterances["spk"].isin(parts[name])].reset_index(drop=True)
        if own.empty:
            raise SvtokError(f"{root}: no speaker of the set {name} is there")
        try:
            sets[name] = PreparedSet(own) if name == "train" else PreparedSet(own, *protocol(own))
        except SvtokError as error:
            raise SvtokError(f"{root}: set {name}: {error}") from error
    return sets


def _faults(infos: list[AudioInfo | AudioError], paths: list[Path]) -> Iterator[Problem]:
    for info, path in zip(infos, paths, strict=True):
        if isinstance(info, AudioError):
            yield Problem(info.what, path)
        elif info.channels != 1:
            yield Problem(f"has {info.channels} channels, not one", path)


def _repeated(takes: pd.DataFrame) -> Iterator[Problem]:
    first = takes.drop_duplicates("utt").set_index("utt")["path"]
    for take in takes[takes["utt"].duplicated()].itertuples():
        yield Problem(f"the same take as {first[take.utt]}", take.path)
