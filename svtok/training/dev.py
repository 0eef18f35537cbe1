"""The dev-set EER that training tells after each epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.features.store import FeatureStore
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import types_of
from svtok.metrics import eer
from svtok.nets.network import Network
from svtok.scoring.scorer import score_trials
from svtok.trained.inference import embed_all


def nontargets_of(classes: str) -> str:
    """The trial type that training with these `training.classes` is to tell from TC: TW for phrases, else IC."""
    return "TW" if classes == "phrase" else "IC"


def make_measure(
    prepared: PreparedSet, store: FeatureStore, device: torch.device, nontarget: str
) -> Callable[[Network], float]:
    """A function of a network: its EER (a fraction) on the trials of a dev set, TC against one type of non-targets.

    Raises SvtokError where the set has no models or trials, or not both types of trials.
    """
    if prepared.models is None or prepared.trials is None:
        raise SvtokError(f"{prepared.folder}: a dev set needs models.tsv and trials.tsv")
    types = np.asarray(types_of(prepared.trials, prepared.models, prepared.utterances))
    targets, nontargets = types == "TC", types == nontarget
    if not (targets.any() and nontargets.any()):
        raise SvtokError(
            f"{prepared.folder}: a dev set needs trials of the types TC and {nontarget}, it has {targets.sum()} and "
            f"{nontargets.sum()}"
        )
    utts = prepared.utterances["utt"].tolist()

    def measure(network: Network) -> float:
        scores = score_trials(prepared, Embeddings(utts, embed_all(network, store, utts, device), network_hash=""))
        return float(eer(scores[targets], scores[nontargets]))

    return measure
