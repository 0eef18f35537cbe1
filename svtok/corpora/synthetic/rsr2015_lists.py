"""Who speaks in a synthetic RSR2015 Part II, and its enrollment and trial lists."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.corpora.rsr2015_layout import ENROLL_SESSIONS, FLAGS, GENDERS, PARTS, SESSIONS, SUBSETS, UtteranceName
from svtok.corpora.synthetic.marker import Settings
from svtok.files import write_text, writing_file
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.rows import write_rows


def speakers_of(settings: Settings, subset: str, gender: str) -> list[str]:
    """The speakers of one gender in `bkg`, `dev` or `eval`; they are numbered in this order, as in RSR2015."""
    counts = {"bkg": settings.speakers, "dev": settings.dev_speakers, "eval": settings.eval_speakers}
    first = 1
    for name, count in counts.items():
        if name == subset:
            return [f"{gender}{number:03d}" for number in range(first, first + count // 2)]
        first += count // 2
    raise KeyError(subset)


def sentences_of(settings: Settings) -> tuple[str, ...]:
    return PARTS[2][: settings.phrases]


def sessions_of(settings: Settings) -> tuple[str, ...]:
    """The sessions that are kept: those that enroll always, and the first of the others."""
    tests = [session for session in SESSIONS if session not in ENROLL_SESSIONS]
    return tuple(sorted((*ENROLL_SESSIONS, *tests[: settings.sessions - len(ENROLL_SESSIONS)])))


def write_lists(root: Path, settings: Settings) -> None:
    """Write the enrollment lists (`trn`) and trial lists (`ndx`) of dev and eval, each gender by itself.

    As in RSR2015, each model meets all TC, TW and IC tests of its gender and half of the IW tests.
    """
    for subset, gender in product(SUBSETS, GENDERS):
        names = [
            UtteranceName(spk, gender, session, sentence)
            for spk in speakers_of(settings, subset, gender)
            for sentence in sentences_of(settings)
            for session in sessions_of(settings)
        ]
        key = root / "key" / "part2"
        _write_trn(key / "trn" / f"3sesspwd_{subset}_{gender}.trn", names)
        _write_ndx(key / "ndx" / f"3sess-pwd_{subset}_{gender}.ndx", names, settings.seed)


def _write_trn(path: Path, names: list[UtteranceName]) -> None:
    files: dict[str, list[str]] = {}
    for name in names:
        if name.session in ENROLL_SESSIONS:
            files.setdefault(name.model, [name.model]).append(name.file_with_gender)
    write_text(path, "".join(",".join(fields) + "\n" for fields in files.values()))


def _write_ndx(path: Path, names: list[UtteranceName], seed: int) -> None:
    utterances = pd.DataFrame(
        {
            "utt": [name.utt for name in names],
            "path": [name.file for name in names],
            "spk": [name.spk for name in names],
            "phrase": [name.sentence for name in names],
        }
    )
    enrolled = np.array([name.session in ENROLL_SESSIONS for name in names])
    models, trials = make_models_and_trials(utterances, enroll_takes=len(ENROLL_SESSIONS), seed=seed, enrolled=enrolled)
    model_names = dict(zip(models["model"], models["spk"] + "_" + models["phrase"], strict=True))
    files = {name.utt: name.file for name in names}
    lines = pd.DataFrame(
        {
            "model": trials["model"].cat.rename_categories(model_names),
            "file": trials["utt"].cat.rename_categories(files),
        }
    )
    for flag in FLAGS:
        lines[flag] = np.where(trials["type"] == flag, "Y", "N")
    with writing_file(path) as temporary:
        write_rows(lines, temporary, delimiter=",", header=False)
