"""RSR2015: 300 speakers, fixed phrases on mobile devices; Part II, short home-control commands.

Source: A. Larcher, K. A. Lee, B. Ma, H. Li, "Text-dependent speaker verification: Classifiers, databases and RSR2015",
Speech Communication 60, 2014. The corpus is licensed by its owners; `svtok synthesize rsr2015` makes a synthetic one
in the same layout, which is told in `svtok.corpora.rsr2015_layout`.

The background speakers are those who have recordings and are in no list of dev or eval.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd
from pandas.api.types import union_categoricals

from svtok.audio.decode import AudioError, AudioInfo
from svtok.corpora.rsr2015_keys import Key, find_key_files, read_key
from svtok.corpora.rsr2015_layout import GENDERS, PARTS, SUBSETS, UtteranceName
from svtok.corpora.synthetic.marker import is_synthetic
from svtok.corpora.synthetic.phrases import PHRASES
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
from svtok.manifest.recordings import probe_files
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments

TrainOn = Literal["bkg", "bkg+dev"]


def prepare(root: Path, *, part: int = 2, train_on: TrainOn = "bkg", jobs: int = 1) -> dict[str, PreparedSet]:
    """The sets train (all recordings of the speakers who train), dev and eval (what their lists name, both genders).

    `train_on` tells whose recordings train: the background speakers', or the dev speakers' too. Trial types come from
    the flags of the lists and are checked against the ids. `part` is 2. The phrases of a synthetic corpus have a text.

    Raises SvtokError where `root` is not the corpus, ProblemsError with everything that is wrong with its lists, or
    with its recordings.
    """
    if part not in PARTS:
        raise SvtokError(f"part {part} of RSR2015 is not supported (known: {', '.join(map(str, PARTS))})")
    audio = find_audio(root, part)
    keys = _read_keys(root / "key" / f"part{part}", part, audio)
    listed = {subset: _listed(keys[subset]) for subset in SUBSETS}
    listed["train"] = _training(root, audio, listed, train_on)
    utterances = _utterances(sorted(set().union(*listed.values())), audio, jobs)
    if is_synthetic(root):
        utterances["text"] = utterances["phrase"].map(PHRASES)
    rows = {name: utterances[utterances["utt"].isin(utts)].reset_index(drop=True) for name, utts in listed.items()}
    sets = {"train": PreparedSet(rows["train"])}
    for subset in SUBSETS:
        models = pd.concat([key.models for key in keys[subset]], ignore_index=True)
        sets[subset] = PreparedSet(rows[subset], models, _joined([key.trials for key in keys[subset]]))
    return sets


def find_audio(root: Path, part: int) -> dict[str, Path]:
    """The recording of each utterance of a part: below `wav/` where that is there, else below `sph/`.

    Raises SvtokError where neither is, or nothing is in it.
    """
    folder = next((root / name for name in ("wav", "sph") if (root / name).is_dir()), None)
    if folder is None:
        raise SvtokError(f"{root}: not RSR2015: neither a folder 'sph' nor a folder 'wav' is there")
    audio = {}
    for gender in GENDERS.values():
        for path in folder.glob(f"{gender}/*/*"):
            if path.suffix.lower() in (".sph", ".wav") and _sentence(path) in PARTS[part]:
                audio[path.stem] = path.resolve()
    if not audio:
        example = f"male/m001/m001_01_{PARTS[part][0]}.sph"
        raise SvtokError(f"{folder}: no recordings of part {part} are there, such as {example}")
    return audio


def _sentence(path: Path) -> str | None:
    """The sentence of a recording; None for a file that is none."""
    try:
        return UtteranceName.parse(path.stem).sentence
    except ValueError:
        return None


def _read_keys(folder: Path, part: int, audio: Mapping[str, Path]) -> dict[str, list[Key]]:
    """The lists of each subset, male and female; the problems of all of them are told at once."""
    keys: dict[str, list[Key]] = {subset: [] for subset in SUBSETS}
    problems: list[Problem] = []
    for (subset, _), (trn, ndx) in find_key_files(folder).items():
        try:
            keys[subset].append(read_key(trn, ndx, part, audio))
        except ProblemsError as error:
            problems += error.problems
    raise_problems(problems)
    return keys


def _listed(keys: list[Key]) -> set[str]:
    """The utterances that the lists name, for enrollment or as tests."""
    enrolled = (utt for key in keys for utt in enrollments(key.models)["utt"])
    tests = (utt for key in keys for utt in key.trials["utt"].cat.categories)
    return {*enrolled, *tests}


def _training(root: Path, audio: Mapping[str, Path], listed: Mapping[str, set[str]], train_on: TrainOn) -> set[str]:
    """The utterances to train on. Raises where a speaker is in both dev and eval, or nobody is left."""
    dev, eval_ = ({UtteranceName.parse(utt).spk for utt in listed[subset]} for subset in SUBSETS)
    raise_problems(
        [Problem(f"speaker {spk} is in lists of both dev and eval", root / "key") for spk in sorted(dev & eval_)]
    )
    others = eval_ if train_on == "bkg+dev" else dev | eval_
    train = {utt for utt in audio if UtteranceName.parse(utt).spk not in others}
    if not train:
        raise SvtokError(f"{root}: every speaker is in a list of dev or eval, so there is nobody to train on")
    return train


def _utterances(utts: list[str], audio: Mapping[str, Path], jobs: int) -> pd.DataFrame:
    """The table of these utterances. Raises ProblemsError with every recording that cannot be used."""
    paths = [audio[utt] for utt in utts]
    infos = probe_files(paths, jobs=jobs)
    raise_problems([Problem(info.what, info.path) for info in infos if isinstance(info, AudioError)])
    names = [UtteranceName.parse(utt) for utt in utts]
    return pd.DataFrame(
        {
            "utt": utts,
            "path": [str(path) for path in paths],
            "spk": [name.spk for name in names],
            "phrase": [name.sentence for name in names],
            "gender": [name.gender for name in names],
            "session": [name.session for name in names],
            "num_samples": [info.num_samples for info in infos if isinstance(info, AudioInfo)],
            "sample_rate": [info.sample_rate for info in infos if isinstance(info, AudioInfo)],
        }
    )


def _joined(lists: list[pd.DataFrame]) -> pd.DataFrame:
    """The trials of both genders as one table of categories."""
    return pd.DataFrame({name: union_categoricals([trials[name] for trials in lists]) for name in lists[0].columns})
