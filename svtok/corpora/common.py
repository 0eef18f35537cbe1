"""What preparing several corpora shares: takes found by file names, published counts, flags of trial types."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import AudioError, Problem, SvtokError, raise_problems, warn
from svtok.manifest.recordings import listen, warn_of_recordings, with_lengths
from svtok.manifest.schema import TRIAL_TYPES, UTTERANCES, Place, codes_of, normal_table
from svtok.manifest.sets import SETS, PreparedSet, without_utterances


@dataclass(frozen=True)
class Published:
    """What the whole corpus holds, by the name of what is counted, and who says so.

    `counts` were read in the source; `remembered` ones were not, but concluded from others or known by hearsay.
    """

    counts: Mapping[str, int]
    source: str
    remembered: Mapping[str, int] = field(default_factory=dict)


def check_counts(where: Path, found: Mapping[str, int], published: Published, *, allow_missing: bool) -> None:
    """Compare the corpus at `where` with the published counts.

    Args:
        where: The corpus, or its list.
        found: How many there are, by the names of `published`.
        published: How many there should be.
        allow_missing: Warn only, on stderr. Of counts that are remembered there is no more than a warning ever.

    Raises:
        SvtokError: where other counts than those that were read in the source are found.
    """
    if differences := _differences(found, published.remembered):
        warn(f"{where}: other counts than are remembered, which may be wrong: {differences} ({published.source})")
    if not (differences := _differences(found, published.counts)):
        return
    what = f"{where}: not the whole corpus: {differences} (published: {published.source})"
    if not allow_missing:
        raise SvtokError(f"{what}. Fetch the rest, or prepare what is there with --allow-missing")
    warn(what)


def _differences(found: Mapping[str, int], wanted: Mapping[str, int]) -> str:
    def gap(what: str, number: int) -> str:
        more = found[what] - number
        return f"{-more} missing" if more < 0 else f"{more} more than there should be"

    names = [what for what, number in wanted.items() if found[what] != number]
    return "; ".join(f"{found[what]} of {wanted[what]} {what} ({gap(what, wanted[what])})" for what in names)


def read_flags(lines: pd.DataFrame, place: Place) -> tuple[npt.NDArray[np.int8], list[Problem]]:
    """For each line (its columns TC, TW, IC and IW) which flag is Y, as a number into TRIAL_TYPES; and the lines
    whose flags are not one Y and three N, which have the number -1."""
    flagged = np.full(len(lines), -1, np.int8)
    yes, no = np.zeros(len(lines), np.int8), np.zeros(len(lines), np.int8)
    for number, name in enumerate(TRIAL_TYPES):
        is_yes = _is(lines[name], "Y")
        flagged[is_yes] = number
        yes += is_yes
        no += _is(lines[name], "N")
    bad = (yes != 1) | (no != len(TRIAL_TYPES) - 1)
    flagged[bad] = -1
    flags = lines[list(TRIAL_TYPES)]
    problems = place.problems(
        np.flatnonzero(bad), lambda row: f"flags {','.join(flags.iloc[row])} are not one Y and three N"
    )
    return flagged, list(problems)


def _is(column: pd.Series, value: str) -> npt.NDArray[np.bool_]:
    codes, values = codes_of(column)
    return np.array([known == value for known in values], bool)[codes]


def find_takes(
    folders: Iterable[Path], name: re.Pattern[str], what: str, problems: list[Problem], *, ignored: Collection[str] = ()
) -> Iterator[tuple[Path, re.Match[str]]]:
    """Each recording in the folders, and the parts of its name.

    A file that is not named as a take, which is `what`, goes to `problems`, unless it is hidden or one of `ignored`.

    Args:
        folders: where recordings stand, not in folders below.
        name: matches the whole name of a take.
        what: how a take is named, in words.
        problems: where faults are added.
        ignored: names of other files that may be there.
    """
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if match := name.fullmatch(path.name):
                yield path, match
            elif not path.name.startswith(".") and path.name not in ignored:
                problems.append(Problem(f"not named as a take: {what}", path))


def folders_in(root: Path, why: str, *, ignored: Collection[str] = ()) -> list[Path]:
    """The folders in a corpus but the hidden and `ignored` ones.

    Args:
        root: the corpus.
        why: what the user is to do where there is no such folder.
        ignored: names of folders.

    Returns:
        Absolute paths, sorted.

    Raises:
        SvtokError: with `why`, where `root` is no folder.
    """
    if not root.is_dir():
        raise SvtokError(f"{root}: there is no such folder; {why}")
    found = sorted(path for path in root.resolve().iterdir() if path.is_dir() and path.name not in ignored)
    return [path for path in found if not path.name.startswith(".")]


def prepare_takes(
    root: Path,
    takes: pd.DataFrame,
    parts: Mapping[str, Collection[str]],
    protocol: Protocol,
    problems: list[Problem],
    *,
    published: Published | None = None,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets of a corpus that is a tree of takes.

    Args:
        root: The corpus, for messages.
        takes: The takes that were found: the columns utt, path, spk, phrase and others.
        parts: The speakers of each set.
        protocol: Makes the models and trials of dev and eval.
        problems: What was found wrong with names and lists.
        published: How many speakers, phrases and recordings there should be, where that is known.
        allow_missing: Prepare a part of the corpus.
        jobs: Processes that decode the recordings.

    Raises:
        ProblemsError: with `problems` and every recording that cannot be used.
        SvtokError: where it is not the whole corpus, or a set has no speaker or nobody to enroll.
    """
    if takes.empty and not problems:
        raise SvtokError(f"{root}: no recordings are there")
    if published is not None:
        raise_problems(problems)
        found = {"speakers": takes["spk"].nunique(), "phrases": takes["phrase"].nunique(), "recordings": len(takes)}
        check_counts(root, found, published, allow_missing=allow_missing)
    return sets_by_speaker(root, look_at_takes(takes, problems, jobs), parts, protocol)


Protocol = Callable[..., tuple[pd.DataFrame, pd.DataFrame]]
"""The models and trials of a table of utterances: `make_models_and_trials` with its options."""


def look_at_takes(takes: pd.DataFrame, problems: list[Problem], jobs: int) -> pd.DataFrame:
    """The table of utterances, with num_samples and sample_rate of the decoded recordings, sorted by utterance.

    `takes` has the columns utt, path, spk, phrase, and others as they are known; ids and texts become normal
    (`svtok.manifest.schema.normal`).

    Args:
        takes: a row for each recording.
        problems: those that are known already.
        jobs: how many processes decode.

    Raises:
        ProblemsError: with the `problems` that are known, and every recording that cannot be used or is there twice.
    """
    takes = normal_table(takes, UTTERANCES)
    paths = [Path(path) for path in takes["path"]]
    heard = listen(takes, paths, jobs=jobs)
    faults = [Problem(found.what, found.path) for found in heard if isinstance(found, AudioError)]
    raise_problems([*problems, *faults, *_repeated(takes)])
    warn_of_recordings(paths, heard)
    return with_lengths(takes, heard).sort_values("utt", ignore_index=True)


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Recordings by the name of their file without its ending; of two of a name the last, and a warning says so."""
    found: dict[str, Path] = {}
    twice = [path for path in paths if found.setdefault(path.stem, path) != path]
    if twice:
        first = found[twice[0].stem]
        warn(f"{len(twice)} recordings are there twice, such as {first} and {twice[0]}; the latter are read")
    return found | {path.stem: path for path in twice}


def warn_of_unused(where: Path, unused: Collection[str], why: str) -> None:
    """Say how many recordings are left out, if there are any, and why.

    Args:
        where: the folder or file that the warning names.
        unused: names of the recordings.
        why: the predicate of a sentence about them, such as "are named by no list".
    """
    if unused:
        warn(f"{where}: {len(unused)} recordings, such as {min(unused)}, {why}, and are left out")


def leave_out(prepared: PreparedSet, absent: Collection[str], where: str) -> PreparedSet:
    """The set without these utterances, and a warning of what is gone with them.

    Args:
        prepared: the set, which is not changed.
        absent: ids of utterances.
        where: what the warning begins with, such as the corpus and the set.
    """
    left = without_utterances(prepared, absent)
    if (models := prepared.models) is not None and left.models is not None and left is not prepared:
        gone = len(models) - len(left.models)
        fewer = int((left.models["utts"] != left.models["model"].map(models.set_index("model")["utts"])).sum())
        trials = len(prepared.trials if prepared.trials is not None else ()) - len(
            left.trials if left.trials is not None else ()
        )
        if gone or fewer or trials:
            warn(
                f"{where}: {gone} models and {trials} trials are left out, and {fewer} models are enrolled with fewer "
                "recordings, because others are not there"
            )
    return left


def sets_by_speaker(
    root: Path, utterances: pd.DataFrame, parts: Mapping[str, Collection[str]], protocol: Protocol
) -> dict[str, PreparedSet]:
    """The sets train, dev and eval of the speakers in `parts`; `protocol` makes models and trials of dev and eval.

    Args:
        root: the corpus, which errors and warnings name.
        utterances: those of all sets; of speakers in no part they are left out, with a warning.
        parts: the speakers of each of train, dev and eval.
        protocol: models and trials of a table of utterances.

    Raises:
        SvtokError: where a set has no speaker, or nobody in it can be enrolled.
    """
    sets = {}
    others = utterances[~utterances["spk"].isin([spk for speakers in parts.values() for spk in speakers])]
    warn_of_unused(root, set(others["utt"]), f"are of {others['spk'].nunique()} speakers who are in no set")
    for name in SETS:
        own = utterances[utterances["spk"].isin(parts[name])].reset_index(drop=True)
        if own.empty:
            raise SvtokError(f"{root}: no speaker of the set {name} is there")
        try:
            sets[name] = PreparedSet(own) if name == "train" else PreparedSet(own, *protocol(own))
        except SvtokError as error:
            raise SvtokError(f"{root}: set {name}: {error}") from error
    return sets


def _repeated(takes: pd.DataFrame) -> Iterator[Problem]:
    first = takes.drop_duplicates("utt").set_index("utt")["path"]
    for take in takes[takes["utt"].duplicated()].itertuples():
        yield Problem(f"the same take as {first[take.utt]}", take.path)
