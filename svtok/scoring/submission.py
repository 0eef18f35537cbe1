"""Submissions to the SdSV challenges and TdSV 2024: a ZIP of answer.txt and metadata.

As the plan of the challenge says (arXiv:1912.06311): answer.txt has one score a line, in the order of the challenge's
list of trials, and no header; metadata has a line `public-description:` and a line `fused-systems-count:`; both are at
the root of the ZIP.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.corpora.sdsv.lists import read_trials
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
from svtok.files import writing_file
from svtok.manifest.schema import Place
from svtok.manifest.tables import Lines, read_rows, write_rows
from svtok.scoring.scores import read_scores, scores_of_trials

ANSWER, METADATA = "answer.txt", "metadata"
DESCRIPTION, SYSTEMS = "public-description", "fused-systems-count"
SAME_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same scores give the same file
MOST_NAMED = 5
MOST_METADATA, MOST_OF_A_SCORE = 1 << 16, 100
"""Bytes of the metadata, and of a line of the answer: a ZIP of a few bytes can hold gigabytes."""


def write_submission(out: Path, scores: Path, trials: Path, *, description: str, fused_systems: int) -> int:
    """Write the ZIP of the scores for the challenge's own list of trials.

    Args:
        out: the ZIP; written whole or not at all.
        scores: a table of `svtok score`.
        trials: the challenge's list.
        description: the public description, a line of text.
        fused_systems: how many systems the scores are a fusion of.

    Returns:
        The number of trials.

    Raises:
        SvtokError: the description is not one line of text.
        ProblemsError: the scores are not of the very trials of the list, or not all finite.
    """
    if len(description.split("\n")) != 1 or not description.strip():
        raise SvtokError("the public description of a submission is one line of text")
    in_order = _scores_in_order(scores, trials)
    metadata = f"{DESCRIPTION}: {description.strip()}\n{SYSTEMS}: {fused_systems}\n"
    with tempfile.TemporaryDirectory(prefix="svtok-") as folder, writing_file(out) as temporary:
        answer = Path(folder, ANSWER)
        write_rows(pd.DataFrame({"score": in_order}), answer, delimiter="\t", header=False)
        with zipfile.ZipFile(temporary, "w") as archive:
            _add(archive, METADATA, metadata.encode())
            _add(archive, ANSWER, answer.read_bytes())
    return len(in_order)


def check_submission(path: Path, trials: Path, scores: Path | None = None) -> int:
    """Check a ZIP against the challenge's list of trials.

    Args:
        path: the ZIP.
        trials: the challenge's list.
        scores: where given, the table whose scores it must hold, in the order of the list.

    Returns:
        The number of trials.

    Raises:
        ProblemsError: with everything that is wrong with it.
    """
    expected = None if scores is None else _scores_in_order(scores, trials)
    number = len(_read_trials(trials)) if expected is None else len(expected)
    problems: list[Problem] = []
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            problems += [
                Problem(f"there is no {name} at its root", path) for name in (ANSWER, METADATA) if name not in names
            ]
            problems += [Problem(f"holds '{name}' too", path) for name in names if name not in (ANSWER, METADATA)]
            for name, most in ((METADATA, MOST_METADATA), (ANSWER, (number + 1) * MOST_OF_A_SCORE)):
                if name in names and (size := archive.getinfo(name).file_size) > most:
                    what = f"{name} would unpack to {size} bytes, more than {most}, and is not read"
                    raise ProblemsError([*problems, Problem(what, path)])
            if METADATA in names:
                problems += _check_metadata(archive.read(METADATA), path / METADATA)
            if ANSWER in names:
                problems += _check_answer(archive.read(ANSWER), path / ANSWER, number, expected)
    except SvtokError:
        raise
    except Exception as error:  # of damaged bytes zipfile raises nearly anything: OSError, EOFError, zlib.error ...
        raise ProblemsError([Problem(f"not a ZIP file that can be read: {error}", path)]) from error
    raise_problems(problems)
    return number


def _read_trials(path: Path) -> pd.DataFrame:
    problems: list[Problem] = []
    trials = read_trials(path, None, problems)
    raise_problems(problems)
    return trials


def _scores_in_order(scores: Path, trials: Path) -> NDArray[np.float64]:
    return scores_of_trials(read_scores(scores), _read_trials(trials), path=scores)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, SAME_DATE)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def _check_metadata(content: bytes, path: Path) -> Iterator[Problem]:
    fields = {}
    for line in content.decode("utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    if not fields.get(DESCRIPTION):
        yield Problem(f"there is no line '{DESCRIPTION}: ...'", path)
    if not re.fullmatch("0*[1-9][0-9]{0,8}", fields.get(SYSTEMS, "")):
        yield Problem(f"there is no line '{SYSTEMS}: N' with a whole number over 0", path)


def _check_answer(content: bytes, path: Path, number: int, expected: NDArray[np.float64] | None) -> Iterator[Problem]:
    if not content:
        yield Problem("the file is empty", path)
        return
    try:
        texts = read_rows(Lines(path, "", content), ["score"], delimiter="\t", header=False).column(0).to_pandas()
    except ProblemsError as error:
        yield from error.problems
        return
    if len(texts) != number:
        yield Problem(f"{len(texts)} lines, but the list of trials has {number} trials", path)
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    place = Place(path)
    yield from place.problems(
        np.flatnonzero(~np.isfinite(numbers)), lambda row: f"'{texts[row]}' is not a finite number", MOST_NAMED
    )
    if expected is not None and len(numbers) == number:
        other = np.isfinite(numbers) & (numbers != expected)
        yield from place.problems(
            np.flatnonzero(other), lambda row: f"{texts[row]} is not the score of this trial", MOST_NAMED
        )
