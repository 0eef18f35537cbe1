"""Reading the key files of RSR2015: enrollment lists (`trn`) and trial lists (`ndx`), in the spellings that are about.

The fields may stand between commas or blanks; files may be named with or without `male/`, as `.sph` or as `.wav`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.corpora.rsr2015_layout import ENROLL_SESSIONS, FLAGS, GENDERS, PARTS, SUBSETS, UtteranceName
from svtok.corpora.trial_flags import read_flags
from svtok.errors import Problem, raise_problems
from svtok.manifest.rows import Lines, read_rows
from svtok.manifest.schema import Place, codes_of

Codes = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

TRN_COLUMNS = ["model", *(f"file{number}" for number, _ in enumerate(ENROLL_SESSIONS, start=1))]
NDX_COLUMNS = ["model", "file", *FLAGS]


@dataclass(frozen=True)
class Key:
    """The lists of one subset and gender: a table of models (model spk phrase utts gender) and one of trials (model
    utt type), as categories that are all in use."""

    models: pd.DataFrame
    trials: pd.DataFrame


def find_key_files(folder: Path) -> dict[tuple[str, str], tuple[Path, Path]]:
    """The trn and the ndx file of each subset and gender, from `trn/` and `ndx/`: `3sesspwd_dev_m.trn`,
    `3sess-pwd_dev_m.ndx`, with or without the hyphen.

    Raises ProblemsError that tells all files that are missing, or there twice.
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


def read_key(trn: Path, ndx: Path, part: int, audio: Collection[str]) -> Key:
    """Read the lists of one subset and gender. `audio` holds the utterances that have a recording.

    Raises ProblemsError with every line that has too few or too many fields, a bad name, an unknown model, a missing
    recording, flags other than one Y and three N, or flags that disagree with the ids. A recording that is missing is
    told once a list.
    """
    problems: list[Problem] = []
    models = _read_trn(trn, part, audio, problems)
    trials = _read_ndx(ndx, set(models["model"]), part, audio, problems)
    raise_problems(problems)
    return Key(models, trials)


def _read_trn(path: Path, part: int, audio: Collection[str], problems: list[Problem]) -> pd.DataFrame:
    table = read_rows(_with_commas(path), TRN_COLUMNS, delimiter=",", dictionaries=(), header=False)
    lines = list(zip(*table.to_pydict().values(), strict=True))
    seen: set[str] = set()
    rows = []
    for number, (model, *files) in enumerate(lines, start=1):
        faults = [fault for file in files if (fault := _file_fault(file, part, audio))]
        faults += [
            f"model '{model}' cannot be enrolled with '{file}', which is of {name.model}"
            for file in files
            if (name := _utterance(file)) and name.model != model
        ]
        if len(set(files)) < len(files):
            faults.append(f"model '{model}' is enrolled with one file twice")
        if model in seen:
            faults.append(f"model '{model}' is there twice")
        seen.add(model)
        problems += [Problem(fault, path, number) for fault in faults]
        spk, _, phrase = model.partition("_")
        rows.append((model, spk, phrase, " ".join(map(_stem, files)), model[0]))
    return pd.DataFrame(rows, columns=["model", "spk", "phrase", "utts", "gender"], dtype="str")


def _read_ndx(
    path: Path, known_models: set[str], part: int, audio: Collection[str], problems: list[Problem]
) -> pd.DataFrame:
    """The trials, checked by columns: a list has up to ten million lines, but names few models and files."""
    table = read_rows(_with_commas(path), NDX_COLUMNS, delimiter=",", dictionaries=NDX_COLUMNS, header=False)
    lines = table.to_pandas()
    place = Place(path, 1)
    model_codes, models = codes_of(lines["model"])
    file_codes, files = codes_of(lines["file"])
    names = [_utterance(file) for file in files]
    model_faults = [
        None if model in known_models else f"model '{model}' is not in the enrollment list" for model in models
    ]
    problems += place.problems_of_values(model_codes, model_faults)
    problems += place.problems_of_values(file_codes, [_file_fault(file, part, audio) for file in files])
    same_speaker = _same(
        [model.partition("_")[0] for model in models], [name and name.spk for name in names], model_codes, file_codes
    )
    same_sentence = _same(
        [model.partition("_")[2] for model in models],
        [name and name.sentence for name in names],
        model_codes,
        file_codes,
    )
    types = (~same_speaker * 2 + ~same_sentence).astype(np.int8)  # which of FLAGS
    named = np.array([name is not None for name in names])[file_codes]
    problems += _flag_problems(place, lines, types, named)
    utt_of_file, utts = pd.factorize(np.array([_stem(file) for file in files], dtype=object))
    return pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(model_codes, categories=pd.Index(models)),
            "utt": pd.Categorical.from_codes(utt_of_file[file_codes], categories=pd.Index(utts)),
            "type": pd.Categorical.from_codes(types, categories=pd.Index(FLAGS)),
        }
    )


def _flag_problems(place: Place, lines: pd.DataFrame, types: npt.NDArray[np.int8], named: Truths) -> Iterator[Problem]:
    """Lines whose flags are not one Y and three N, or (where the file is `named` well) not Y for the type."""
    flagged, problems = read_flags(lines, place)
    yield from problems
    yield from place.problems(
        np.flatnonzero((flagged >= 0) & named & (flagged != types)),
        lambda row: f"the flags say {FLAGS[flagged[row]]}, but model and file make it {FLAGS[types[row]]}",
    )


def _same(of_models: list[str], of_files: list[str | None], model_codes: Codes, file_codes: Codes) -> Truths:
    """Whether the model and the file of each line (lines,) agree in a property: the speaker, or the sentence."""
    codes, _ = pd.factorize(np.array([*of_models, *of_files], dtype=object))
    return np.asarray(codes[: len(of_models)][model_codes] == codes[len(of_models) :][file_codes])


def _with_commas(path: Path) -> Lines:
    """The lines of a key file with one comma between fields, whether there were commas, blanks or both."""
    lines = Lines.open(path)
    if b" " not in lines.content and b"\t" not in lines.content:
        return lines
    trimmed = re.sub(rb"^[ \t]+|[ \t]+(?=\r?$)", b"", lines.content, flags=re.MULTILINE)
    return replace(lines, content=re.sub(rb"[ \t]*,[ \t]*|[ \t]+", b",", trimmed))


def _stem(file: str) -> str:
    """The name of a file without folder and ending."""
    return file.rpartition("/")[2].rpartition(".")[0]


def _utterance(file: str) -> UtteranceName | None:
    try:
        return UtteranceName.parse(_stem(file))
    except ValueError:
        return None


def _file_fault(file: str, part: int, audio: Collection[str]) -> str | None:
    """What is wrong with a file that a list names."""
    name = _utterance(file)
    if name is None:
        return f"'{file}' is not named as speaker_session_sentence, such as m101/m101_02_031.sph"
    if name.sentence not in PARTS[part]:
        return f"'{file}': sentence {name.sentence} is not one of part {part} ({PARTS[part][0]} to {PARTS[part][-1]})"
    return None if name.utt in audio else f"'{file}': there is no such recording"
