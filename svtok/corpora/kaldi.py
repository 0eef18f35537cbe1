"""A corpus that comes as Kaldi data directories: ROOT/train, ROOT/dev and ROOT/eval, those of them that there are."""

from __future__ import annotations

from pathlib import Path

from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
from svtok.manifest.kaldi.reading import read_data_dir
from svtok.manifest.recordings import check_recordings, listen, warn_of_recordings, with_lengths
from svtok.manifest.schema import Place
from svtok.manifest.sets import SETS, PreparedSet, audio_paths


def prepare(
    root: Path, *, phrase: str | None = None, wav_root: Path | None = None, jobs: int = 1
) -> dict[str, PreparedSet]:
    """The sets of the corpus (see `svtok.manifest.kaldi.reading.read_data_dir`), each recording listened to.

    A set may be in two directories: the models of ROOT/eval_enroll, and ROOT/eval_test (or ROOT/eval), with the trials.

    Args:
        root: the folder of the data directories.
        phrase: the phrase of all utterances, where there is no utt2phrase.
        wav_root: what relative paths in wav.scp are relative to; default: the working folder.
        jobs: how many processes decode.

    Raises:
        SvtokError: where there is no data directory.
        ProblemsError: with all that is wrong with all of them.
    """
    sets: dict[str, PreparedSet] = {}
    problems: list[Problem] = []
    for name in SETS:
        found = [path for path in (root / name, root / f"{name}_test") if (path / "utt2spk").is_file()]
        enroll = root / f"{name}_enroll"
        has_models = (enroll / "utt2spk").is_file()
        if len(found) > 1 or (has_models and not found):
            what = f"{len(found)} of {name} and {name}_test are there, where there should be one"
            problems.append(Problem(what, root))
        elif found:
            try:
                sets[name] = import_set(
                    found[0], enroll=enroll if has_models else None, phrase=phrase, wav_root=wav_root, jobs=jobs
                )
            except ProblemsError as error:
                problems += error.problems
    raise_problems(problems)
    if not sets:
        raise SvtokError(f"{root}: there is no data directory {', '.join(SETS)} in it (a folder with utt2spk)")
    return sets


def import_set(
    folder: Path,
    *,
    enroll: Path | None = None,
    trials: Path | None = None,
    phrase: str | None = None,
    wav_root: Path | None = None,
    jobs: int = 1,
) -> PreparedSet:
    """The set of one data directory (or two), with the lengths and rates of its recordings, which are decoded.

    For the arguments see `svtok.manifest.kaldi.reading.read_data_dir`.

    Args:
        folder: the data directory; with `enroll`, that of the tests.
        enroll: a data directory that enrolls the models.
        trials: the list of trials; default: `trials` in `folder`, where it is there.
        phrase: the phrase of all utterances, where there is no utt2phrase.
        wav_root: what relative paths in wav.scp are relative to; default: the working folder.
        jobs: how many processes decode.

    Raises:
        ProblemsError: with all that is wrong with the directory or, once that is well-formed, with its recordings.
    """
    prepared = read_data_dir(folder, enroll=enroll, trials=trials, phrase=phrase, wav_root=wav_root)
    paths = audio_paths(prepared)
    heard = listen(prepared.utterances, paths, jobs=jobs)
    raise_problems(list(check_recordings(prepared.utterances, heard, Place(folder / "utt2spk"))))
    warn_of_recordings(paths, heard)
    return PreparedSet(with_lengths(prepared.utterances, heard), prepared.models, prepared.trials)
