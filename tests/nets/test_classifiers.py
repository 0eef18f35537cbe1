"""Class logits."""

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from svtok.nets.classifiers import CosineClassifier, FactoredClassifier, make_classifier
from svtok.nets.config import NetworkConfig


def test_cosine_logits_by_hand_do_not_depend_on_lengths() -> None:
    classifier = CosineClassifier(2, 3, scale=10.0)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0], [-3.0, -4.0]]))
    logits = classifier(torch.tensor([[7.0, 0.0], [0.3, 0.4]]))
    torch.testing.assert_close(logits, torch.tensor([[10.0, 0.0, -6.0], [6.0, 8.0, -10.0]]))


def test_the_configuration_chooses_the_classifier(tiny: Callable[..., NetworkConfig]) -> None:
    assert isinstance(make_classifier(tiny(classifier="linear"), 3), nn.Linear)
    assert make_classifier(tiny(cosine_scale=7.0), 3).scale == 7.0


def test_the_nearest_of_a_classs_sub_centers_counts() -> None:
    torch.manual_seed(0)
    classifier, x = CosineClassifier(4, 3, scale=5.0, sub_centers=2), torch.randn(6, 4)
    rows = classifier.weight.detach()
    wanted = [
        [5 * max(float(nn.functional.cosine_similarity(v, rows[2 * c + k], dim=0)) for k in range(2)) for c in range(3)]
        for v in x
    ]
    torch.testing.assert_close(classifier(x).detach(), torch.tensor(wanted))


def test_sub_centers_of_a_linear_classifier_are_refused(tiny: Callable[..., NetworkConfig]) -> None:
    with pytest.raises(ValidationError, match=r"sub_centers \(2\) need classifier 'cosine', not 'linear'"):
        tiny(classifier="linear", sub_centers=2)


def by_hand(residual: bool = False) -> FactoredClassifier:
    """Speakers 0 and 1 say phrase 0, speaker 1 says phrase 1 too; then the speaker 1 and the phrase 0 alone."""
    factors = torch.tensor([[0, 0], [1, 0], [1, 1], [1, -1], [-1, 0]])
    classifier = FactoredClassifier(2, factors, scale=10.0, residual=residual)
    with torch.no_grad():
        classifier.speakers.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
        classifier.phrases.copy_(torch.tensor([[0.0, 0.5], [-4.0, 0.0]]))
    return classifier


def test_factored_logits_by_hand() -> None:
    half = 0.5**0.5
    vectors = [[half, half], [0.0, 1.0], [-half, half], [0.0, 1.0], [0.0, 1.0]]
    torch.testing.assert_close(by_hand().class_vectors().detach(), torch.tensor(vectors))
    logits = by_hand()(torch.tensor([[3.0, 0.0], [0.0, 0.1]])).detach()
    wanted = [[10 * half, 0.0, -10 * half, 0.0, 0.0], [10 * half, 10.0, 10 * half, 10.0, 10.0]]
    torch.testing.assert_close(logits, torch.tensor(wanted))


def test_a_residual_starts_at_nothing_and_then_moves_its_class_alone() -> None:
    classifier, x = by_hand(residual=True), torch.tensor([[0.6, 0.8]])
    torch.testing.assert_close(classifier(x), by_hand()(x))
    assert classifier.own is not None
    with torch.no_grad():
        classifier.own[1] = torch.tensor([1.0, 0.0])  # [0, 1] + [1, 0]
    half = 0.5**0.5
    torch.testing.assert_close(classifier.class_vectors()[1].detach(), torch.tensor([half, half]))
    others = [0, 2, 3, 4]
    torch.testing.assert_close(classifier(x)[0, others], by_hand()(x)[0, others])


def test_a_speakers_vector_learns_from_each_of_its_phrases() -> None:
    classifier = by_hand()
    tables = (classifier.speakers, classifier.phrases)
    gradients = torch.autograd.grad(classifier(torch.tensor([[1.0, 0.5]]))[0, 2], tables)  # the class (1, 1)
    touched = [gradient.abs().sum(dim=1).gt(0).tolist() for gradient in gradients]
    assert touched == [[False, True], [False, True]]


def test_factors_that_name_nobody_or_are_missing_are_refused(tiny: Callable[..., NetworkConfig]) -> None:
    with pytest.raises(ValueError, match="each class needs a speaker or a phrase"):
        FactoredClassifier(2, torch.tensor([[0, 0], [-1, -1]]), 1.0)
    with pytest.raises(ValueError, match="needs the speaker and phrase of each of its 3 classes"):
        make_classifier(tiny(classifier="factored"), 3)
    with pytest.raises(ValidationError, match="class_residual needs classifier 'factored', not 'cosine'"):
        tiny(class_residual=True)
