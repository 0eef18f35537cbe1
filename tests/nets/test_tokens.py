"""The class token and the distillation token, and which head has which."""

from typing import Any

import pytest
import torch

from svtok.nets.config import NetworkConfig
from svtok.nets.tokens import SampledToken, Token, candidate_rows, drawn_rows, evaluation_rows, make_tokens


def test_a_token_is_the_same_row_for_every_utterance_in_training_and_evaluation() -> None:
    token = Token(4).train()
    assert token(3).shape == (3, 4)
    assert (token(3) == token.vectors).all()
    vectors, weights = token.readings()
    assert torch.equal(vectors, token.vectors)
    assert weights.tolist() == [1.0]


@pytest.mark.parametrize(
    ("head", "vectors", "kinds"),
    [
        ("avg", 6, {}),
        ("stats", 6, {}),
        ("cls", 6, {"cls": Token}),
        ("cls-sampled", 6, {"cls": SampledToken}),
        ("cls-sampled", 1, {"cls": Token}),
        ("cls-dist", 6, {"cls": Token, "dist": Token}),
        ("cls-sampled-dist", 6, {"cls": SampledToken, "dist": Token}),
    ],
)
def test_each_head_has_its_tokens_in_order(head: str, vectors: int, kinds: dict[str, type]) -> None:
    tokens = make_tokens(NetworkConfig(head=head, sampled={"vectors": vectors}))
    assert {name: type(token) for name, token in tokens.items()} == kinds
    assert list(tokens) == list(kinds)


def test_a_gaussian_is_drawn_also_where_evaluation_takes_one_draw() -> None:
    tokens = make_tokens(NetworkConfig(head="cls-sampled", sampled={"vectors": 1, "distribution": "gaussian"}))
    assert isinstance(tokens["cls"], SampledToken)


def test_rows_hold_the_class_token_and_then_the_distillation_token() -> None:
    tokens = make_tokens(NetworkConfig(head="cls-sampled-dist", sampled={"vectors": 3, "evaluation": "mean-embedding"}))
    cls: Any = tokens["cls"]
    vectors, dist = cls.distribution.vectors, next(tokens["dist"].parameters())[0]
    for rows in (evaluation_rows(tokens)[0], candidate_rows(tokens)):
        assert rows.shape == (3, 2, 256)
        assert torch.equal(rows[:, 0], vectors)
        assert all(torch.equal(row, dist) for row in rows[:, 1])
    drawn = drawn_rows(tokens, utterances=5)
    assert drawn.shape == (5, 2, 256)
    assert all(torch.equal(row, dist) for row in drawn[:, 1])
