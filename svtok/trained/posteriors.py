"""Phrase verification: whether a test utterance says the phrase of the model, by the classes of a trained network.

A network whose classes have phrases (`training.classes` speaker-phrase, phrase or both) knows the posterior of each
class given an utterance. That of a phrase is the sum over its classes, one a speaker; its log-odds are the score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from svtok.errors import SvtokError, first_few
from svtok.features.store import FeatureStore
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import rows_in
from svtok.nets.network import Network, over_streams
from svtok.trained.classes import ClassList
from svtok.trained.inference import compute_all

EMBED_INSTEAD = (
    "train a network with training.classes=phrase, which needs not know the phrases of the trials: score its "
    "embeddings by cosine (`svtok extract-embeddings`, `svtok score`), and fuse these scores (`svtok fuse`)"
)


def phrase_log_odds(logits: Tensor, members: Sequence[Tensor]) -> Tensor:
    """Log-odds (B, P) of each of P phrases, from the logits (B, C) of classes that exclude each other.

    `members` holds the places of each phrase's classes. With p the sum of their posteriors, log(p / (1 - p)) is the
    logsumexp of their logits less that of the other phrases' classes, which stays exact where p rounds to 0 or 1.
    """
    totals = torch.stack([logits[:, places].logsumexp(dim=1) for places in members], dim=1)  # (B, P)
    itself = torch.eye(len(members), dtype=torch.bool, device=logits.device)
    others = totals[:, None, :].masked_fill(itself, -torch.inf)  # (B, P, P): in row p all but p
    return totals - others.logsumexp(dim=2)


def phrase_classes(classes: ClassList) -> dict[str, Tensor]:
    """The places of each phrase's classes; classes of a speaker alone belong to none.

    Raises SvtokError where the classes are of fewer than two phrases.
    """
    phrases = np.array([phrase for _, phrase in classes.names])
    members = {str(name): torch.from_numpy(np.flatnonzero(phrases == name)) for name in np.unique(phrases) if name}
    if len(members) < 2:
        raise SvtokError(
            f"the network's {len(classes)} classes are of {len(members)} phrases: train one with training.classes "
            "speaker-phrase, phrase or both"
        )
    return members


def score_phrases(
    prepared: PreparedSet, network: Network, classes: ClassList, store: FeatureStore, device: torch.device
) -> NDArray[np.float32]:
    """For each trial (N,), the log-odds that its test utterance says the phrase of its model.

    Args:
        prepared: a set with models and trials.
        network: read at its class token, or its only state.
        classes: of the network; they have phrases.
        store: the features of the test utterances.
        device: where the network computes.

    Raises:
        SvtokError: the set has no models or trials, a model is unknown, or the classes lack a phrase of the models.
    """
    models, trials = prepared.protocol()
    members = phrase_classes(classes)
    phrase_of_trial = _phrases_of_models(models, trials["model"], list(members))
    test_of_trial, tests = pd.factorize(trials["utt"])

    def log_odds(frames: Tensor, lengths: Tensor) -> Tensor:
        states = network(frames, lengths)
        name = "cls" if "cls" in states else next(iter(states))
        logits = over_streams(network.classify({name: states[name]})[name])  # (B, classes)
        return phrase_log_odds(logits, list(members.values()))

    scores = compute_all(log_odds, network, store, list(tests), device, what="phrases")  # (tests, phrases)
    return scores[test_of_trial, phrase_of_trial]


def _phrases_of_models(models: pd.DataFrame, named: pd.Series, phrases: list[str]) -> NDArray[np.int64]:
    """Which of the phrases each model named (N,) has."""
    rows = rows_in(named, models["model"])
    if (rows < 0).any():
        raise SvtokError(f"model '{named[rows < 0].iloc[0]}' of the trials is not in the models table")
    used = models["phrase"].iloc[np.unique(rows)]
    lacking = sorted(set(used) - set(phrases))
    if lacking:
        raise SvtokError(
            f"the network's classes lack {len(lacking)} of the {used.nunique()} phrases of the models: "
            f"{first_few(lacking, 10)}; {EMBED_INSTEAD}"
        )
    return pd.Index(phrases).get_indexer(models["phrase"])[rows]
