"""Class logits."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from svtok.nets.classifiers import CosineClassifier, make_classifier


def test_cosine_logits_by_hand_do_not_depend_on_lengths():
    classifier = CosineClassifier(2, 3, scale=10.0)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0], [-3.0, -4.0]]))
    logits = classifier(torch.tensor([[7.0, 0.0], [0.3, 0.4]]))
    torch.testing.assert_close(logits, torch.tensor([[10.0, 0.0, -6.0], [6.0, 8.0, -10.0]]))


def test_the_configuration_chooses_the_classifier(tiny):
    assert isinstance(make_classifier(tiny(classifier="linear"), 3), nn.Linear)
    assert make_classifier(tiny(cosine_scale=7.0), 3).scale == 7.0


def test_the_nearest_of_a_classs_sub_centers_counts():
    torch.manual_seed(0)
    classifier, x = CosineClassifier(4, 3, scale=5.0, sub_centers=2), torch.randn(6, 4)
    rows = classifier.weight.detach()
    wanted = [
        [5 * max(float(nn.functional.cosine_similarity(v, rows[2 * c + k], dim=0)) for k in range(2)) for c in range(3)]
        for v in x
    ]
    torch.testing.assert_close(classifier(x).detach(), torch.tensor(wanted))


def test_sub_centers_of_a_linear_classifier_are_refused(tiny):
    with pytest.raises(ValidationError, match=r"sub_centers \(2\) need classifier 'cosine', not 'linear'"):
        tiny(classifier="linear", sub_centers=2)
