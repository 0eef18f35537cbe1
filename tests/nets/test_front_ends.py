"""The front-ends against plain loops, their sizes, and their phonetic columns."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from svtok.nets.config import EcapaConfig, NetworkConfig, ResidualConfig, XVectorConfig
from svtok.nets.front_ends import ConvReluNorm, Res2Conv, SeRes2Block, SubsamplingConv, make_front_end
from svtok.nets.network import Network
from svtok.nets.rows import FrameConv, Rows

ECAPA = EcapaConfig(kind="ecapa", channels=8, scale=4, squeeze=3, out_channels=6)
CONFIGS = (ResidualConfig(channels=4, blocks=(6,)), ECAPA, XVectorConfig(kind="x-vector", channels=5, out_channels=6))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(2)


def all_real(x: torch.Tensor) -> Rows:
    """The rows of frames x (B, T, C) without padding, as evaluation has them."""
    return Rows(torch.full((len(x),), x.shape[1]), x.shape[1], x.device, packed=False)


@torch.no_grad()
def test_a_dilated_convolution_sees_the_frames_it_should() -> None:
    conv = FrameConv(2, 3, kernel=3, dilation=2)
    x = torch.randn(1, 9, 2)
    weight, bias = conv.conv.weight, conv.conv.bias
    assert bias is not None
    for t in range(9):
        seen = [x[0, t + offset] if 0 <= t + offset < 9 else torch.zeros(2) for offset in (-2, 0, 2)]
        expected = bias + sum(weight[:, :, place] @ frame for place, frame in enumerate(seen))
        torch.testing.assert_close(conv(x, all_real(x))[0, t], expected)


@torch.no_grad()
def test_one_frame_convolution_relu_and_norm_is_their_plain_product() -> None:
    layer = ConvReluNorm(2, 3).eval()
    x = torch.randn(1, 4, 2)
    expected = torch.relu(layer.conv(x)) / (1 + layer.norm.eps) ** 0.5  # running mean 0, variance 1
    torch.testing.assert_close(layer(x, all_real(x)), expected)


@torch.no_grad()
def test_groups_of_channels_feed_the_next_group() -> None:
    layer = Res2Conv(8, kernel=3, dilation=1, scale=4).eval()
    x = torch.randn(2, 5, 8)
    rows = all_real(x)
    groups = [x[..., 2 * number : 2 * number + 2] for number in range(4)]
    second = layer.convs[0](groups[1], rows)
    third = layer.convs[1](groups[2] + second, rows)
    fourth = layer.convs[2](groups[3] + third, rows)
    torch.testing.assert_close(layer(x, rows), torch.cat([groups[0], second, third, fourth], dim=2))


@torch.no_grad()
def test_an_se_res2_block_gates_its_channels_by_their_mean_and_adds_its_input() -> None:
    block = SeRes2Block(8, 8, 2, ECAPA).eval()
    x = torch.randn(1, 6, 8)
    rows = all_real(x)
    inner = block.after(block.multi_scale(block.before(x, rows), rows), rows)
    gate = block.excitation.gate(inner[0].mean(dim=0))
    torch.testing.assert_close(block(x, rows)[0], inner[0] * gate + x[0])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
@pytest.mark.parametrize("subsample", [1, 3])
def test_states_have_the_configured_dimension_and_a_frame_for_each_step(config: Any, subsample: int) -> None:
    front_end = make_front_end(7, 2, config.model_copy(update={"subsample": subsample}))
    states, mask = front_end(torch.randn(2, 10, 7), torch.tensor([10, 4]))
    frames = -(-10 // subsample)
    assert states.shape == (2, frames, 6)
    assert mask.sum(dim=1).tolist() == [frames, -(-4 // subsample)]


def test_phonetic_columns_are_stepped_over_as_the_frames_are_and_not_convolved() -> None:
    first = SubsamplingConv(acoustic_dim=3, channels=4, kernel=3, subsample=2).eval()
    frames = torch.randn(1, 7, 5)
    x, phonetic, rows = first(frames, torch.tensor([6]))
    assert x.shape == (1, 4, 4)
    torch.testing.assert_close(phonetic[0, :3], frames[0, :6:2, 3:])
    assert (phonetic[0, 3] == 0).all()
    assert rows.mask.tolist() == [[True, True, True, False]]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_phonetic_columns_change_the_states(config: Any) -> None:
    front_end = make_front_end(5, 2, config).eval()
    frames = torch.randn(1, 8, 5)
    other = frames.clone()
    other[..., 3:] += 1
    lengths = torch.tensor([8])
    assert not torch.allclose(front_end(frames, lengths)[0], front_end(other, lengths)[0])


def test_as_many_phonetic_columns_as_features_are_refused() -> None:
    with pytest.raises(ValueError, match="5 phonetic columns leave no acoustic ones of 5"):
        make_front_end(5, 5, CONFIGS[0])


@pytest.mark.parametrize(
    ("front_end", "message"),
    [
        ({"kind": "ecapa", "channels": 10, "scale": 4}, r"scale \(4\) must divide the 10 channels"),
        ({"kind": "ecapa", "dilations": [2, 0]}, r"every dilation must be at least 1, not \(2, 0\)"),
        ({"kind": "ecapa", "kernel": 2}, "kernel must be odd, not 2"),
        ({"kind": "ecapa", "blocks": [3]}, "Extra inputs are not permitted"),
        ({"kind": "resnet"}, "'resnet'"),
    ],
)
def test_impossible_front_ends_are_refused_with_their_numbers(front_end: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NetworkConfig(front_end=front_end)


def test_tokens_without_attention_are_refused() -> None:
    with pytest.raises(ValidationError, match="head 'cls-sampled' needs at least 1 layer of attention, not 0"):
        NetworkConfig(head="cls-sampled", layers=0)


@pytest.mark.parametrize(("head", "dim"), [("avg", 6), ("stats", 12), ("attentive-stats", 12)])
def test_the_embedding_has_the_dimension_of_the_pooling_or_the_projection(head: str, dim: int) -> None:
    frames, lengths = torch.randn(2, 8, 5), torch.tensor([8, 5])
    peer = {"front_end": ECAPA.model_dump(), "layers": 0, "head": head}
    for projected in (0, 3):
        config = NetworkConfig(**peer, embedding_dim=projected)
        assert Network(config, 5, 4).eval().embed(frames, lengths).shape == (2, projected or dim)


def test_parameters_of_ecapa_tdnn_are_as_many_as_published() -> None:
    """C = 512, features of 80 dimensions, no classifier: 6.2 million (Desplanques et al., 2020, table 1)."""
    config = NetworkConfig(
        front_end={"kind": "ecapa"}, layers=0, head="attentive-stats", embedding_dim=192, positions="none"
    )
    network = Network(config, 80, 2)
    parameters = sum(p.numel() for name, p in network.named_parameters() if not name.startswith("classifiers"))
    assert parameters / 1e6 == pytest.approx(6.2, abs=0.05)
