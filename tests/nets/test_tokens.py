"""The class token, the sampled class token and the distillation token."""

import pytest
import torch

from svtok.nets.config import NetworkConfig
from svtok.nets.tokens import Token, make_tokens


def test_one_vector_is_the_same_row_for_every_utterance():
    token = Token(4)
    assert token(3).shape == (3, 1, 4)
    assert (token(3) == token.vectors).all()


def test_one_vector_draws_nothing_from_the_random_generator():
    token = Token(4).train()
    before = torch.get_rng_state()
    token(3)
    assert torch.equal(before, torch.get_rng_state())


def test_training_draws_one_of_the_vectors_for_each_utterance():
    torch.manual_seed(0)
    token = Token(2, vectors=3).train()
    rows = token(300)[:, 0]
    chosen = (rows[:, None] == token.vectors).all(dim=2)  # (utterances, vectors)
    assert (chosen.sum(dim=1) == 1).all()
    assert (chosen.sum(dim=0) > 60).all()


def test_evaluation_uses_the_mean_of_the_vectors():
    token = Token(2, vectors=2).eval()
    with torch.no_grad():
        token.vectors.copy_(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert token(2).tolist() == [[[2.0, 4.0]], [[2.0, 4.0]]]


def test_no_vectors_are_refused():
    with pytest.raises(ValueError, match="at least 1 vector, not 0"):
        Token(4, vectors=0)


@pytest.mark.parametrize(
    ("head", "vectors"),
    [
        ("avg", {}),
        ("cls", {"cls": 1}),
        ("cls-sampled", {"cls": 6}),
        ("cls-dist", {"cls": 1, "dist": 1}),
        ("cls-sampled-dist", {"cls": 6, "dist": 1}),
    ],
)
def test_each_head_has_its_tokens_in_order(head, vectors):
    tokens = make_tokens(NetworkConfig(head=head, sampled_vectors=6))
    assert {name: len(token.vectors) for name, token in tokens.items()} == vectors
    assert list(tokens) == list(vectors)
