"""The enrollment and trial lists of a synthetic RSR2015: small, or of the published size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.corpora.rsr2015_layout import DIGITS_PART, ENROLL_SESSIONS, FLAGS, GENDERS, SUBSETS, UtteranceName
from svtok.corpora.rsr2015_published import TRIALS
from svtok.corpora.synthetic.rsr2015_settings import FullScale, Settings
from svtok.files import write_text, writing_file
from svtok.manifest.rows import write_rows

Rows = npt.NDArray[np.int64]
Models = dict[str, list[UtteranceName]]


def write_lists(root: Path, settings: Settings | FullScale) -> None:
    """Write the enrollment lists (`trn`) and trial lists (`ndx`) of dev and eval, each gender by itself.

    As in RSR2015, each test of Parts I and II meets its own model (TC), the others of its speaker (TW), the same
    sentence of all other speakers (IC), and half of their other sentences (IW). Of full scale are as many of each as
    are published: tests are left out until as many are there as meet so many models, then single trials. In Part III a
    model is a speaker, whom each test meets, its own (TC) and others (IC).
    """
    key = root / "key" / f"part{settings.part}"
    for subset, gender in product(SUBSETS, GENDERS):
        models = _models(settings, subset, gender)
        wanted = TRIALS[settings.part, subset, gender] if isinstance(settings, FullScale) else None
        tests = _tests(settings, subset, gender, wanted)
        _write_trn(key / "trn" / f"3sesspwd_{subset}_{gender}.trn", models)
        types = _types([names[0] for names in models.values()], tests, by_sentence=settings.part != DIGITS_PART)
        _write_ndx(key / "ndx" / f"3sess-pwd_{subset}_{gender}.ndx", list(models), tests, types, wanted)


def _models(settings: Settings | FullScale, subset: str, gender: str) -> Models:
    """The files that each model is enrolled with: those of a sentence, or in Part III all of a speaker."""
    models: Models = {}
    speakers = settings.speakers_of(subset, gender)
    for spk, sentence, session in product(speakers, settings.enroll_sentences, ENROLL_SESSIONS):
        name = UtteranceName(spk, gender, session, sentence)
        models.setdefault(spk if settings.part == DIGITS_PART else name.model, []).append(name)
    return models


def _tests(
    settings: Settings | FullScale, subset: str, gender: str, wanted: Sequence[int] | None
) -> list[UtteranceName]:
    """The tests: all, or, evenly spread, only so many as the wanted numbers of trials take."""
    speakers, sentences = settings.speakers_of(subset, gender), settings.test_sentences
    sessions = [session for session in settings.session_names if session not in ENROLL_SESSIONS]
    tests = [
        UtteranceName(spk, gender, session, sentence)
        for spk, sentence, session in product(speakers, sentences, sessions)
    ]
    if wanted is None:
        return tests
    trials_a_test = (1, len(sentences) - 1, len(speakers) - 1)  # TC, TW, IC
    number = max(-(-count // each) for count, each in zip(wanted[:3], trials_a_test, strict=True))
    return [tests[row] for row in _spread(np.arange(len(tests)), number).tolist()]


def _write_trn(path: Path, models: Models) -> None:
    lines = ([model, *(name.file_with_gender for name in names)] for model, names in models.items())
    write_text(path, "".join(",".join(fields) + "\n" for fields in lines))


def _write_ndx(
    path: Path,
    models: list[str],
    tests: Sequence[UtteranceName],
    types: npt.NDArray[np.int8],
    wanted: Sequence[int] | None,
) -> None:
    meets = np.sort(np.concatenate(list(_drawn(types, wanted))))
    model, test = meets // len(tests), meets % len(tests)
    flags = [",".join("Y" if flag == name else "N" for flag in FLAGS) for name in FLAGS]
    lines = pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(model, categories=pd.Index(models)),
            "file": pd.Categorical.from_codes(test, categories=pd.Index([name.file for name in tests])),
            "flags": pd.Categorical.from_codes(types.ravel()[meets], categories=pd.Index(flags)),
        }
    )
    with writing_file(path) as temporary:
        write_rows(lines, temporary, delimiter=",", header=False)


def _types(
    models: Sequence[UtteranceName], tests: Sequence[UtteranceName], *, by_sentence: bool
) -> npt.NDArray[np.int8]:
    """The type of each model against each test (models, tests), as a number into FLAGS."""

    def differ(values: list[str]) -> npt.NDArray[np.bool_]:
        codes, _ = pd.factorize(np.array(values, dtype=object))
        codes = codes.astype(np.int16)
        return np.asarray(codes[: len(models), None] != codes[None, len(models) :])

    impostor = differ([name.spk for name in (*models, *tests)])
    wrong = differ([name.sentence for name in (*models, *tests)]) if by_sentence else np.zeros_like(impostor)
    return (impostor * np.int8(2) + wrong).astype(np.int8)


def _drawn(types: npt.NDArray[np.int8], wanted: Sequence[int] | None) -> Iterator[Rows]:
    """The cells of the trials of each type: all TC, TW and IC and half of IW, or so many as are wanted."""
    for number, flag in enumerate(FLAGS):
        cells = np.flatnonzero(types == number)
        count = len(cells) if wanted is None else wanted[number]
        if flag != "IW":
            yield _spread(cells, count)
            continue
        count = len(cells) // 2 if wanted is None else count
        # of a test and an impostor by turns the one half of the sentences and the other
        half = (cells // types.shape[1] + cells % types.shape[1]) % 2 == 0
        chosen, others = cells[half], cells[~half]
        yield _spread(chosen, min(count, len(chosen)))
        yield _spread(others, max(count - len(chosen), 0))


def _spread(rows: Rows, number: int) -> Rows:
    """So many of the rows, evenly spread over them."""
    return rows[np.arange(number) * len(rows) // max(number, 1)]
