"""A list of recordings as a user writes it: one CSV (or TSV) with a header, a recording a row."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.corpora.new_phrases import hold_out_phrases
from svtok.errors import AudioError, Problem, ProblemsError, SvtokError, raise_problems, unknown_name
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.recordings import Heard, check_recordings, listen, warn_of_recordings, with_lengths
from svtok.manifest.schema import UTTERANCES, Place, as_numbers, check_cells, check_keys, normal
from svtok.manifest.sets import SETS, PreparedSet

REQUIRED = ("path", "spk", "phrase")
OPTIONAL = ("set", "utt", "gender", "lang", "session", "start", "end", "channel", "text", "enroll")
IDS = ("spk", "phrase", "set", "utt", "gender", "lang", "session")
GENDERS = {"male": "m", "female": "f", "M": "m", "F": "f", "Male": "m", "Female": "f"}


@dataclass(frozen=True)
class Listing:
    """The rows of the file: all cells are text, paths absolute; `place` knows the line of each row."""

    rows: pd.DataFrame
    place: Place


def read_listing(path: Path) -> Listing:
    """Read the CSV: comma, semicolon or tab between the cells, as its header shows; rows without any cell are left out.

    Blanks inside ids become '_', `male` and `female` become `m` and `f`, and a path is relative to the CSV's folder.
    Raises ProblemsError with all problems of form, file and line: columns, numbers of cells, sets, enroll marks, ids
    that become the same, recordings that are listed twice.
    """
    header, cells, lines = _read_cells(path)
    rows = pd.DataFrame(cells, columns=header, dtype=object)
    return make_listing(rows, Place(path, lines=lines), path.parent)


def make_listing(rows: pd.DataFrame, place: Place, folder: Path) -> Listing:
    """The listing of rows whose columns are some of REQUIRED and OPTIONAL, all of text.

    Args:
        rows: as they are written.
        place: where each stands.
        folder: what relative paths are relative to.

    Raises:
        ProblemsError: as `read_listing`.
    """
    problems = [*_check_values(rows, place), *_check_renamed(rows, place), *_check_repeated(rows, place)]
    raise_problems(sorted(problems, key=lambda problem: problem.line or 0))
    for name in set(IDS) & set(rows):
        rows[name] = rows[name].map(_as_id)
    if "gender" in rows:
        rows["gender"] = rows["gender"].replace(GENDERS)
    rows["path"] = [os.path.abspath(folder / cell) for cell in rows["path"]]
    return Listing(rows, place)


def _read_cells(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, and the cells and the line of each row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemsError([Problem(f"not UTF-8 ({error.reason}); save it as CSV UTF-8", path)]) from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        header = [normal(cell).strip() for cell in next(reader, [])]
        raise_problems([Problem(what, path, 1) for what in _check_header(header)])
        cells, lines, problems = [], [], []
        for row in reader:
            row = [cell.strip() for cell in row]
            if len(row) == len(header) and any(row):
                named = zip(header, row, strict=True)
                cells.append([cell if name == "path" else normal(cell).strip() for name, cell in named])
                lines.append(reader.line_num)
            elif any(row):
                what = f"{len(row)} cells where the header has {len(header)}"
                problems.append(Problem(what, path, reader.line_num))
    except csv.Error as error:
        raise ProblemsError([Problem(f"not a CSV file: {error}", path, reader.line_num)]) from error
    if not cells:
        problems.append(Problem("no recording is listed", path))
    raise_problems(problems)
    return header, cells, lines


def _check_header(header: list[str]) -> Iterator[str]:
    known = (*REQUIRED, *OPTIONAL)
    yield from (f"column '{name}' is missing in the header" for name in REQUIRED if name not in header)
    yield from (unknown_name("column", name, known) for name in header if name not in known)
    yield from (f"column '{name}' stands twice in the header" for name in known if header.count(name) > 1)


def _check_values(rows: pd.DataFrame, place: Place) -> Iterator[Problem]:
    known = {"set": SETS, "enroll": ("0", "1")}
    for row, cells in enumerate(rows.to_dict("records")):
        line = place.line(row)
        yield from (Problem(f"{name} is empty", place.path, line) for name in REQUIRED if not cells[name])
        for name in known:
            if name in cells and cells[name] not in known[name]:
                yield Problem(f"{name} '{cells[name]}' is not one of {', '.join(known[name])}", place.path, line)


def _check_renamed(rows: pd.DataFrame, place: Place) -> Iterator[Problem]:
    """Different ids that become the same when their blanks go: 'open door' and 'open_door'."""
    for name in ("spk", "phrase"):
        first: dict[str, str] = {}
        for row, cell in enumerate(rows[name]):
            other = first.setdefault(_as_id(cell), cell)
            if other != cell:
                yield Problem(
                    f"{name} '{cell}' and '{other}' both become '{_as_id(cell)}'", place.path, place.line(row)
                )


def _check_repeated(rows: pd.DataFrame, place: Place) -> Iterator[Problem]:
    first: dict[tuple[str, ...], int] = {}
    what = [name for name in ("path", "start", "end", "channel") if name in rows]
    for row, cells in enumerate(rows[what].itertuples(index=False, name=None)):
        other = first.setdefault(cells, row)
        if other != row:
            listed = f"the recording '{cells[0]}' is listed in line {place.line(other)} already"
            yield Problem(listed, place.path, place.line(row))


def _as_id(cell: str) -> str:
    return re.sub(r"\s+", "_", cell)


def utterance_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of the rows that a table of utterances has too; those that are empty in every row are left out."""
    names = [name for name in UTTERANCES.names if name in rows and (name in REQUIRED or (rows[name] != "").any())]
    return rows[names].copy()


DEFAULT_SPLIT: Mapping[str, float] = {"train": 0.6, "dev": 0.2, "eval": 0.2}
FAR_END = "1e9"  # of a file that cannot be read, in seconds: that is said of it, and no more


def prepare(
    listing: Path | Listing | Sequence[Listing],
    *,
    split: Mapping[str, float] | None = None,
    enroll_takes: int = 3,
    iw_share: float = 0.5,
    same_gender_only: bool = False,
    channel: str | None = None,
    cross_session: bool = False,
    new_phrases: int | Path | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets of a corpus that is listed in one CSV with the columns REQUIRED and some of OPTIONAL.

    A recording's set is what its column `set` says; without that column the speakers are drawn into sets. dev and eval
    get models and trials (`svtok.manifest.protocol`); a column `enroll` (1 or 0) chooses the enrollment takes.

    Args:
        listing: The CSV; or what was read of it, or of several lists with the same columns.
        split: The share of the speakers by set, where there is no column `set`; default: DEFAULT_SPLIT.
        enroll_takes: Takes that enroll a speaker's phrase, where there is no column `enroll`.
        iw_share: The part of each model's IW trials that is kept, 0 to 1.
        same_gender_only: Only trials within one gender.
        channel: What is read of recordings of several channels whose cell `channel` is empty (`svtok.audio.CHANNELS`).
        cross_session: No TC and TW trials whose test is of a session that enrolled the model.
        new_phrases: As `new` of `hold_out_phrases`; None: all sets may say the same phrases.
        seed: Of the draws of speakers, of IW trials and of new phrases.
        jobs: Processes that decode the recordings.

    Returns:
        The sets by name, those of SETS that have a recording.

    Raises:
        ProblemsError: with all that is wrong with the CSV and its recordings.
        SvtokError: where nothing in a set can be enrolled, the new phrases cannot be, or the column `set` and `split`
            are both given.
    """
    if isinstance(listing, Path):
        listing = read_listing(listing)
    listings = [listing] if isinstance(listing, Listing) else listing
    where = Path(listings[0].place.path)
    utterances = _all_utterances(listings, channel, jobs)
    rows = pd.concat([listed.rows for listed in listings], ignore_index=True)
    if "set" not in rows:
        names = draw_sets(utterances["spk"], split or DEFAULT_SPLIT, seed)
    elif split is None:
        names = rows["set"].to_numpy(object)
    else:
        raise SvtokError(f"{where}: the column 'set' already says what --split would; leave one of them out")
    marks = rows["enroll"].to_numpy(object) == "1" if "enroll" in rows else None

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
                cross_session=cross_session,
                same=("gender",) if same_gender_only else (),
                enrolled=None if marks is None else marks[chosen],
            )
        except SvtokError as error:
            raise SvtokError(f"{where}: set {name}: {error}") from error
        return PreparedSet(own, models, trials)

    sets = {name: one(name) for name in SETS if (names == name).any()}
    return sets if new_phrases is None else hold_out_phrases(where, sets, new_phrases, seed)


def draw_sets(speakers: pd.Series, split: Mapping[str, float], seed: int) -> np.ndarray:
    """The set of each utterance (N,): every speaker is in one set, and every set has a speaker at least.

    Args:
        speakers: the speaker of each utterance, (N,).
        split: the share of the speakers that each set has, by its name.
        seed: of the draw.

    Raises:
        SvtokError: unless the shares are of sets, positive, and add up to 1, and there are speakers enough.
    """
    shown = ",".join(f"{name}={share:g}" for name, share in split.items())
    if unknown := [unknown_name("set", name, SETS) for name in split if name not in SETS]:
        raise SvtokError(f"split {shown}: {'; '.join(unknown)}")
    if not all(share > 0 for share in split.values()) or abs(sum(split.values()) - 1) > 1e-6:
        raise SvtokError(f"split {shown}: the shares must be over 0 and add up to 1")
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


def _all_utterances(listings: Sequence[Listing], channel: str | None, jobs: int) -> pd.DataFrame:
    """The tables of utterances of several lists as one; all that is wrong with any of them is raised at once."""
    tables: list[pd.DataFrame] = []
    problems: list[Problem] = []
    for listed in listings:
        try:
            tables.append(_utterances(listed, channel, jobs))
        except ProblemsError as error:
            problems += error.problems
    raise_problems(problems)
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def _utterances(listed: Listing, channel: str | None, jobs: int) -> pd.DataFrame:
    """The table of utterances of all sets, in the order of the CSV, checked; `channel`: where its cell is empty."""
    utterances = utterance_columns(listed.rows)
    if "utt" not in utterances:
        utterances.insert(0, "utt", _make_ids(utterances))
    if channel is not None:
        utterances["channel"] = utterances.get("channel", pd.Series("", index=utterances.index)).replace("", channel)
    paths = [Path(path) for path in utterances["path"]]
    parts = {name: as_numbers(utterances[name]) for name in ("start", "end") if name in utterances}
    heard = listen(utterances.assign(**parts), paths, jobs=jobs)
    _complete_parts(utterances, heard)
    if "channel" in utterances:
        utterances["channel"] = utterances["channel"].replace("", "1")  # of files of one channel, or it is a problem
    problems = list(check_cells(utterances, UTTERANCES, listed.place))
    problems += check_keys(utterances, UTTERANCES, listed.place)
    for name in {"start", "end"} & set(utterances):
        utterances[name] = as_numbers(utterances[name])
    problems += check_recordings(utterances, heard, listed.place)
    raise_problems(sorted(problems, key=lambda problem: problem.line or 0))
    warn_of_recordings(paths, heard)
    return with_lengths(utterances, heard)


def _make_ids(utterances: pd.DataFrame) -> pd.Series:
    """speaker-phrase-name of the file; '-2', '-3' is put behind ids that were given before."""
    stems = utterances["path"].map(lambda path: _as_id(normal(Path(path).stem).strip()))
    ids = utterances["spk"] + "-" + utterances["phrase"] + "-" + stems
    number = ids.groupby(ids).cumcount() + 1
    return ids.where(number == 1, ids + "-" + number.astype(str))


def _complete_parts(utterances: pd.DataFrame, heard: list[Heard | AudioError]) -> None:
    """Where a recording is used in part, fill in an empty start (0) and an empty end (that of the file), in place."""
    if "start" not in utterances and "end" not in utterances:
        return
    empty = pd.Series("", index=utterances.index)
    start, end = (utterances.get(name, empty) for name in ("start", "end"))
    durations = [
        repr(found.info.num_samples / found.info.sample_rate) if isinstance(found, Heard) else FAR_END
        for found in heard
    ]
    utterances["start"] = start.where(start != "", "0")
    utterances["end"] = end.where(end != "", durations)
