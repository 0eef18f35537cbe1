"""A corpus that lhotse describes: manifests of cuts (`cuts.jsonl.gz`), a JSON object a line.

They are read here, a line at a time, and lhotse is not needed. A cut is an utterance: its one supervision says who
speaks (`speaker`) and what (`custom.phrase`, or else `text`), its recording names the file. See lhotse's
documentation: https://lhotse.readthedocs.io, "Cuts".
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pandas as pd

from svtok.corpora.table import Listing, make_listing
from svtok.errors import Problem, ProblemsError, raise_problems, warn
from svtok.manifest.schema import MOST_OF_A_KIND, MOST_SECONDS, Place, normal

LONGEST_LINE = 1 << 24
"""Bytes of a cut; alignments of words may make it long."""
OPTIONAL = ("gender", "lang", "session", "text")
"""What is known of an utterance in some manifests; a column that is not filled in every cut is left out."""


class _CutError(Exception):
    """What is wrong with a line."""


def read_cuts(
    manifests: Sequence[tuple[str | None, Path]], *, phrase: str | None = None, wav_root: Path | None = None
) -> list[Listing]:
    """The cuts of manifests as lists of recordings, which `svtok.corpora.table.prepare` takes.

    Args:
        manifests: of each the set that its cuts belong to, or None, and the file: JSON lines, packed by gzip or not.
        phrase: the one phrase that all cuts say; None: what each of them says of it.
        wav_root: what relative paths of recordings are relative to; default: the working folder, as in lhotse.

    Raises:
        ProblemsError: with every line that is no cut of one supervision, has no speaker or phrase, or whose recording
            is no file: nothing is fetched, and no command is run.
    """
    tables: list[pd.DataFrame] = []
    places: list[Place] = []
    problems: list[Problem] = []
    for name, path in manifests:
        cells, lines = [], []
        if not path.is_file():
            problems.append(Problem("there is no such file", path))
            continue
        faults = 0
        for number, line in _lines(path, problems):
            try:
                cells.append({**_row(line, phrase), **({"set": name} if name else {})})
                lines.append(number)
            except _CutError as error:
                problems.append(Problem(str(error), path, number))
                faults += 1
            if faults == MOST_OF_A_KIND:
                problems.append(Problem("further lines were not looked at", path))
                break
        if not cells and not faults:
            problems.append(Problem("there is no cut in the file", path))
        tables.append(pd.DataFrame(cells, dtype=object))
        places.append(Place(path, lines=lines))
    raise_problems(problems)
    _leave_out(tables, str(manifests[0][1]))
    listings: list[Listing] = []
    for table, place in zip(tables, places, strict=True):
        try:
            listings.append(make_listing(table, place, wav_root or Path()))
        except ProblemsError as error:
            problems += error.problems
    raise_problems(problems)
    return listings


def _lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, bytes]]:
    """The number of each line and its bytes; what ends the reading is added to the problems."""
    number = 0
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    problems.append(Problem(f"the line has more than {LONGEST_LINE} bytes", path, number))
                    return
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problems.append(Problem(f"is damaged after this line ({error}); copy it once more", path, number))


def _row(line: bytes, phrase: str | None) -> dict[str, str]:
    """The cells of a cut."""
    try:
        cut = json.loads(line)
    except (ValueError, RecursionError):
        raise _CutError("is no JSON object of a cut") from None
    if not isinstance(cut, dict) or "supervisions" not in cut:
        what = "is no cut (it has no 'supervisions')"
        if isinstance(cut, dict) and "tracks" in cut:
            what = "is a mixed cut, of several recordings: save its audio, and make cuts of that"
        elif isinstance(cut, dict) and ("sources" in cut or "recording_id" in cut):
            what = "is a recording or a supervision: make cuts of both with `lhotse cut simple`"
        raise _CutError(what)
    supervisions = cut["supervisions"]
    if not isinstance(supervisions, list) or len(supervisions) != 1 or not isinstance(supervisions[0], dict):
        count = len(supervisions) if isinstance(supervisions, list) else "no list of"
        mend = "make a cut of each with `lhotse cut trim-to-supervisions`"
        raise _CutError(f"has {count} supervisions where there should be one; {mend}")
    one = supervisions[0]
    custom, of_cut = _mapping(one.get("custom")), _mapping(cut.get("custom"))
    said = phrase or custom.get("phrase") or of_cut.get("phrase") or one.get("text")
    for name, value in (("speaker", one.get("speaker")), ("text, and no custom.phrase", said)):
        if not isinstance(value, str | int) or not str(value).strip():
            raise _CutError(f"its supervision has no {name}")
    path, channel = _file(cut)
    start, end = _span(cut)
    known = {"gender": one.get("gender"), "lang": one.get("language"), "text": one.get("text")}
    known["session"] = custom.get("session") or of_cut.get("session")
    row = {"path": path, "spk": one["speaker"], "phrase": said, "utt": cut.get("id") or one.get("id") or ""}
    cells = {**row, "start": start, "end": end, "channel": channel, **known}
    return {name: _text(value, is_path=name == "path") for name, value in cells.items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object, *, is_path: bool) -> str:
    text = "" if value is None or isinstance(value, dict | list) else str(value)
    return text if is_path else normal(text).strip()


def _file(cut: Mapping[str, Any]) -> tuple[str, str]:
    """The file of a cut, and which of its channels; '' where it has only one."""
    recording = _mapping(cut.get("recording"))
    channel = cut.get("channel", 0)
    if not isinstance(channel, int):
        raise _CutError(f"has the channels {channel!r}; an utterance is of one channel")
    if recording.get("transforms"):
        raise _CutError("its recording is changed as it is read ('transforms'): save its audio, and make cuts of that")
    sources = recording.get("sources")
    of_channel = [
        source
        for source in (sources if isinstance(sources, list) else ())
        if isinstance(source, dict) and isinstance(source.get("channels"), list) and channel in source["channels"]
    ]
    if len(of_channel) != 1:
        raise _CutError(f"its recording has {len(of_channel)} sources of channel {channel}, where there should be one")
    source = of_channel[0]
    if source.get("type") != "file" or not isinstance(source.get("source"), str):
        kind = source.get("type")
        raise _CutError(
            f"its recording is of the type {kind!r}; svtok reads files, fetches nothing and runs no command"
        )
    several = len(source["channels"]) > 1
    return source["source"], str(source["channels"].index(channel) + 1) if several else ""


def _span(cut: Mapping[str, Any]) -> tuple[str, str]:
    """Start and end in seconds of a cut within its file; '' where it is the whole file."""
    recording = _mapping(cut.get("recording"))
    start, duration, whole = cut.get("start", 0), cut.get("duration"), recording.get("duration", -1)
    for name, value in (("start", start), ("duration", duration)):
        if not _is_number(value):
            raise _CutError(f"its {name} is {value!r}, and no number of seconds")
    end = start + duration
    rate = recording.get("sampling_rate", -1)
    half_a_sample = 0.5 / rate if _is_number(rate) and rate else 0.0
    if _is_number(whole) and end >= whole - half_a_sample:  # rounding may leave it a little behind
        return ("" if start == 0 else repr(float(start))), ""
    return repr(float(start)), repr(float(end))


def _is_number(value: object) -> bool:
    """Whether it is a number, from 0 to the most seconds of a table; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SECONDS


def _leave_out(tables: list[pd.DataFrame], where: str) -> None:
    """Leave out, of all tables alike, the columns that are empty, or those of OPTIONAL that some rows have not."""
    for name in ("start", "end", "channel", *OPTIONAL):
        filled = [bool(cell) for table in tables for cell in table[name]]
        if not any(filled) or (name in OPTIONAL and not all(filled)):
            if any(filled):
                count = len(filled) - sum(filled)
                warn(f"{where}: '{name}' is left out, for {count} of {len(filled)} cuts do not have it")
            for table in tables:
                del table[name]
