"""HI-MIA: 340 people say one Chinese wake word, near and far, to microphone arrays and a close-talking microphone.

Source: X. Qin, H. Bu, M. Li, "HI-MIA: A Far-field Text-dependent Speaker Verification Database and the Baselines",
ICASSP 2020; OpenSLR 85 (Apache-2.0): train.tar.gz, dev.tar.gz, test_v2.tar.gz. The tree, as Kaldi's and lhotse's
recipes read it and as the `readme.txt` of filename_mapping.tar.gz gives the names:

    train/SPEECHDATA/wav/SV0219/SV0219_6_10_N2631.wav     speaker _ point _ microphone _ speed, number
    dev/SPEECHDATA/wav/...                                the same
    test/wav/SV0297_2_00_F0041.wav                        the same names; the folder may be called test_v2
    test/trials_1m, test/trials_mic                       SV0299_7_01_S0096.wav SV0333_2_{}_N0124.wav nontarget

Points 2, 5 and 6 are circular arrays of 16 microphones, 7 is the close-talking one; the speed is S, N or F. `{}` in a
trial stands for any microphone of the array: as in Kaldi's recipe, a line is one trial for each (in `trials_1m`, where
the enrollment has it too, the same microphone on both sides). The numbers in train and dev do not say which recordings
of an array belong together (filename_mapping.tar.gz does): in dev a test may be the very utterance that enrolled, as
another microphone heard it, which is easier than any other test. The withdrawn test.tar.gz,
with names like id00001_04.wav, is refused. All say "ni hao, mi ya": there are trials of the types TC and IC only.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.corpora.common import Protocol, Published, check_counts, look_at_takes, warn_of_unused
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems, unknown_name, warn
from svtok.manifest.protocol import first_takes, make_models_and_trials
from svtok.manifest.sets import SETS, PreparedSet
from svtok.manifest.tables import Lines

PUBLISHED = Published(
    {"train speakers": 254, "dev speakers": 42, "eval speakers": 44},
    "OpenSLR 85 for the speakers; for the recordings the lines of the corpus's lists, by lhotse's recipe",
    remembered={"train recordings": 993_083, "dev recordings": 164_640, "eval recordings": 165_120},
)
FOLDERS = {"train": ("train/SPEECHDATA/wav",), "dev": ("dev/SPEECHDATA/wav",), "eval": ("test_v2/wav", "test/wav")}
FILE_NAME = re.compile(r"SV[0-9]{4}_[0-9]_[0-9]{2}_[SNF][0-9]{4}\.wav")
WITHDRAWN = re.compile(r"id[0-9]{5}_[0-9]{2}\.wav")
CLOSE_TALKING = "7"
PHRASE = {"phrase": "ni-hao-mi-ya", "text": "你好，米雅", "lang": "zh"}
LABELS = {"target": "TC", "nontarget": "IC"}


def prepare(
    root: Path,
    *,
    trials: str = "mic",
    microphones: Collection[str] = (),
    enroll_takes: int = 3,
    impostors: int = 10,
    cross_session: bool = False,
    seed: int = 0,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train, dev (with models and trials of ours) and eval (the official ones), those that are there.

    Args:
        root: The corpus, which holds `train/`, `dev/` and `test/`.
        trials: Which official trials eval has: `mic` or `1m`. eval holds what they name.
        microphones: Numbers, such as 01, of the arrays' microphones that are taken; none: all of them.
        enroll_takes: The first close-talking recordings of a speaker of dev, which enroll it; the others are tests.
        impostors: Models of other speakers that a test of dev meets at most, beside its speaker's.
        cross_session: Leave out TC and TW trials whose test is of a session that enrolled the model.
        seed: Draws the impostors.
        allow_missing: Prepare a part of the corpus, and leave out trials of which no recordings are there.
        jobs: Processes that decode the recordings.

    Raises:
        SvtokError: where `root` is not the corpus, or not all of it.
        ProblemsError: with every file and every line of the trials that cannot be used.
    """
    folders = {name: _find(root, name) for name in SETS}
    if not any(folders.values()):
        raise SvtokError(f"{root}: not HI-MIA: none of the folders {', '.join(sum(FOLDERS.values(), ()))} is there")
    takes = {name: _takes(folder) if folder else _table([]) for name, folder in folders.items()}
    found = {f"{name} speakers": table["spk"].nunique() for name, table in takes.items()}
    found |= {f"{name} recordings": len(table) for name, table in takes.items()}
    check_counts(root, found, PUBLISHED, allow_missing=allow_missing)
    sets, problems = {}, []
    for name, folder in folders.items():
        if folder is None:
            continue
        try:
            table = _of_microphones(takes[name], microphones, folder)
            if name == "train":
                sets[name] = PreparedSet(look_at_takes(table, [], jobs))
            elif name == "dev":
                protocol = partial(
                    make_models_and_trials,
                    enroll_takes=enroll_takes,
                    impostors=impostors,
                    cross_session=cross_session,
                    seed=seed,
                )
                sets[name] = _development(look_at_takes(table, [], jobs), folder, enroll_takes, protocol)
            else:
                sets[name] = _evaluation(table, folder.parent / f"trials_{trials}", allow_missing, jobs)
        except ProblemsError as error:
            problems += error.problems
    raise_problems(problems)
    return sets


def _find(root: Path, name: str) -> Path | None:
    """The folder of the recordings of a set, if it is there."""
    return next((root / folder for folder in FOLDERS[name] if (root / folder).is_dir()), None)


def _takes(folder: Path) -> pd.DataFrame:
    """The recordings below a folder. Raises ProblemsError with all that have another name than they should."""
    paths = sorted(folder.resolve().rglob("*.wav"))
    if any(WITHDRAWN.fullmatch(path.name) for path in paths):
        raise SvtokError(f"{folder}: this is the withdrawn test.tar.gz of HI-MIA; put test_v2.tar.gz in its place")
    what = "not named as a recording of HI-MIA, such as SV0219_6_10_N2631.wav"
    raise_problems([Problem(what, path) for path in paths if not FILE_NAME.fullmatch(path.name)])
    return _table(paths)


def _table(paths: list[Path]) -> pd.DataFrame:
    utts = [path.stem for path in paths]
    columns = {"utt": utts, "path": [str(path) for path in paths], "spk": [_parts(utt)[0] for utt in utts]}
    return pd.DataFrame(columns, dtype="str").assign(**PHRASE)


def _parts(utt: str) -> list[str]:
    """Speaker, point, microphone, and speed with number."""
    return utt.split("_")


def _is_close(takes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether each recording is from the close-talking microphone."""
    return np.array([_parts(utt)[1] == CLOSE_TALKING for utt in takes["utt"]], bool)


def _of_microphones(takes: pd.DataFrame, microphones: Collection[str], folder: Path) -> pd.DataFrame:
    """The close-talking recordings, and of the arrays' those of these microphones (of all where none are named)."""
    if not microphones:
        return takes
    close = _is_close(takes)
    names = np.array([_parts(utt)[2] for utt in takes["utt"]], dtype=object)
    there = set(names[~close])
    unknown = sorted(set(microphones) - there)
    raise_problems([Problem(unknown_name("microphone", name, sorted(there)), folder) for name in unknown])
    return takes[close | np.isin(names, list(microphones))].reset_index(drop=True)


def _development(utterances: pd.DataFrame, folder: Path, enroll_takes: int, protocol: Protocol) -> PreparedSet:
    close = utterances[_is_close(utterances)]
    chosen = set(close["utt"][first_takes(close, enroll_takes)])
    if not chosen:
        raise SvtokError(f"{folder}: no speaker has {enroll_takes} close-talking recordings (point 7) to enroll with")
    enrolled = utterances["utt"].isin(chosen).to_numpy(bool)
    return PreparedSet(utterances, *protocol(utterances, enrolled=enrolled))


def _evaluation(takes: pd.DataFrame, path: Path, allow_missing: bool, jobs: int) -> PreparedSet:
    """The set of the official trials; each enrollment recording is a model of its own name."""
    trials = _read_trials(path, set(takes["utt"]), allow_missing)
    enrolled = sorted(trials["model"].unique())
    models = pd.DataFrame({"model": enrolled, "spk": [_parts(utt)[0] for utt in enrolled]}, dtype="str")
    models = models.assign(phrase=PHRASE["phrase"], utts=models["model"])
    named = takes["utt"].isin({*enrolled, *trials["utt"].unique()})
    warn_of_unused(path, set(takes["utt"][~named]), "are in no trial")
    utterances = look_at_takes(takes[named].reset_index(drop=True), [], jobs)
    return PreparedSet(utterances, models, trials.astype("category"))


def _read_trials(path: Path, utts: set[str], allow_missing: bool) -> pd.DataFrame:
    """The trials (model, utt, type) of a list, one for each microphone that is there.

    Raises ProblemsError with every line of another form, whose label disagrees with the names, which is there twice,
    or (without `allow_missing`) none of whose recordings is there.
    """
    if not path.is_file():
        raise SvtokError(f"{path}: there is no such file; it comes with test_v2.tar.gz")
    microphones = sorted({_parts(utt)[2] for utt in utts})
    rows: list[tuple[str, str, str]] = []
    problems, missing = [], 0
    lines_of: dict[tuple[str, str], int] = {}
    for number, line in Lines.open(path):
        fault = _trial_fault(line)
        if fault is None:
            enrollment, test, label = line.replace(".wav", "").split()
            if (first := lines_of.setdefault((enrollment, test), number)) < number:
                fault = f"the same trial as in line {first}"
            pairs = dict.fromkeys((enrollment.format(name), test.format(name)) for name in microphones)
            there = [pair for pair in pairs if utts.issuperset(pair)]
            rows += [(*pair, LABELS[label]) for pair in there]
            if not there:
                missing += 1
                fault = None if allow_missing else f"no recordings of the trial {enrollment} {test} are there"
        if fault is not None:
            problems.append(Problem(fault, path, number))
    raise_problems(problems)
    if missing:
        warn(f"{path}: {missing} lines are left out, because their recordings are not there")
    if not rows:
        raise SvtokError(f"{path}: no trial of which the recordings are there")
    return pd.DataFrame(rows, columns=["model", "utt", "type"], dtype="str")


def _trial_fault(line: str) -> str | None:
    """What is wrong with a line of a trial list by itself."""
    fields = line.split()
    if len(fields) != 3 or not all(FILE_NAME.fullmatch(field.replace("{}", "00")) for field in fields[:2]):
        return "must be two recordings and a label, such as SV0299_7_01_S0096.wav SV0333_2_{}_N0124.wav nontarget"
    if fields[2] not in LABELS:
        return unknown_name("label", fields[2], LABELS)
    same = _parts(fields[0])[0] == _parts(fields[1])[0]
    if same != (fields[2] == "target"):
        return f"the label is {fields[2]}, but by their names the recordings are of {'one speaker' if same else 'two'}"
    return None
