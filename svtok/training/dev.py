"""The dev-set EER that training tells after each epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from svtok.embeddings.compute import embed_all
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.features.store import FeatureStore
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import types_of
from svtok.metrics import eer
from svtok.nets.network import Network
from svtok.scoring.trials import score_trials


def make_measure(prepared: PreparedSet, store: FeatureStore, device: torch.device) -> Callable[[Network], float]:
    """A function of a network: its TC-vs-IC EER (a fraction) on the trials of a dev set.

    Raises SvtokError where the set has no models or trials, or not both target-correct and impostor-correct ones.
    """
    if prepared.models is None or prepared.trials is None:
        raise SvtokError(f"{prepared.folder}: a dev set needs models.tsv and trials.tsv")
    types = np.asarray(types_of(prepared.trials, prepared.models, prepared.utterances))
    targets, impostors = types == "TC", types == "IC"
    if not (targets.any() and impostors.any()):
        raise SvtokError(f"{prepared.folder}: a dev set needs target-correct and impostor-correct trials")
    utts = prepared.utterances["utt"].tolist()

    def measure(network: Network) -> float:
        scores = score_trials(prepared, Embeddings(utts, embed_all(network, store, utts, device), network_hash=""))
        return float(eer(scores[targets], scores[impostors]))

    return measure
