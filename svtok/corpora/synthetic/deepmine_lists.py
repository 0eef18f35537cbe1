"""What a synthetic release of DeepMine is made of; who says what in it, and which trials: small, or as SdSV 2020."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from svtok.corpora.sdsv.layout import FREE_TEXT, PHRASES
from svtok.corpora.synthetic.speech import generator
from svtok.errors import SvtokError
from svtok.manifest.schema import TRIAL_TYPES

ENROLL_SESSIONS = 3  # of a speaker of dev or eval: one utterance each enrolls a model
REVISION = 1  # of the way the speech is made: counts up when the same settings would give other speech


@dataclass(frozen=True)
class Settings:
    """A small release with speech. Speakers are half female, half male; phrases half Persian, half English."""

    speakers: int = 60  # who train networks
    dev_speakers: int = 0  # of whom there are dev lists; without, training speakers can be held out
    eval_speakers: int = 24
    phrases: int = 10
    sessions: int = 6
    seed: int = 1
    tdsv2024: int = 0  # 1: in the layout of TdSV 2024, with free text, else in that of SdSV
    revision: int = REVISION

    def __post_init__(self) -> None:
        for name, least in (("speakers", 4), ("dev_speakers", 0), ("eval_speakers", 4)):
            number = getattr(self, name)
            if number < least or number % 2:
                raise SvtokError(f"{name} must be {least} or more and even (half female, half male), not {number}")
        if not 2 <= self.phrases <= len(PHRASES) or self.phrases % 2:
            raise SvtokError(f"phrases must be even (half Persian, half English), 2 to 10, not {self.phrases}")
        if not ENROLL_SESSIONS < self.sessions <= 9:
            raise SvtokError(f"sessions must be 4 to 9 (three enroll, the others are tests), not {self.sessions}")
        if self.seed < 0:
            raise SvtokError(f"seed must be 0 or more, not {self.seed}")

    @property
    def phrase_ids(self) -> list[str]:
        """As many of the Persian as of the English phrases."""
        ids = list(PHRASES)
        return ids[: self.phrases // 2] + ids[5 : 5 + self.phrases // 2]


@dataclass(frozen=True)
class FullScale:
    """The lists of a release of the size of SdSV 2020, without speech."""

    full_scale: int = 1
    seed: int = 1
    revision: int = REVISION


Counts = Mapping[str, int]
LANGUAGES = {**{name: phrase.lang for name, phrase in PHRASES.items()}, FREE_TEXT: "en"}  # free text: English commands

# Sizes of SdSV 2020, Task 1. H. Zeinali, K. A. Lee, J. Alam, L. Burget, "SdSV Challenge 2020: Large-scale evaluation of
# short-duration speaker verification", Interspeech 2020 (trials); training speakers and utterances: its training lists
FULL_TRAIN_SPEAKERS = {"f": 489, "m": 474}
FULL_TRAIN = 101_063
FULL_MODELS = 12_404
FULL_TESTS = 69_542
FULL_TRIALS: Mapping[tuple[str, str], Counts] = {
    ("fa", "m"): {"TC": 94_856, "TW": 226_357, "IC": 1_370_326},
    ("fa", "f"): {"TC": 154_210, "TW": 368_864, "IC": 2_178_576},
    ("en", "m"): {"TC": 79_804, "TW": 430_933, "IC": 925_257},
    ("en", "f"): {"TC": 133_653, "TW": 721_274, "IC": 1_622_590},
}
FULL_EVAL_SPEAKERS = {"f": 85, "m": 60}  # ours: so few that the published numbers of TC and TW trials can be drawn


@dataclass(frozen=True)
class Subset:
    """The lists of dev or eval.

    `models`: model, spk, gender, phrase, file1, file2, file3. `tests`: file, spk, gender, phrase and, in a small
    release, session. `trials`, sorted by model and file: the rows of model and test, and the type as a category.
    """

    models: pd.DataFrame
    tests: pd.DataFrame
    trials: pd.DataFrame


@dataclass(frozen=True)
class Release:
    """All lists: `train` (file, spk, gender, phrase and, in a small release, session), and those of each subset."""

    train: pd.DataFrame
    subsets: Mapping[str, Subset]


def small_release(settings: Settings) -> Release:
    """Every speaker says every phrase in every session. In dev and eval the first three sessions enroll, the others are
    tests, and there are all TC, TW and IC trials within a gender and a language. TdSV 2024 has free text too."""
    phrases = settings.phrase_ids
    said = [*phrases, FREE_TEXT] if settings.tdsv2024 else phrases
    sessions = range(1, settings.sessions + 1)
    numbers = iter(range(1, 1 + settings.speakers + settings.dev_speakers + settings.eval_speakers))
    train = _takes(_speakers(numbers, settings.speakers), said, sessions)
    subsets = {}
    first = {"enr": 0, "evl": 0}
    for name, count in (("dev", settings.dev_speakers), ("eval", settings.eval_speakers)):
        if count:
            speakers = _speakers(numbers, count)
            models = _takes(speakers, phrases, [0]).drop(columns="session")
            tests = _takes(speakers, said, sessions[ENROLL_SESSIONS:])
            prefix = f"{name}_model_" if settings.tdsv2024 else "dev_model_" if name == "dev" else "model_"
            subsets[name] = _subset(models, tests, prefix, first, settings.seed)
    return Release(_with_files(train, "file", "trn", 1, settings.seed), subsets)


def full_release(seed: int) -> Release:
    """As many speakers, utterances, models, tests and trials of each type, language and gender as in SdSV 2020."""
    numbers = iter(range(1, 1 + sum(FULL_TRAIN_SPEAKERS.values()) + sum(FULL_EVAL_SPEAKERS.values())))
    pairs = _takes([(next(numbers), g) for g, n in FULL_TRAIN_SPEAKERS.items() for _ in range(n)], [*PHRASES], [0])
    train = pairs.iloc[np.arange(FULL_TRAIN) % len(pairs)].reset_index(drop=True)
    speakers = [(next(numbers), gender) for gender, count in FULL_EVAL_SPEAKERS.items() for _ in range(count)]
    pairs = _takes(speakers, [*PHRASES], [0]).drop(columns="session")
    cells = {cell: pairs.iloc[rows] for cell, rows in _cells(pairs).items()}
    models, tests = (
        pd.concat(
            [cells[cell].iloc[np.arange(count) % len(cells[cell])] for cell, count in _shares(total).items()],
            ignore_index=True,
        )
        for total in (FULL_MODELS, FULL_TESTS)
    )
    subset = _subset(models, tests, "model_", {"enr": 0, "evl": 0}, seed, FULL_TRIALS)
    return Release(_with_files(train.drop(columns="session"), "file", "trn", 1, seed), {"eval": subset})


def _shares(total: int) -> dict[tuple[str, str], int]:
    """`total` models or tests by language and gender, so that each cell has pairs enough for its trials.

    With M models and T tests spread evenly over P pairs of speaker and phrase, a cell has M T / P possible TC trials,
    and four times as many TW trials.
    """
    weights = [
        np.sqrt(max(counts["TC"], counts["TW"] / 4) * FULL_EVAL_SPEAKERS[gender])
        for (_, gender), counts in FULL_TRIALS.items()
    ]
    bounds = np.rint(np.cumsum([0, *weights]) / sum(weights) * total).astype(int)
    return dict(zip(FULL_TRIALS, np.diff(bounds).tolist(), strict=True))


def _speakers(numbers: Iterator[int], count: int) -> list[tuple[int, str]]:
    """The next speakers, by turns female and male."""
    return [(next(numbers), "fm"[turn % 2]) for turn in range(count)]


def _takes(speakers: Sequence[tuple[int, str]], phrases: Sequence[str], sessions: Sequence[int]) -> pd.DataFrame:
    """Each speaker says each phrase in each session: spk, gender, phrase, session."""
    rows = [
        (f"spk_{number:06d}", gender, phrase, session)
        for number, gender in speakers
        for session in sessions
        for phrase in phrases
    ]
    return pd.DataFrame(rows, columns=["spk", "gender", "phrase", "session"])


def _with_files(takes: pd.DataFrame, column: str, prefix: str, first: int, seed: int) -> pd.DataFrame:
    """Each take gets a file, numbered from `first` in a random order: names of files say nothing."""
    numbers = generator(seed, "files", prefix, first, column).permutation(len(takes)) + first
    return takes.assign(**{column: [f"{prefix}_{number:06d}" for number in numbers.tolist()]})


def _subset(
    models: pd.DataFrame,
    tests: pd.DataFrame,
    prefix: str,
    first: dict[str, int],
    seed: int,
    counts: Mapping[tuple[str, str], Counts] | None = None,
) -> Subset:
    """The subset with its files, numbered on from `first`, which counts on, and its trials (all, or so many)."""
    for column in ("file1", "file2", "file3"):
        models = _with_files(models, column, "enr", first["enr"], seed)
        first["enr"] += len(models)
    tests = _with_files(tests, "file", "evl", first["evl"], seed).sort_values("file", ignore_index=True)
    first["evl"] += len(tests)
    order = generator(seed, "models", prefix).permutation(len(models))
    models = models.iloc[order].reset_index(drop=True)
    digits = 5 if prefix == "model_" else 6
    models.insert(0, "model", [f"{prefix}{number:0{digits}d}" for number in range(len(models))])
    random = generator(seed, "trials", prefix)
    drawn = [
        trials
        for cell, rows in _cells(models).items()
        for trials in _trials(models, rows, tests, _cells(tests)[cell], counts[cell] if counts else None, random)
    ]
    model, test, types = (np.concatenate(column) for column in zip(*drawn, strict=True))
    order = np.argsort(model * len(tests) + test)
    categories = pd.Categorical.from_codes(types[order], categories=pd.Index(TRIAL_TYPES))
    return Subset(models, tests, pd.DataFrame({"model": model[order], "test": test[order], "type": categories}))


def _cells(table: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """The rows of each language and gender."""
    groups = pd.DataFrame({"lang": table["phrase"].map(LANGUAGES), "gender": table["gender"]})
    cells = groups.drop_duplicates().itertuples(index=False, name=None)
    return {(lang, gender): np.flatnonzero((groups == [lang, gender]).all(axis=1)) for lang, gender in cells}


def _trials(
    models: pd.DataFrame,
    model_rows: np.ndarray,
    tests: pd.DataFrame,
    test_rows: np.ndarray,
    counts: Counts | None,
    random: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows of models, rows of tests and types of the trials of one cell: all TC, TW and IC, or so many of each."""
    same = {}
    for column in ("spk", "phrase"):
        of_models, of_tests = models[column].iloc[model_rows], tests[column].iloc[test_rows]
        codes, _ = pd.factorize(pd.concat([of_models, of_tests]))
        codes = codes.astype(np.int16)
        same[column] = codes[: len(model_rows), None] == codes[None, len(model_rows) :]  # (models, tests)
    meets = {
        "TC": same["spk"] & same["phrase"],
        "TW": same["spk"] & ~same["phrase"],
        "IC": ~same["spk"] & same["phrase"],
    }
    for name, where in meets.items():
        pairs = np.flatnonzero(where)
        if counts is not None:
            pairs = random.choice(pairs, counts[name], replace=False, shuffle=False)
        type_code = np.full(len(pairs), TRIAL_TYPES.index(name), np.int8)
        yield model_rows[pairs // len(test_rows)], test_rows[pairs % len(test_rows)], type_code
