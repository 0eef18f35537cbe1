"""DeepMine as the SdSV challenges of 2020 and 2021 (Task 1) give it out: ten phrases, five Persian and five English.

Sources: H. Zeinali, L. Burget, J. Cernocky, "A multi purpose and large scale speech corpus in Persian and English for
speaker and speech recognition: the DeepMine database", ASRU 2019; H. Zeinali, K. A. Lee, J. Alam, L. Burget, "SdSV
Challenge 2020: Large-scale evaluation of short-duration speaker verification", Interspeech 2020. The corpus is licensed
by its owners; `svtok synthesize deepmine` makes a synthetic one in the same layout (`svtok.corpora.sdsv.layout`).

The keys of the trials are secret. What teams did for a development set of their own (their descriptions for the
challenge speak of 63 to 150 speakers) is `hold_out`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from svtok.corpora.sdsv.layout import SDSV
from svtok.corpora.sdsv.prepare import prepare_release
from svtok.errors import SvtokError
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet

ENROLL_FILES = 3  # as in the challenge


def prepare(
    root: Path,
    *,
    genders: Path | None = None,
    keys: Path | None = None,
    hold_out: int = 0,
    cross_session: bool = False,
    seed: int = 0,
    audio: bool = True,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train, eval and, where the release has its lists or speakers are held out, dev.

    Without keys eval has no trial types. For the other arguments, and what is raised, see
    `svtok.corpora.sdsv.prepare.prepare_release`.

    Args:
        hold_out: So many speakers leave train and become dev (`hold_out_speakers`).
        cross_session: Leave out those of their TC and TW trials whose test is of a session that enrolled the model.
        seed: Draws the held-out speakers.
    """
    if cross_session and not hold_out:
        raise SvtokError("--cross-session is for the trials of --hold-out; those of the challenge are as they are")
    sets = prepare_release(root, SDSV, genders=genders, keys=keys, audio=audio, allow_missing=allow_missing, jobs=jobs)
    if hold_out:
        if "dev" in sets:
            raise SvtokError(f"{root}: has lists of a dev set, so no speakers are to be held out for one")
        sets["train"], sets["dev"] = hold_out_speakers(sets["train"], hold_out, seed, cross_session=cross_session)
    return {name: sets[name] for name in ("train", "dev", "eval") if name in sets}


def hold_out_speakers(
    train: PreparedSet, speakers: int, seed: int, *, cross_session: bool = False
) -> tuple[PreparedSet, PreparedSet]:
    """The training set without some speakers, drawn by `seed`, and a dev set of theirs.

    Each of their phrases is enrolled with its first three files, the others are tests. As in the challenge, a model
    meets tests of its own gender and language only, and no IW trials.

    Args:
        train: the training set, whose utterances have genders.
        speakers: how many are held out.
        seed: of the draw.
        cross_session: as for `make_models_and_trials`.

    Returns:
        The training set that is left, and the dev set.

    Raises:
        SvtokError: where nobody would be left to train on, genders are unknown, or nothing can be enrolled.
    """
    utterances = train.utterances
    everybody = sorted(utterances["spk"].unique())
    if speakers >= len(everybody):
        raise SvtokError(f"{speakers} speakers cannot be held out: there are {len(everybody)}, and some must train")
    if "gender" not in utterances:
        raise SvtokError(
            "speakers can be held out only where their genders are known, as there are no trials across genders: name "
            "the challenge's file task1_spk2gender with --genders"
        )
    chosen = np.random.default_rng(seed).choice(np.array(everybody, dtype=object), speakers, replace=False)
    held_out = utterances["spk"].isin(chosen)
    dev = utterances[held_out].reset_index(drop=True)
    models, trials = make_models_and_trials(
        dev, enroll_takes=ENROLL_FILES, iw_share=0, same=("gender", "lang"), cross_session=cross_session
    )
    return PreparedSet(utterances[~held_out].reset_index(drop=True)), PreparedSet(dev, models, trials)
