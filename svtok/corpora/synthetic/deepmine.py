"""A synthetic corpus in the layout of DeepMine for the SdSV challenge or TdSV 2024 (`svtok.corpora.sdsv.layout`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import soundfile

from svtok import __version__
from svtok.audio.espeak import require_espeak
from svtok.corpora.sdsv.layout import FREE_TEXT, PHRASES, SDSV, TDSV2024, TRAIN_COLUMNS, TRIAL_COLUMNS
from svtok.corpora.synthetic.deepmine_lists import FullScale, Release, Settings, Subset, full_release, small_release
from svtok.corpora.synthetic.marker import claim, options_of
from svtok.corpora.synthetic.phrases import COMMANDS
from svtok.corpora.synthetic.speech import SAMPLE_RATE, Speaker, draw_session, draw_speaker, generator, say
from svtok.files import writing_file
from svtok.manifest.tables import write_rows
from svtok.parallel import map_in_processes
from svtok.progress import progress

README = """\
SYNTHETIC {what}

Nobody's voice is in this corpus. It has the layout of DeepMine as the {challenge} challenge gives it out, and its ten
phrases, but they are spoken by espeak-ng, altered into speakers, their sessions, rooms and telephones. Error rates on
it show whether software works; they say nothing about people, and must not stand beside results on DeepMine without
saying so. The file of genders names models too, and keys.txt has the types of the trials, as no release of DeepMine.

It was made by svtok {version} with
  svtok synthesize deepmine --out DIR {options}
"""
# In Persian script, with the vowels that espeak-ng does not guess
PERSIAN = {
    "01": "صدای من نشان‌دهنده‌ی هویتِ من است",
    "02": "صدای هر کس منحصر به فرد است",
    "03": "هویتِ من را با صدای من تأیید کن",
    "04": "صدای من رمزِ عبورِ من است",
    "05": "بَنی‌آدم اعضای یکدیگرند",
}


class Take(NamedTuple):
    """One recording."""

    path: str
    spk: str
    gender: str
    session: int
    phrase: str


def synthesize(root: Path, settings: Settings, *, audio: bool, jobs: int) -> int:
    """Write a small release into the folder `root`; the number of its recordings, which are spoken with `audio`.

    A recording depends on the settings, its speaker, session and phrase only, so that a corpus may be made by any
    number of processes, and one that was interrupted is gone on with.

    Args:
        root: a new or empty folder, or one with the same corpus.
        settings: the size of the corpus, and its seed.
        audio: speak the recordings; else only the lists are written.
        jobs: how many processes speak.

    Raises:
        SvtokError: if espeak-ng is not installed, or if `root` holds anything else than this corpus.
    """
    if audio:
        require_espeak()
    challenge = "TdSV 2024" if settings.tdsv2024 else "SdSV 2020"
    claim(root, settings, _readme("SPEECH", challenge, options_of(settings)))
    release = small_release(settings)
    takes = list(_takes_of(release))
    if audio:
        sessions: dict[tuple[str, int], list[Take]] = {}
        for take in takes:
            sessions.setdefault((take.spk, take.session), []).append(take)
        spoken = map_in_processes(partial(_speak_session, root, settings.seed), list(sessions.values()), jobs=jobs)
        for _ in progress(spoken, total=len(sessions), what="speaking sessions"):
            pass
    write_lists(root, release, tdsv2024=bool(settings.tdsv2024))  # last: a corpus that is not whole has no lists
    return len(takes)


def write_full_lists(root: Path, scale: FullScale) -> None:
    """Write the lists of a release of the size of SdSV 2020 into the folder `root`, without recordings.

    Raises SvtokError if `root` holds anything else than these lists.
    """
    claim(root, scale, _readme("LISTS", "SdSV 2020", f"--lists-only --scale full --seed {scale.seed}"))
    write_lists(root, full_release(scale.seed), tdsv2024=False)


def write_lists(root: Path, release: Release, *, tdsv2024: bool) -> None:
    """Write all lists, and, for SdSV, the keys of eval and the genders of speakers and models.

    Args:
        root: the folder of the release.
        release: what the lists hold.
        tdsv2024: lists as of TdSV 2024; else as of SdSV 2020.
    """
    layout = TDSV2024 if tdsv2024 else SDSV
    docs = root / "docs"
    _write(docs / "train_labels.txt", TRAIN_COLUMNS, release.train[["file", "spk", "phrase"]])
    genders = [release.train[["spk", "gender"]].drop_duplicates().sort_values("spk")]
    for name, subset in release.subsets.items():
        prefix = layout.prefixes[name][0]
        gender = ["gender"] if layout.gender_column else []
        models = subset.models[["model", "phrase", *gender, "file1", "file2", "file3"]]
        _write(docs / f"{prefix}model_enrollment.txt", layout.enrollment_columns, models)
        trials = _trials(subset)
        typed = ["type"] if name == "dev" else []
        _write(docs / f"{prefix}trials.txt", [*TRIAL_COLUMNS, *typed], trials[["model", "file", *typed]])
        if name == "eval":
            _write(root / "keys.txt", ["trial-type"], trials[["type"]])
        genders.append(subset.models[["model", "gender"]].set_axis(["spk", "gender"], axis=1))
    _write(root / "task1_spk2gender", None, pd.concat(genders[: 1 if layout.gender_column else None]))


def _trials(subset: Subset) -> pd.DataFrame:
    """The trials by name, as categories: model, file, type."""
    columns = {
        "model": pd.Categorical.from_codes(subset.trials["model"], categories=pd.Index(subset.models["model"])),
        "file": pd.Categorical.from_codes(subset.trials["test"], categories=pd.Index(subset.tests["file"])),
        "type": subset.trials["type"],
    }
    return pd.DataFrame(columns)


def _write(path: Path, columns: Sequence[str] | None, rows: pd.DataFrame) -> None:
    """Write rows with a blank between their cells, below a header with the names of the columns, if these are given."""
    named = rows if columns is None else rows.set_axis(list(columns), axis=1)
    with writing_file(path) as temporary:
        write_rows(named, temporary, delimiter=" ", header=columns is not None)


def _readme(what: str, challenge: str, options: str) -> str:
    return README.format(what=what, challenge=challenge, version=__version__, options=options)


def _takes_of(release: Release) -> Iterator[Take]:
    """All recordings of a small release."""
    yield from _takes(release.train, "train", "file", release.train["session"])
    for subset in release.subsets.values():
        for session, column in enumerate(("file1", "file2", "file3"), start=1):
            yield from _takes(subset.models, "enrollment", column, pd.Series(session, index=subset.models.index))
        yield from _takes(subset.tests, "evaluation", "file", subset.tests["session"])


def _takes(table: pd.DataFrame, folder: str, column: str, sessions: pd.Series) -> Iterator[Take]:
    paths = [f"wav/{folder}/{file}.wav" for file in table[column]]
    yield from map(Take, paths, table["spk"], table["gender"], sessions.tolist(), table["phrase"])


def _speak_session(root: Path, seed: int, takes: Sequence[Take]) -> None:
    """Speak those recordings of one session of one speaker that are not there yet."""
    spk, gender, number = takes[0].spk, takes[0].gender, takes[0].session
    speaker = draw_speaker(seed, f"{gender}-{spk}")
    session = draw_session(seed, speaker, number)
    for take in takes:
        path = root / take.path
        if path.exists():
            continue
        voice, text = _voice_and_text(seed, speaker, take)
        samples = say(seed, voice, session, number, take.phrase, text)
        with writing_file(path) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")


def _voice_and_text(seed: int, speaker: Speaker, take: Take) -> tuple[Speaker, str]:
    """The speaker with the voice of the phrase's language, and what is said: as free text, some English command."""
    if take.phrase in PERSIAN:
        _, _, variant = speaker.voice.partition("+")
        return replace(speaker, voice=f"fa+{variant}"), PERSIAN[take.phrase]
    if take.phrase == FREE_TEXT:
        random = generator(seed, "free text", take.spk, take.session)
        return speaker, str(random.choice(list(COMMANDS.values())))
    return speaker, PHRASES[take.phrase].text
