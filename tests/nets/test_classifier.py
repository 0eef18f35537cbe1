"""Class logits."""

import torch
from torch import nn

from svtok.nets.classifier import CosineClassifier, make_classifier


def test_cosine_logits_by_hand_do_not_depend_on_lengths():
    classifier = CosineClassifier(2, 3, scale=10.0)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0], [-3.0, -4.0]]))
    logits = classifier(torch.tensor([[7.0, 0.0], [0.3, 0.4]]))
    torch.testing.assert_close(logits, torch.tensor([[10.0, 0.0, -6.0], [6.0, 8.0, -10.0]]))


def test_the_configuration_chooses_the_classifier(tiny):
    assert isinstance(make_classifier(tiny(classifier="linear"), 3), nn.Linear)
    assert make_classifier(tiny(cosine_scale=7.0), 3).scale == 7.0
