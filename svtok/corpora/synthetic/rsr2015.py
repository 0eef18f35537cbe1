"""A synthetic corpus in the layout of RSR2015, for those who have not the real one and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import soundfile

from svtok import __version__
from svtok.audio.espeak import require_espeak
from svtok.corpora.rsr2015.layout import GENDERS, UtteranceName
from svtok.corpora.synthetic.marker import claim, options_of
from svtok.corpora.synthetic.phrases import text_of
from svtok.corpora.synthetic.rsr2015_lists import FullScale, Settings, write_lists
from svtok.corpora.synthetic.speech import SAMPLE_RATE, draw_session, draw_speaker, say
from svtok.files import writing_file
from svtok.parallel import map_in_processes
from svtok.progress import progress

README = """\
SYNTHETIC {what}

Nobody's voice is in this corpus. It has the layout of RSR2015 Part {part}, but all phrases are of our own wording,
spoken by espeak-ng, altered into speakers, their sessions, rooms and telephones. Error rates on it show whether
software works; they say nothing about people, and must not stand beside results on RSR2015 without saying so.

It was made by svtok {version} with
  svtok synthesize rsr2015 --out DIR {options}
"""


def synthesize(root: Path, settings: Settings, *, audio: bool, jobs: int) -> int:
    """Write the corpus into the folder `root`; the number of its recordings, which are spoken with `audio`.

    An utterance depends on the settings and its own name only, so that a corpus may be made by any number of processes,
    and one that was interrupted is gone on with.

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
    claim(root, settings, _readme("SPEECH", settings, options_of(settings)))
    sessions = [
        [UtteranceName(spk, gender, session, sentence) for sentence in settings.sentences]
        for subset in ("bkg", "dev", "eval")
        for gender in GENDERS
        for spk in settings.speakers_of(subset, gender)
        for session in settings.session_names
    ]
    if audio:
        spoken = map_in_processes(partial(_speak_session, root, settings.seed), sessions, jobs=jobs)
        for _ in progress(spoken, total=len(sessions), what="speaking sessions"):
            pass
    write_lists(root, settings)  # last: a corpus that is not whole has no lists
    return sum(map(len, sessions))


def write_full_lists(root: Path, scale: FullScale) -> None:
    """Write the lists of a part in their published size into the folder `root`, without recordings.

    Raises SvtokError if `root` holds anything else than these lists.
    """
    claim(root, scale, _readme("LISTS", scale, f"--lists-only --scale full --part {scale.part}"))
    write_lists(root, scale)


def _readme(what: str, settings: Settings | FullScale, options: str) -> str:
    return README.format(what=what, part="I" * settings.part, version=__version__, options=options)


def _speak_session(root: Path, seed: int, names: Sequence[UtteranceName]) -> None:
    """Speak those recordings of one session of one speaker that are not there yet."""
    number = int(names[0].session)
    speaker = draw_speaker(seed, names[0].spk)
    session = draw_session(seed, speaker, number)
    for name in names:
        path = root / "sph" / name.file_with_gender
        if path.exists():
            continue
        samples = say(seed, speaker, session, number, name.sentence, text_of(seed, name))
        with writing_file(path) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format="NIST", subtype="PCM_16")
