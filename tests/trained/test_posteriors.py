"""The log-odds of phrases against sums of posteriors by explicit loops, and the scores of trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features
from svtok.manifest.sets import PreparedSet
from svtok.nets.config import NetworkConfig
from svtok.nets.network import Network
from svtok.trained.classes import ClassList
from svtok.trained.posteriors import phrase_classes, phrase_log_odds, score_phrases

PAIRS = ClassList((("ann", "no"), ("ann", "yes"), ("bob", "maybe"), ("bob", "no")))
CPU = torch.device("cpu")


def reference(logits: np.ndarray, classes: ClassList, phrase: str) -> float:
    """The softmax in float64, summed class by class over those of a phrase."""
    own = other = 0.0
    for (_, said), logit in zip(classes.names, logits.astype(np.float64), strict=True):
        if said == phrase:
            own += np.exp(logit)
        elif said:
            other += np.exp(logit)
    return float(np.log(own / other))


@pytest.mark.parametrize(
    "classes",
    [
        PAIRS,
        ClassList((("", "maybe"), ("", "no"), ("", "yes"))),
        ClassList((("ann", ""), ("bob", ""), *PAIRS.names)),  # speakers have a softmax of their own
    ],
)
def test_a_phrase_has_the_posterior_of_all_its_classes(classes: ClassList) -> None:
    logits = 3 * torch.randn(5, len(classes), generator=torch.Generator().manual_seed(0))
    members = phrase_classes(classes)
    scores = phrase_log_odds(logits, list(members.values()))
    assert list(members) == ["maybe", "no", "yes"]
    for row in range(5):
        expected = [reference(logits[row].numpy(), classes, phrase) for phrase in members]
        np.testing.assert_allclose(scores[row], expected, atol=1e-5)


def test_posteriors_of_nearly_one_are_still_kept_apart() -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0], [80.0, 0.0, 0.0]])
    scores = phrase_log_odds(logits, [torch.tensor([0]), torch.tensor([1, 2])])
    np.testing.assert_allclose(scores, [[40 - np.log(2), np.log(2) - 40], [80 - np.log(2), np.log(2) - 80]], rtol=1e-6)


def test_classes_of_no_phrases_are_refused() -> None:
    with pytest.raises(SvtokError, match=r"2 classes are of 0 phrases: train one with training\.classes"):
        phrase_classes(ClassList((("ann", ""), ("bob", ""))))
    with pytest.raises(SvtokError, match="2 classes are of 1 phrases"):
        phrase_classes(ClassList((("ann", "no"), ("bob", "no"))))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    random = np.random.default_rng(0)
    blocks = [random.standard_normal((frames, 4)).astype(np.float32) for frames in (9, 12, 7)]
    config = FeaturesConfig(bands=4)
    write_features(tmp_path, ["u1", "u2", "u3"], [len(b) for b in blocks], blocks, config=config, fingerprint="")
    return FeatureStore.open(tmp_path)


def prepared(*phrases: str) -> PreparedSet:
    """A model of each phrase, and each of them against each of three utterances."""
    names = [f"m{number}" for number in range(len(phrases))]
    models = pd.DataFrame({"model": names, "spk": "s", "phrase": phrases, "utts": "u0"})
    utterances = pd.DataFrame({"utt": ["u1", "u2", "u3"], "spk": "s", "phrase": "no"})
    trials = models[["model"]].merge(utterances[["utt"]].iloc[::-1], how="cross")
    return PreparedSet(utterances, models, trials.astype("category"))


def network(head: str) -> Network:
    torch.manual_seed(0)
    small = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 2, "head": head}
    return Network(NetworkConfig.model_validate(small), 4, len(PAIRS)).eval()


@pytest.mark.parametrize("head", ["avg", "cls", "cls-dist"])
def test_a_trial_has_the_log_odds_of_its_models_phrase_in_its_test_utterance(head: str, store: FeatureStore) -> None:
    net, given = network(head), prepared("yes", "no")
    assert given.trials is not None
    scores = score_phrases(given, net, PAIRS, store, CPU)
    assert scores.shape == (6,)
    for score, trial in zip(scores, given.trials.itertuples(), strict=True):
        frames = torch.from_numpy(np.array(store[str(trial.utt)]))[None]
        states = net(frames, torch.tensor([frames.shape[1]]))
        logits = net.classify(states)["avg" if head == "avg" else "cls"][0].detach().numpy()
        assert score == pytest.approx(reference(logits, PAIRS, {"m0": "yes", "m1": "no"}[str(trial.model)]), abs=1e-4)


def test_phrases_that_the_network_does_not_know_are_listed_with_a_way_out(store: FeatureStore) -> None:
    given = prepared("yes", "perhaps", "never")
    with pytest.raises(SvtokError, match=r"lack 2 of the 3 phrases of the models: never, perhaps; train .*=phrase"):
        score_phrases(given, network("cls"), PAIRS, store, CPU)


def test_a_set_without_trials_or_with_unknown_models_is_refused(store: FeatureStore) -> None:
    given = prepared("yes", "no")
    assert given.models is not None
    with pytest.raises(SvtokError, match="no models and trials"):
        score_phrases(PreparedSet(given.utterances), network("cls"), PAIRS, store, CPU)
    few = PreparedSet(given.utterances, given.models[:1], given.trials)
    with pytest.raises(SvtokError, match="model 'm1' of the trials is not in the models table"):
        score_phrases(few, network("cls"), PAIRS, store, CPU)
