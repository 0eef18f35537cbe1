"""Reading the key files of RSR2015: enrollment lists (`trn`) and trial lists (`ndx`), in the spellings that are about.

The fields may stand between commas or blanks; files may be named with or without `male/`, as `.sph` or as `.wav`.

How the lists of Part III look is not known. There a model may be enrolled with any files of its speaker, and the flags
alone say which trials are of the right phrase, unless models are named and enrolled by sentence and some trials are
flagged as of the wrong one: then ids and flags must agree as in the other parts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.corpora.common import read_flags
from svtok.corpora.rsr2015.layout import (
    DIGITS_PART,
    ENROLL_SESSIONS,
    FLAGS,
    GENDERS,
    PARTS,
    SUBSETS,
    UtteranceName,
    part_of,
)
from svtok.errors import Problem, raise_problems
from svtok.manifest.schema import UNKNOWN, Place, codes_of
from svtok.manifest.tables import Lines, read_rows

Codes = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
Absent = dict[str, Problem]

NDX_COLUMNS = ["model", "file", *FLAGS]


@dataclass(frozen=True)
class Key:
    """The lists of one subset and gender: a table of models (model spk phrase utts gender) and one of trials (model
    utt type), as categories that are all in use. The phrases of the models are their sentences where `by_sentence`,
    else not known."""

    models: pd.DataFrame
    trials: pd.DataFrame
    by_sentence: bool


def find_key_files(folder: Path) -> dict[tuple[str, str], tuple[Path, Path]]:
    """The trn and the ndx file of each subset and gender, from `trn/` and `ndx/`: `3sesspwd_dev_m.trn`,
    `3sess-pwd_dev_m.ndx`, with or without the hyphen.

    Raises ProblemsError with all files that are missing, or there twice.
    """
    problems: list[Problem] = []
    files = {
        (subset, gender): (
            _find(folder / "trn", f"_{subset}_{gender}.trn", problems),
            _find(folder / "ndx", f"_{subset}_{gender}.ndx", problems),
        )
        for subset, gender in product(SUBSETS, GENDERS)
    }
    raise_problems(problems)
    return files


def _find(folder: Path, ending: str, problems: list[Problem]) -> Path:
    """The list of this ending; one that is missing, or there twice, goes to `problems`."""
    spellings = [folder / f"3sesspwd{ending}", folder / f"3sess-pwd{ending}"]
    found = [path for path in spellings if path.is_file()]
    if not found:
        problems.append(Problem(f"neither {spellings[0].name} nor {spellings[1].name} is there", folder))
        return spellings[0]
    if len(found) > 1:
        problems.append(Problem(f"the same list as {found[1].name}: remove one of the two", found[0]))
    return found[0]


def read_key(trn: Path, ndx: Path, part: int, audio: Collection[str] | None, absent: Absent) -> Key:
    """Read the lists of one subset and gender. `audio` holds the utterances that have a recording (None: all); those
    that have none go to `absent`, with the first line that names them.

    Args:
        trn: the list of models.
        ndx: the list of trials.
        part: the part of RSR2015, 1 to 3.
        audio: the utterances that have a recording.
        absent: where those without are added.

    Raises:
        ProblemsError: with every line that has too few or too many fields, a bad name, an unknown model, flags other
            than one Y and three N, or flags that disagree with the ids.
    """
    problems: list[Problem] = []
    models, by_sentence = _read_trn(trn, part, audio, absent, problems)
    trials, by_sentence = _read_ndx(ndx, models, part, by_sentence, audio, absent, problems)
    raise_problems(problems)
    return Key(models if by_sentence else models.assign(phrase=UNKNOWN), trials, by_sentence)


def _read_trn(
    path: Path, part: int, audio: Collection[str] | None, absent: Absent, problems: list[Problem]
) -> tuple[pd.DataFrame, bool]:
    """The models, and whether each is named and enrolled by one sentence."""
    seen: set[str] = set()
    rows = []
    by_sentence = True
    for number, line in Lines.open(path):
        model, *files = re.split(r"[ \t]*,[ \t]*|[ \t]+", line.strip())
        faults = [fault for file in files if (fault := _file_fault(file, part))]
        names = {file: name for file in files if (name := _utterance(file))}
        faults += _enrollment_faults(model, files, names, part)
        if model in seen:
            faults.append(f"model '{model}' is there twice")
        seen.add(model)
        problems += [Problem(fault, path, number) for fault in faults]
        by_sentence &= all(name.model == model for name in names.values())
        for file in files:
            if name := _of_part(names.get(file), part):
                _look_for(name.utt, file, audio, absent, path, number)
        spk, _, phrase = model.partition("_")
        rows.append((model, spk, phrase, " ".join(map(_stem, files)), model[:1]))
    return pd.DataFrame(rows, columns=["model", "spk", "phrase", "utts", "gender"], dtype="str"), by_sentence


def _enrollment_faults(model: str, files: list[str], names: dict[str, UtteranceName], part: int) -> Iterator[str]:
    """What is wrong between a model and the files that enroll it."""
    if not files or (part != DIGITS_PART and len(files) != len(ENROLL_SESSIONS)):
        wanted = "at least 2" if part == DIGITS_PART else f"{1 + len(ENROLL_SESSIONS)}"
        fields = "1 field" if not files else f"{1 + len(files)} fields"
        yield f"{fields} where there should be {wanted} (a model and the files that enroll it)"
    for file, name in names.items():
        owner = name.spk if part == DIGITS_PART else name.model
        if owner != (model.partition("_")[0] if part == DIGITS_PART else model):
            yield f"model '{model}' cannot be enrolled with '{file}', which is of {owner}"
    if len(set(files)) < len(files):
        yield f"model '{model}' is enrolled with one file twice"


def _read_ndx(
    path: Path,
    models: pd.DataFrame,
    part: int,
    by_sentence: bool,
    audio: Collection[str] | None,
    absent: Absent,
    problems: list[Problem],
) -> tuple[pd.DataFrame, bool]:
    """The trials, checked by columns (a list has up to ten million lines, but names few models and files), and whether
    the ids say which are of the right sentence."""
    lines = read_rows(
        Lines.open(path).separated_by(","), NDX_COLUMNS, delimiter=",", dictionaries=NDX_COLUMNS, header=False
    ).to_pandas()
    place = Place(path, 1)
    model_codes, model_ids = codes_of(lines["model"])
    file_codes, files = codes_of(lines["file"])
    names = [_utterance(file) for file in files]
    known = set(models["model"])
    unknown = [None if model in known else f"model '{model}' is not in the enrollment list" for model in model_ids]
    problems += place.problems_of_values(model_codes, unknown)
    problems += place.problems_of_values(file_codes, [_file_fault(file, part) for file in files])
    for row, name in _first_rows(file_codes, [_of_part(name, part) for name in names], audio):
        _look_for(name.utt, files[file_codes[row]], audio, absent, path, place.line(row))
    flagged, faults = read_flags(lines, place)
    problems += faults
    types = _types_of_ids(model_ids, names, model_codes, file_codes)
    by_sentence &= part != DIGITS_PART or bool(np.isin(flagged, [FLAGS.index("TW"), FLAGS.index("IW")]).any())
    disagree = flagged != types if by_sentence else flagged // 2 != types // 2
    named = np.array([name is not None for name in names])[file_codes]
    problems += place.problems(
        np.flatnonzero(disagree & named & (flagged >= 0)),
        lambda row: f"the flags say {FLAGS[flagged[row]]}, but model and file make it {FLAGS[types[row]]}",
    )
    utt_of_file, utts = pd.factorize(np.array([_stem(file) for file in files], dtype=object))
    trials = pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(model_codes, categories=pd.Index(model_ids)),
            "utt": pd.Categorical.from_codes(utt_of_file[file_codes], categories=pd.Index(utts)),
            "type": pd.Categorical.from_codes(flagged, categories=pd.Index(FLAGS)),
        }
    )
    return trials, by_sentence


def _types_of_ids(
    model_ids: list[str], names: list[UtteranceName | None], model_codes: Codes, file_codes: Codes
) -> npt.NDArray[np.int8]:
    """The type of each line (lines,), as a number into FLAGS, by speaker and sentence of its model and its file."""
    same_speaker = _same(
        [model.partition("_")[0] for model in model_ids], [name and name.spk for name in names], model_codes, file_codes
    )
    same_sentence = _same(
        [model.partition("_")[2] for model in model_ids],
        [name and name.sentence for name in names],
        model_codes,
        file_codes,
    )
    return (~same_speaker * np.int8(2) + ~same_sentence).astype(np.int8)


def _same(of_models: list[str], of_files: list[str | None], model_codes: Codes, file_codes: Codes) -> Truths:
    """Whether the model and the file of each line (lines,) agree in a property: the speaker, or the sentence."""
    codes, _ = pd.factorize(np.array([*of_models, *of_files], dtype=object))
    return np.asarray(codes[: len(of_models)][model_codes] == codes[len(of_models) :][file_codes])


def _first_rows(
    file_codes: Codes, names: list[UtteranceName | None], audio: Collection[str] | None
) -> Iterator[tuple[int, UtteranceName]]:
    """The first row of each file without a recording."""
    lacking = {code for code, name in enumerate(names) if name and audio is not None and name.utt not in audio}
    if lacking:
        codes, first = np.unique(file_codes, return_index=True)
        for code, row in sorted(zip(codes.tolist(), first.tolist(), strict=True), key=lambda pair: pair[1]):
            if code in lacking and (name := names[code]):
                yield row, name


def _look_for(utt: str, file: str, audio: Collection[str] | None, absent: Absent, path: Path, line: int) -> None:
    if audio is not None and utt not in audio:
        absent.setdefault(utt, Problem(f"'{file}': there is no such recording", path, line))


def _stem(file: str) -> str:
    """The name of a file without folder and ending."""
    return file.rpartition("/")[2].rpartition(".")[0]


def _utterance(file: str) -> UtteranceName | None:
    try:
        return UtteranceName.parse(_stem(file))
    except ValueError:
        return None


def _of_part(name: UtteranceName | None, part: int) -> UtteranceName | None:
    return name if name and part_of(name.sentence) == part else None


def _file_fault(file: str, part: int) -> str | None:
    """What is wrong with the name of a file in a list."""
    name = _utterance(file)
    if name is None:
        return f"'{file}' is not named as speaker_session_sentence, such as m101/m101_02_{PARTS[part][0]}.sph"
    if part_of(name.sentence) == part:
        return None
    return f"'{file}': sentence {name.sentence} is not one of part {part} ({PARTS[part][0]} to {PARTS[part][-1]})"
