"""The recordings of RSR2015: where they are, and which of those that lists name are not there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from svtok.corpora.completeness import tell
from svtok.corpora.rsr2015_keys import Absent
from svtok.corpora.rsr2015_layout import ENROLL_SESSIONS, GENDERS, PARTS, UtteranceName, part_of
from svtok.errors import Problem, SvtokError
from svtok.manifest.schema import MOST_OF_A_KIND

SUFFIXES = (".sph", ".wav", ".flac")
FIRST_NAMES = 5


def audio_folder(root: Path, audio_root: Path | None) -> Path:
    """The folder that holds `male/` and `female/`, or the speakers: `wav/` or `sph/` in `audio_root` (by default
    `root`), or `audio_root` itself. Raises SvtokError where there is none."""
    candidates = [(audio_root or root) / name for name in ("wav", "sph")] + ([audio_root] if audio_root else [])
    folder = next((path for path in candidates if path.is_dir()), None)
    if folder is None:
        what = "there is no such folder" if audio_root else "not RSR2015: neither a folder 'sph' nor a folder 'wav' is"
        there = "" if audio_root else " there (--audio-root names one elsewhere, --no-audio prepares the lists alone)"
        raise SvtokError(f"{audio_root or root}: {what}{there}")
    return folder


def find_audio(folder: Path, part: int) -> dict[str, Path]:
    """The recording of each utterance of a part; of two, as .sph and as .wav, the latter.

    Raises SvtokError where there is none.
    """
    patterns = [*(f"{gender}/*/*" for gender in GENDERS.values()), "*/*"]
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)
    audio = {path.stem: path.resolve() for path in paths if _part(path) == part}
    if not audio:
        example = f"male/m001/m001_01_{PARTS[part][0]}.sph"
        raise SvtokError(f"{folder}: no recordings of part {part} are there, such as {example}")
    return audio


def _part(path: Path) -> int | None:
    """The part that a recording belongs to; None for a file that is none."""
    try:
        return part_of(UtteranceName.parse(path.stem).sentence)
    except ValueError:
        return None


def taken_to_be_there(root: Path, listed: Collection[str]) -> dict[str, Path]:
    """Where the recordings should be: those that are listed, and of the speakers numbered before them, who train, the
    same sessions and sentences."""
    names = [UtteranceName.parse(utt) for utt in listed]
    sessions = sorted({*ENROLL_SESSIONS, *(name.session for name in names)})
    sentences = sorted({name.sentence for name in names})
    for gender in GENDERS:
        first = min((int(name.spk[1:]) for name in names if name.gender == gender), default=1)
        names += [
            UtteranceName(f"{gender}{number:03d}", gender, session, sentence)
            for number in range(1, first)
            for session in sessions
            for sentence in sentences
        ]
    folder = root.resolve() / "sph"
    return {name.utt: folder / name.file_with_gender for name in names}


def absent_recordings(root: Path, absent: Absent, *, allow_missing: bool) -> list[Problem]:
    """What is to be said of the utterances that lists name and that have no recording: with `allow_missing` nothing, as
    they are then told on stderr."""
    if not absent:
        return []
    names = ", ".join(sorted(absent)[:FIRST_NAMES] + ["..."] * (len(absent) > FIRST_NAMES))
    told = f"{len(absent)} recordings that the lists name are not there: {names}"
    if allow_missing:
        tell(f"{root}: {told}; what needs them is left out")
        return []
    problems = [Problem(f"{told}. Fetch the rest, or prepare what is there with --allow-missing", root)]
    problems += list(absent.values())[:MOST_OF_A_KIND]
    if len(absent) > MOST_OF_A_KIND:
        problems.append(Problem(f"{len(absent) - MOST_OF_A_KIND} more recordings are not there", root))
    return problems


def unnamed_recordings(root: Path, audio: Collection[str], listed: Collection[str]) -> list[Problem]:
    """Recordings of the speakers of lists that no list names."""
    speakers = {UtteranceName.parse(utt).spk for utt in listed}
    others = sorted(utt for utt in audio if utt not in listed and UtteranceName.parse(utt).spk in speakers)
    if not others:
        return []
    told = f"{len(others)} recordings of speakers of the lists are there that no list names, such as {others[0]}"
    return [Problem(f"{told}: are the lists and the audio of one release?", root)]
