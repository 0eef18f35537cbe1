"""A corpus that comes as Kaldi data directories: ROOT/train, ROOT/dev and ROOT/eval, those of them that there are."""

from __future__ import annotations

from pathlib import Path

from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
from svtok.manifest.kaldi.data_dirs import read_data_dir
from svtok.manifest.recordings import check_recordings, listen, warn_of_recordings, with_lengths
from svtok.manifest.schema import Place
from svtok.manifest.sets import SETS, PreparedSet, audio_paths


def prepare(
    root: Path, *, phrase: str | None = None, wav_root: Path | None = None, jobs: int = 1
) -> dict[str, PreparedSet]:
    """The sets of the corpus (see `svtok.manifest.kaldi.data_dirs.read_data_dir`), each recording looked at.

    Raises SvtokError where there is no data directory, ProblemsError with all that is wrong with all of them.
    """
    folders = {name: root / name for name in SETS if (root / name / "utt2spk").is_file()}
    if not folders:
        raise SvtokError(f"{root}: there is no data directory {', '.join(SETS)} in it (a folder with utt2spk)")
    sets: dict[str, PreparedSet] = {}
    problems: list[Problem] = []
    for name, folder in folders.items():
        try:
            sets[name] = import_set(folder, phrase=phrase, wav_root=wav_root, jobs=jobs)
        except ProblemsError as error:
            problems += error.problems
    raise_problems(problems)
    return sets


def import_set(folder: Path, *, phrase: str | None = None, wav_root: Path | None = None, jobs: int = 1) -> PreparedSet:
    """The set of one data directory, with the lengths and rates of its recordings, which are decoded.

    Raises ProblemsError with all that is wrong with the directory or, once that is well-formed, with its recordings.
    """
    prepared = read_data_dir(folder, phrase=phrase, wav_root=wav_root)
    paths = audio_paths(prepared)
    heard = listen(prepared.utterances, paths, jobs=jobs)
    raise_problems(list(check_recordings(prepared.utterances, heard, Place(folder / "utt2spk"))))
    warn_of_recordings(paths, heard)
    return PreparedSet(with_lengths(prepared.utterances, heard), prepared.models, prepared.trials)
