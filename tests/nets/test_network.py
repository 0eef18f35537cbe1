"""The whole network: shapes, padding, heads."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from svtok.nets.config import HEADS, TOKEN_HEADS, NetworkConfig
from svtok.nets.encoder import SelfAttention
from svtok.nets.network import Network

pytestmark = pytest.mark.slow

LENGTHS = torch.tensor([23, 9, 14])
FRONT_ENDS = (
    {"kind": "residual", "channels": 6, "blocks": [6, 8], "subsample": 2},
    {"kind": "ecapa", "channels": 8, "scale": 4, "squeeze": 3, "out_channels": 8, "subsample": 2},
    {"kind": "x-vector", "channels": 6, "out_channels": 8, "subsample": 2},
)


VARIANTS = [
    {"skip": "statistics"},
    {"skip": "attentive-stats"},
    {"positions": "rotary"},
    {"after_attention": "feed-forward-memory"},
    {"memory": {"slots": 5, "key_dim": 4, "top_k": 2, "combine": "concat"}},
    {"memory": {"keys": "product", "slots": 9, "key_dim": 4, "top_k": 4}},
]
SAMPLED = [
    {"distribution": distribution, "weights": weights, "evaluation": evaluation}
    for distribution, weights in (("list", "uniform"), ("list", "learned"), ("gaussian", "uniform"))
    for evaluation in ("mean-token", "mean-embedding", "seeded-draw")
]


def trained(config: NetworkConfig) -> Network:
    """A network in evaluation mode whose BatchNorms have seen data, so that a padded frame would not stay 0."""
    torch.manual_seed(1)
    network = Network(config, feature_dim=5, classes=4).train()
    for _ in range(5):
        network(torch.randn(4, 23, 5) + 1, torch.tensor([23, 20, 9, 11]))
    return network.eval()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("fields", [{}, {"positions": "learned"}, {"after_attention": "feed-forward"}], ids=str)
@pytest.mark.parametrize("subsample", [1, 2, 3])
def test_an_embedding_is_the_same_alone_and_in_a_batch_whatever_the_padding_holds(
    tiny: Callable[..., NetworkConfig], head: str, fields: Any, subsample: int
) -> None:
    front_end = {"channels": 6, "blocks": [6, 8], "subsample": subsample}
    assert_padding_is_not_seen(trained(tiny(head=head, front_end=front_end, **fields)))


@pytest.mark.parametrize("head", ["avg", "cls", "cls-sampled-dist"])
@pytest.mark.parametrize("fields", VARIANTS, ids=str)
def test_padding_is_not_seen_by_any_variant_of_the_layers(
    tiny: Callable[..., NetworkConfig], head: str, fields: Any
) -> None:
    assert_padding_is_not_seen(trained(tiny(head=head, **fields)))


@pytest.mark.parametrize("sampled", SAMPLED, ids=str)
def test_padding_is_not_seen_by_any_variant_of_the_sampled_token(
    tiny: Callable[..., NetworkConfig], sampled: Any
) -> None:
    assert_padding_is_not_seen(trained(tiny(head="cls-sampled-dist", sampled={"vectors": 3, **sampled})))


def assert_padding_is_not_seen(network: Network) -> None:
    """An embedding is the same alone and in a batch."""
    frames = torch.randn(3, 30, 5) * 100  # what stands behind an utterance's end is not zero
    with torch.no_grad():
        together = network.embed(frames, LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            alone = network.embed(frames[row : row + 1, :length], LENGTHS[row : row + 1])
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("head", "layers"), [*((head, 1) for head in HEADS), *((head, 0) for head in HEADS if head not in TOKEN_HEADS)]
)
@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda front_end: front_end["kind"])
def test_padding_changes_nothing_whatever_the_front_end_and_its_phonetic_columns(
    tiny: Callable[..., NetworkConfig], head: str, front_end: dict[str, Any], layers: int
) -> None:
    config = tiny(head=head, front_end=front_end, layers=layers, embedding_dim=3)
    torch.manual_seed(1)
    network = Network(config, feature_dim=5, classes=4, phonetic_dim=2).train()
    for _ in range(3):
        network(torch.randn(4, 23, 5) + 1, torch.tensor([23, 20, 9, 11]))
    network.eval()
    frames = torch.randn(3, 30, 5) * 10
    with torch.no_grad():
        together = network.embed(frames, LENGTHS)
        assert together.shape == (3, 3)
        for row, length in enumerate(LENGTHS.tolist()):
            alone = network.embed(frames[row : row + 1, :length], LENGTHS[row : row + 1])
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_gradient_does_not_reach_padding_in_training(tiny: Callable[..., NetworkConfig], head: str) -> None:
    network = Network(tiny(head=head), feature_dim=5, classes=4).train()
    frames = torch.randn(3, 30, 5, requires_grad=True)
    sum(state.square().sum() for state in network(frames, LENGTHS).values()).backward()
    for row, length in enumerate(LENGTHS.tolist()):
        assert frames.grad is not None
        assert (frames.grad[row, length:] == 0).all()
        assert (frames.grad[row, :length] != 0).any()


def test_average_pooling_is_the_mean_of_the_real_frames(tiny: Callable[..., NetworkConfig]) -> None:
    network = trained(tiny(head="avg", embedding_norm="none"))
    frames = torch.randn(3, 23, 5)
    with torch.no_grad():
        x, mask = network.front_end(frames, LENGTHS)
        assert network.encoder is not None
        states = network.encoder(network.positions(x), mask)
        expected = torch.stack([states[row, : LENGTHS[row]].mean(dim=0) for row in range(3)])
        torch.testing.assert_close(network.embed(frames, LENGTHS), expected)


def test_sampled_token_of_one_vector_equals_the_class_token_bit_for_bit_in_training(
    tiny: Callable[..., NetworkConfig],
) -> None:
    """Same seed, same dropout, same gradient."""
    results = []
    for head in ("cls", "cls-sampled"):
        torch.manual_seed(3)
        network = Network(tiny(head=head, sampled={"vectors": 1}), feature_dim=5, classes=4).train()
        logits = network.classify(network(torch.randn(3, 23, 5), LENGTHS))["cls"]
        [gradient] = torch.autograd.grad(logits.square().sum(), list(network.tokens["cls"].parameters()))
        results.append((logits, gradient, network.eval().embed(torch.ones(1, 9, 5), LENGTHS[1:2])))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def spread_out(network: Network) -> Network:
    """The network with vectors of the class token so far apart that the embeddings differ."""
    for parameter in network.tokens["cls"].parameters():
        torch.nn.init.normal_(parameter)
    return network


@pytest.mark.parametrize("sampled", SAMPLED, ids=str)
@pytest.mark.parametrize("embedding", ["cls", "concat"])
def test_embeddings_of_a_sampled_token_are_read_as_configured(
    tiny: Callable[..., NetworkConfig], sampled: Any, embedding: str
) -> None:
    """Against networks whose plain class token is each vector in turn."""
    config = tiny(head="cls-sampled-dist", embedding=embedding, sampled={"vectors": 3, "seed": 5, **sampled})
    network = spread_out(trained(config))
    plain = Network(tiny(head="cls-dist", embedding=embedding), feature_dim=5, classes=4).eval()
    shared = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("tokens.cls")}
    plain.load_state_dict(shared, strict=False)
    frames = torch.randn(3, 23, 5)

    def embed_from(vector: torch.Tensor) -> torch.Tensor:
        next(plain.tokens["cls"].parameters()).copy_(vector)
        return plain.embed(frames, LENGTHS)

    token: Any = network.tokens["cls"]
    distribution = token.distribution
    with torch.no_grad():
        vectors, weights = distribution.candidates()
        each = torch.stack([embed_from(vector) for vector in vectors], dim=1)  # (B, R, D)
        expected = {
            "mean-token": embed_from(distribution.mean()),
            "mean-embedding": (each * weights[:, None]).sum(dim=1),
            "seeded-draw": embed_from(distribution.seeded_draw()),
        }[sampled["evaluation"]]
        torch.testing.assert_close(network.embed_each(frames, LENGTHS), each, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(network.embed(frames, LENGTHS), expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(network.embed(frames, LENGTHS), network.embed(frames, LENGTHS))


@pytest.mark.parametrize("sampled", SAMPLED, ids=str)
def test_a_saved_network_of_a_sampled_token_embeds_the_same(tiny: Callable[..., NetworkConfig], sampled: Any) -> None:
    """What evaluation draws is of the seed, not of the moment at which the network was made."""
    config = tiny(head="cls-sampled", sampled={"vectors": 3, **sampled})
    network = spread_out(trained(config))
    torch.manual_seed(99)
    other = Network(config, feature_dim=5, classes=4).eval()
    other.load_state_dict(network.state_dict())
    frames = torch.randn(3, 23, 5)
    assert torch.equal(network.embed(frames, LENGTHS), other.embed(frames, LENGTHS))


def test_the_front_end_runs_once_for_the_mean_of_many_embeddings(tiny: Callable[..., NetworkConfig]) -> None:
    network = trained(tiny(head="cls-sampled", sampled={"vectors": 5, "evaluation": "mean-embedding"}))
    calls: list[int] = []
    network.front_end.register_forward_hook(lambda *_: calls.append(1))
    network.embed(torch.randn(3, 23, 5), LENGTHS)
    network.embed_each(torch.randn(3, 23, 5), LENGTHS)
    assert len(calls) == 2


@pytest.mark.parametrize("head", ["avg", "cls", "cls-dist"])
def test_embeddings_from_each_vector_need_a_sampled_token(tiny: Callable[..., NetworkConfig], head: str) -> None:
    with pytest.raises(ValueError, match="no class token that is drawn"):
        trained(tiny(head=head)).embed_each(torch.randn(3, 23, 5), LENGTHS)


def test_token_rows_of_the_last_layer_equal_those_of_the_full_layer(tiny: Callable[..., NetworkConfig]) -> None:
    encoder = trained(tiny(head="cls")).encoder
    assert encoder is not None
    x, mask = torch.randn(2, 7, 8), torch.ones(2, 7, dtype=torch.bool)
    torch.testing.assert_close(encoder(x, mask, rows=1), encoder(x, mask)[:, :1])


def test_attention_of_the_tokens_sums_to_one_and_spares_padding(tiny: Callable[..., NetworkConfig]) -> None:
    network = trained(tiny(head="cls-dist", layers=3))
    frames = torch.randn(3, 23, 5)
    with torch.no_grad():
        layers = network.attention(frames, LENGTHS)
    assert [weights.shape for weights in layers] == [(3, 2, 2, 25)] * 3  # batch, heads, tokens, tokens + frames
    for weights in layers:
        torch.testing.assert_close(weights.sum(dim=3), torch.ones(3, 2, 2))
        for row, length in enumerate(LENGTHS.tolist()):
            assert (weights[row, :, :, 2 + length :] == 0).all()
            assert (weights[row, :, :, : 2 + length] > 0).all()


def test_attention_of_each_layer_is_what_its_forward_pass_uses(
    tiny: Callable[..., NetworkConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SelfAttention, "_fused", lambda *_: False)
    network: Any = trained(tiny(head="cls"))
    used: list[torch.Tensor] = []
    heads = network.config.attention_heads
    for layer in network.encoder.layers:  # the weights are what dropout is applied to
        layer.attention.dropout.register_forward_pre_hook(lambda _, inputs: used.append(inputs[0]))
    frames = torch.randn(3, 23, 5)
    with torch.no_grad():
        network(frames, LENGTHS)
        expected = [weights.reshape(3, heads, -1, weights.shape[-1])[:, :, :1] for weights in used]
        for weights, one in zip(network.attention(frames, LENGTHS), expected, strict=True):
            torch.testing.assert_close(weights, one)


def test_attention_of_a_head_without_tokens_is_refused(tiny: Callable[..., NetworkConfig]) -> None:
    with pytest.raises(ValueError, match="'avg' has no token"):
        trained(tiny(head="avg")).attention(torch.randn(3, 23, 5), LENGTHS)


@pytest.mark.parametrize(("embedding", "dim"), [("cls", 8), ("dist", 8), ("mean", 8), ("concat", 16)])
def test_the_embedding_of_two_tokens_is_as_configured(
    tiny: Callable[..., NetworkConfig], embedding: str, dim: int
) -> None:
    network = trained(tiny(head="cls-dist", embedding=embedding))
    frames = torch.randn(3, 23, 5)
    with torch.no_grad():
        states, embeddings = network(frames, LENGTHS), network.embed(frames, LENGTHS)
    cls, dist = states["cls"], states["dist"]
    expected = {"cls": cls, "dist": dist, "mean": (cls + dist) / 2, "concat": torch.cat([cls, dist], dim=1)}
    assert embeddings.shape == (3, dim)
    assert torch.equal(embeddings, expected[embedding])


def test_frame_order_matters_only_with_positions_beyond_the_convolutions_reach(
    tiny: Callable[..., NetworkConfig],
) -> None:
    """Average pooling cannot know the order of distant frames; sinusoidal positions can."""
    blocks = {"channels": 6, "blocks": [8], "layers_per_block": 1, "kernel": 1}
    frames = torch.randn(1, 12, 5)
    for positions, same in (("none", True), ("sinusoidal", False)):
        network = trained(tiny(head="cls", positions=positions, front_end=blocks))
        with torch.no_grad():
            one, other = (network.embed(f, torch.tensor([12])) for f in (frames, frames.flip(1)))
        assert torch.allclose(one, other, atol=1e-5) is same


def test_learned_positions_refuse_longer_utterances_with_both_numbers(tiny: Callable[..., NetworkConfig]) -> None:
    network = Network(tiny(positions="learned", max_frames=10), feature_dim=5, classes=4)
    with pytest.raises(ValueError, match=r"11 frames is longer .*max_frames 10"):
        network(torch.randn(1, 11, 5), torch.tensor([11]))


def test_wrong_sizes_are_refused_with_their_numbers(tiny: Callable[..., NetworkConfig]) -> None:
    with pytest.raises(ValueError, match="1 class, not 5 and 0"):
        Network(tiny(), feature_dim=5, classes=0)
    with pytest.raises(ValidationError, match=r"attention_heads \(3\) must divide the front-end's 8 channels"):
        tiny(attention_heads=3)
    with pytest.raises(ValidationError, match="kernel must be odd, not 4"):
        tiny(front_end={"kernel": 4})
    with pytest.raises(ValidationError, match="'concat' needs a head with a distillation token, not 'cls'"):
        tiny(head="cls", embedding="concat")
