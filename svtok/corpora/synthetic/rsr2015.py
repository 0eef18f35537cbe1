"""A synthetic corpus in the layout of RSR2015 Part II, for those who have not the real one and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import soundfile  # type: ignore[import-untyped]

from svtok import __version__
from svtok.corpora.rsr2015_layout import GENDERS, UtteranceName
from svtok.corpora.synthetic.espeak import require_espeak
from svtok.corpora.synthetic.marker import Settings, claim, options_of
from svtok.corpora.synthetic.phrases import PHRASES
from svtok.corpora.synthetic.rsr2015_lists import sentences_of, sessions_of, speakers_of, write_lists
from svtok.corpora.synthetic.speakers import draw_session, draw_speaker
from svtok.corpora.synthetic.utterances import SAMPLE_RATE, say
from svtok.files import writing_file
from svtok.parallel import map_in_processes
from svtok.progress import progress

README = """\
SYNTHETIC SPEECH

Nobody's voice is in this corpus. It has the layout of RSR2015 Part II, but its home-control commands are spoken by
espeak-ng, altered into {speakers} speakers, their sessions, rooms and telephones. Error rates on it tell whether
software works; they tell nothing about people, and must not stand beside results on RSR2015 without saying so.

It was made by svtok {version} with
  {command}
"""


def synthesize(root: Path, settings: Settings, *, jobs: int) -> int:
    """Speak the corpus into the folder `root`; the number of its recordings.

    An utterance depends on the settings and its own name only, so that a corpus may be made by any number of processes,
    and one that was interrupted is gone on with. Raises SvtokError if espeak-ng is not installed, or if `root` holds
    anything else than this corpus.
    """
    require_espeak()
    claim(root, settings, _readme(settings))
    recordings = [
        [UtteranceName(spk, gender, session, sentence) for sentence in sentences_of(settings)]
        for subset in ("bkg", "dev", "eval")
        for gender in GENDERS
        for spk in speakers_of(settings, subset, gender)
        for session in sessions_of(settings)
    ]
    spoken = map_in_processes(partial(_speak_session, root, settings.seed), recordings, jobs=jobs)
    number = sum(progress(spoken, total=len(recordings), what="speaking sessions"))
    write_lists(root, settings)  # last: a corpus that is not whole has no lists
    return number


def _readme(settings: Settings) -> str:
    speakers = settings.speakers + settings.dev_speakers + settings.eval_speakers
    command = f"svtok synthesize rsr2015 --out DIR {options_of(settings)}"
    return README.format(speakers=speakers, version=__version__, command=command)


def _speak_session(root: Path, seed: int, names: Sequence[UtteranceName]) -> int:
    """Speak those recordings of one session of one speaker that are not there yet; the number of all of them."""
    number = int(names[0].session)
    speaker = draw_speaker(seed, names[0].spk)
    session = draw_session(seed, speaker, number)
    for name in names:
        path = root / "sph" / name.file_with_gender
        if path.exists():
            continue
        samples = say(seed, speaker, session, number, name.sentence, PHRASES[name.sentence])
        with writing_file(path) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format="NIST", subtype="PCM_16")
    return len(names)
