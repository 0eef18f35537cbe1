"""The sampled class token: what training draws and what evaluation reads."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from svtok.nets.config import SampledConfig
from svtok.nets.tokens import SampledToken


def make(dim: int = 2, **fields: Any) -> SampledToken:
    torch.manual_seed(0)
    token = SampledToken(dim, SampledConfig(**fields))
    torch.nn.init.normal_(next(token.distribution.parameters()))
    return token


def inside(token: SampledToken) -> Any:
    """The distribution that the token draws from, with what its kind has: vectors, logits, centre, variance."""
    return token.distribution


def chosen(token: SampledToken, utterances: int) -> torch.Tensor:
    """Which vector each utterance drew, (B,); each must have drawn one exactly."""
    distances = (token(utterances)[:, None] - inside(token).vectors).abs().amax(dim=2)  # (B, R)
    assert ((distances < 1e-6).sum(dim=1) == 1).all()
    return distances.argmin(dim=1)


@pytest.mark.parametrize("weights", ["uniform", "learned"])
def test_training_draws_one_of_the_vectors_for_each_utterance(weights: str) -> None:
    counts = chosen(make(vectors=3, weights=weights), 300).bincount(minlength=3)
    assert (counts > 60).all()


@pytest.mark.parametrize("weights", ["uniform", "learned"])
def test_a_draw_per_batch_is_the_same_for_its_utterances_and_changes_between_batches(weights: str) -> None:
    token = make(vectors=3, weights=weights, draw="batch")
    drawn = [chosen(token, 4) for _ in range(20)]
    assert all((batch == batch[0]).all() for batch in drawn)
    assert len({int(batch[0]) for batch in drawn}) == 3


def test_learned_probabilities_rule_the_draws() -> None:
    token = make(vectors=3, weights="learned")
    with torch.no_grad():
        inside(token).logits.copy_(torch.tensor([0.2, 0.5, 0.3]).log())
    shares = chosen(token, 4000).bincount(minlength=3) / 4000
    torch.testing.assert_close(shares, torch.tensor([0.2, 0.5, 0.3]), atol=0.03, rtol=0)


def test_learned_probabilities_move_towards_the_vectors_that_lower_the_loss() -> None:
    token = make(vectors=3, weights="learned")
    with torch.no_grad():
        inside(token).vectors.copy_(torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    (1 - token(500)[:, 0]).mean().backward()
    gradient = inside(token).logits.grad
    assert gradient[2] < 0 < min(gradient[:2])


def test_the_gradient_of_a_vector_is_from_the_utterances_that_drew_it() -> None:
    token = make(vectors=2)
    rows = token(10)
    drawn = (rows[:, None] == inside(token).vectors).all(dim=2).sum(dim=0)
    rows.sum().backward()
    assert torch.equal(inside(token).vectors.grad, drawn[:, None].expand(2, 2).float())


def test_a_gaussian_draws_with_its_mean_and_variance_and_trains_both() -> None:
    token = make(distribution="gaussian")
    with torch.no_grad():
        inside(token).centre.copy_(torch.tensor([[1.0, -2.0]]))
        inside(token).log_variance.copy_(torch.tensor([0.25, 4.0]).log())
    drawn = token(20000)
    torch.testing.assert_close(drawn.mean(dim=0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), torch.tensor([0.5, 2.0]), atol=0.05, rtol=0)
    drawn.square().mean().backward()
    assert all((parameter.grad != 0).all() for parameter in inside(token).parameters())


def test_a_gaussian_begins_as_wide_as_the_vectors_of_a_list() -> None:
    token = SampledToken(3, SampledConfig(distribution="gaussian"))
    assert inside(token).log_variance.tolist() == pytest.approx([2 * math.log(0.02)] * 3)


def test_the_mean_token_is_the_mean_of_the_vectors() -> None:
    token = make(vectors=2)
    with torch.no_grad():
        inside(token).vectors.copy_(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    vectors, weights = token.readings()
    assert vectors.tolist() == [[2.0, 4.0]]
    assert weights.tolist() == [1.0]


def test_learned_probabilities_weigh_the_mean_token_and_the_mean_embedding() -> None:
    for evaluation, expected in (("mean-token", [[1.5, 3.0]]), ("mean-embedding", [[1.0, 2.0], [3.0, 6.0]])):
        token = make(vectors=2, weights="learned", evaluation=evaluation)
        with torch.no_grad():
            inside(token).vectors.copy_(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
            inside(token).logits.copy_(torch.tensor([3.0, 1.0]).log())
        vectors, weights = token.readings()
        torch.testing.assert_close(vectors, torch.tensor(expected))
        torch.testing.assert_close(weights, torch.tensor([1.0] if evaluation == "mean-token" else [0.75, 0.25]))


def test_the_mean_token_of_a_gaussian_is_its_mean() -> None:
    token = make(distribution="gaussian")
    assert torch.equal(token.readings()[0], inside(token).centre)


@pytest.mark.parametrize("fields", [{}, {"weights": "learned"}, {"distribution": "gaussian"}], ids=str)
def test_seeded_draws_are_the_same_each_time_and_others_with_other_seeds(fields: Any) -> None:
    def draw(seed: int) -> tuple[float, ...]:
        token = make(vectors=4, evaluation="seeded-draw", seed=seed, **fields)
        vectors, weights = token.readings()
        assert vectors.shape == (1, 2)
        assert weights.tolist() == [1.0]
        assert torch.equal(vectors, token.readings()[0])
        return tuple(vectors[0].tolist())

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(20)}) >= 3


@pytest.mark.slow
def test_seeded_draws_follow_the_learned_probabilities() -> None:
    drawn = []
    for seed in range(300):
        token = make(vectors=2, weights="learned", evaluation="seeded-draw", seed=seed)
        with torch.no_grad():
            inside(token).logits.copy_(torch.tensor([0.8, 0.2]).log())
        drawn.append(torch.equal(token.readings()[0][0], inside(token).vectors[0]))
    assert 0.72 < sum(drawn) / 300 < 0.88


@pytest.mark.parametrize("fields", [{}, {"weights": "learned"}, {"distribution": "gaussian"}], ids=str)
def test_evaluation_draws_nothing_from_the_shared_random_generator(fields: Any) -> None:
    for evaluation in ("mean-token", "mean-embedding", "seeded-draw"):
        token = make(evaluation=evaluation, **fields)
        before = torch.get_rng_state()
        token.readings()
        assert torch.equal(before, torch.get_rng_state())


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"greater than or equal to 1.*input_value=0"):
        SampledConfig(vectors=0)
    with pytest.raises(ValidationError, match="learned weights are of a list of vectors"):
        SampledConfig(distribution="gaussian", weights="learned")
