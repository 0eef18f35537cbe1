"""Features of Kaldi in and out: its archives of matrices, a folder of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from svtok.errors import Problem, SvtokError, first_few, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.features.store import ABOUT, ARRAY, INDEX, FeatureStore, write_features
from svtok.files import writing_folder
from svtok.fresh import fingerprint, state
from svtok.manifest.kaldi.archives import Values, archives, read_named, write_archive
from svtok.manifest.sets import read_set, refuse_other_files


def import_features(file: Path, config: FeaturesConfig, data: Path | None, out: Path) -> tuple[int, int]:
    """Write the features of another toolkit as a folder of ours. The archives are read twice, a matrix at a time.

    Args:
        file: `.ark`, or `.scp` such as Kaldi's feats.scp.
        config: what the features are, by which networks that are trained on them compute those of recordings.
        data: a prepared set, whose utterances are written, and each must have features; None: all that there are.
        out: the folder to write.

    Returns:
        How many utterances there are, and how many frames.

    Raises:
        ProblemsError: utterances are missing or there twice, have other dimensions than `config` says, or hold a value
            that is not finite; with all.
        SvtokError: a file is of another kind, or damaged; or `config` has phonetic columns, which cannot be imported.
    """
    if config.phonetic is not None:
        raise SvtokError("phonetic columns are computed by a network of svtok's: import the features without them")
    refuse_other_files(out, (ARRAY, INDEX, ABOUT))
    wanted = None if data is None else read_set(data).utterances["utt"].tolist()
    frames, problems = _checked(file, config.dim, None if wanted is None else set(wanted))
    if missing := [utt for utt in wanted or () if utt not in frames]:
        problems.append(Problem(f"{len(missing)} utterances of {data} have no features: {first_few(missing)}", file))
    raise_problems(problems)
    if not frames:
        raise SvtokError(f"{file}: has no features")
    states = [state(path) for path in (file, *(archives(file) if file.suffix == ".scp" else ()))]
    made_of = fingerprint("imported", config.model_dump(mode="json"), list(frames), states)
    blocks = (values for utt, values, _ in read_named(file, 2) if utt in frames)
    with writing_folder(out) as temporary:
        write_features(temporary, list(frames), list(frames.values()), blocks, config=config, fingerprint=made_of)
    return len(frames), sum(frames.values())


def _checked(file: Path, dim: int, wanted: set[str] | None) -> tuple[dict[str, int], list[Problem]]:
    """How many frames each utterance has that is wanted (None: each), and all that is wrong with them."""
    frames: dict[str, int] = {}
    problems = []
    for utt, values, line in read_named(file, 2):
        if wanted is not None and utt not in wanted:
            continue
        faults = {
            "are there twice": utt in frames,
            f"have {values.shape[1]} dimensions, the configuration says {dim}": values.shape[1] != dim,
            "hold NaN or infinity": not np.isfinite(values).all(),
        }
        problems += [Problem(f"the features of '{utt}' {what}", file, line) for what, holds in faults.items() if holds]
        frames.setdefault(utt, len(values))
    return frames, problems


def export_features(folder: Path, file: Path) -> tuple[int, int]:
    """Write stored features as a Kaldi archive of matrices, and its list beside it.

    Args:
        folder: of the features.
        file: the archive, `.ark`.

    Returns:
        How many utterances there are, and how many frames.

    Raises:
        SvtokError: there are no features in the folder, or the file has another end.
    """
    store = FeatureStore.open(folder)

    def named() -> Iterator[tuple[str, Values]]:
        for utt in sorted(store.utts):
            yield utt, store[utt]

    count = write_archive(file, named())
    return count, sum(map(store.frames, store.utts))
