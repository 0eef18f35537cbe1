"""Any corpus as one CSV: how a user's own recordings come in (see `svtok prepare table --help` for the columns)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.audio.decode import AudioError, AudioInfo
from svtok.corpora.recordings_csv import Listing, read_listing, utterance_columns
from svtok.errors import SvtokError, raise_problems, unknown_name
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.recordings import check_recordings, probe_files, with_lengths
from svtok.manifest.schema import UTTERANCES, as_numbers, check_cells, check_keys
from svtok.manifest.sets import SETS, PreparedSet

DEFAULT_SPLIT: Mapping[str, float] = {"train": 0.6, "dev": 0.2, "eval": 0.2}
FAR_END = "1e9"  # of a file that cannot be read, in seconds: that is told of it, and no more


def prepare(
    listing: Path,
    *,
    split: Mapping[str, float] | None = None,
    enroll_takes: int = 3,
    iw_share: float = 0.5,
    same_gender_only: bool = False,
    seed: int = 0,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets of a corpus that is listed in one CSV with the columns of `svtok.corpora.recordings_csv`.

    A recording's set is what its column `set` says; without that column the speakers are drawn into the sets by the
    shares of `split`. dev and eval get models and trials (`svtok.manifest.protocol`); a column `enroll` (1 or 0)
    chooses the enrollment takes. Raises ProblemsError with all that is wrong with the CSV and its recordings.
    """
    listed = read_listing(listing)
    utterances = _utterances(listed, jobs)
    if "set" not in listed.rows:
        names = draw_sets(utterances["spk"], split or DEFAULT_SPLIT, seed)
    elif split is None:
        names = listed.rows["set"].to_numpy(object)
    else:
        raise SvtokError(f"{listing}: the column 'set' already says what --split would; leave one of them out")
    marks = listed.rows["enroll"].to_numpy(object) == "1" if "enroll" in listed.rows else None

    def one(name: str) -> PreparedSet:
        chosen = names == name
        own = utterances[chosen].reset_index(drop=True)
        if name == "train":
            return PreparedSet(own)
        try:
            models, trials = make_models_and_trials(
                own,
                enroll_takes=enroll_takes,
                iw_share=iw_share,
                seed=seed,
                same=("gender",) if same_gender_only else (),
                enrolled=None if marks is None else marks[chosen],
            )
        except SvtokError as error:
            raise SvtokError(f"{listing}: set {name}: {error}") from error
        return PreparedSet(own, models, trials)

    return {name: one(name) for name in SETS if (names == name).any()}


def parse_split(text: str) -> dict[str, float]:
    """'train=0.6,dev=0.2,eval=0.2' as shares by set. Raises SvtokError unless they are positive and add up to 1."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if name not in SETS:
            raise SvtokError(f"split '{text}': {unknown_name('set', name, SETS)}")
        try:
            shares[name] = float(share)
        except ValueError:
            raise SvtokError(f"split '{text}': '{share}' is not a number") from None
    if not all(share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise SvtokError(f"split '{text}': the shares must be over 0 and add up to 1")
    return shares


def draw_sets(speakers: pd.Series, split: Mapping[str, float], seed: int) -> np.ndarray:
    """The set of each utterance (N,): every speaker is in one set, and every set has a speaker at least."""
    distinct = np.array(sorted(speakers.unique()), dtype=object)
    if len(distinct) < len(split):
        raise SvtokError(f"{len(distinct)} speakers are too few for the {len(split)} sets {', '.join(split)}")
    wanted = np.array(list(split.values())) * len(distinct)
    counts = np.maximum(1, np.floor(wanted)).astype(int)
    while counts.sum() != len(distinct):
        missing = counts.sum() < len(distinct)
        farthest = np.argmax(wanted - counts if missing else np.where(counts > 1, counts - wanted, -np.inf))
        counts[farthest] += 1 if missing else -1
    names = np.repeat(np.array(list(split), dtype=object), counts)
    sets = dict(zip(np.random.default_rng(seed).permutation(distinct), names, strict=True))
    return speakers.map(sets).to_numpy(object)


def _utterances(listed: Listing, jobs: int) -> pd.DataFrame:
    """The table of utterances of all sets, in the order of the CSV, checked."""
    utterances = utterance_columns(listed.rows)
    if "utt" not in utterances:
        utterances.insert(0, "utt", _make_ids(utterances))
    infos = probe_files([Path(path) for path in utterances["path"]], jobs=jobs)
    _complete_parts(utterances, infos)
    problems = list(check_cells(utterances, UTTERANCES, listed.place))
    problems += check_keys(utterances, UTTERANCES, listed.place, ordered=False)
    for name in {"start", "end"} & set(utterances):
        utterances[name] = as_numbers(utterances[name])
    problems += check_recordings(utterances, infos, listed.place)
    raise_problems(sorted(problems, key=lambda problem: problem.line or 0))
    return with_lengths(utterances, infos)


def _make_ids(utterances: pd.DataFrame) -> pd.Series:
    """speaker-phrase-name of the file; '-2', '-3' is put behind ids that were given before."""
    stems = utterances["path"].map(lambda path: "_".join(Path(path).stem.split()))
    ids = utterances["spk"] + "-" + utterances["phrase"] + "-" + stems
    number = ids.groupby(ids).cumcount() + 1
    return ids.where(number == 1, ids + "-" + number.astype(str))


def _complete_parts(utterances: pd.DataFrame, infos: list[AudioInfo | AudioError]) -> None:
    """Where a recording is used in part, fill in an empty start (0) and an empty end (that of the file), in place."""
    if "start" not in utterances and "end" not in utterances:
        return
    empty = pd.Series("", index=utterances.index)
    start, end = (utterances.get(name, empty) for name in ("start", "end"))
    durations = [
        repr(info.num_samples / info.sample_rate) if isinstance(info, AudioInfo) else FAR_END for info in infos
    ]
    utterances["start"] = start.where(start != "", "0")
    utterances["end"] = end.where(end != "", durations)
