"""Frames of a batch as rows: padding counts for nothing, and packed rows give what padded ones give."""

import torch
from torch import Tensor

from svtok.nets.rows import FrameConv, RowNorm, Rows, frame_mask

CPU = torch.device("cpu")


def _rows(lengths: list[int], *, packed: bool) -> Rows:
    return Rows(torch.tensor(lengths), max(lengths), CPU, packed=packed)


def test_frame_mask_marks_the_first_frames_of_each_utterance() -> None:
    assert frame_mask(torch.tensor([2, 0, 3]), 3).tolist() == [[True, True, False], [False] * 3, [True] * 3]


def test_training_statistics_are_those_of_the_real_frames_alone() -> None:
    x, rows = torch.tensor([[[1.0], [3.0]], [[5.0], [777.0]]]), _rows([2, 1], packed=True)
    norm = RowNorm(1, momentum=1.0)
    out = rows.unpack(norm(rows.pack(x), rows))
    state = norm.state_dict()
    assert state["running_mean"].item() == 3.0
    assert state["running_var"].item() == 4.0  # of 1, 3, 5, unbiased
    deviation = (8 / 3 + 1e-5) ** 0.5
    torch.testing.assert_close(out[..., 0], torch.tensor([[-2.0, 0.0], [2.0, 0.0]]) / deviation)


def test_padding_is_zero_in_evaluation_too() -> None:
    norm = RowNorm(1).eval()
    torch.nn.init.constant_(norm.bias, 5.0)
    out = norm(torch.zeros(2, 2, 1), _rows([1, 2], packed=False))
    assert out.flatten().tolist() == [5.0, 0.0, 5.0, 5.0]


def test_packed_rows_are_the_real_frames_in_their_order_and_go_back_with_zeros() -> None:
    x = torch.arange(6.0).view(2, 3, 1)
    rows = _rows([3, 1], packed=True)
    assert rows.pack(x).flatten().tolist() == [0, 1, 2, 3]
    assert rows.unpack(rows.pack(x)).flatten().tolist() == [0, 1, 2, 3, 0, 0]


def test_gradients_of_packing_and_unpacking_are_those_of_indexing() -> None:
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    rows = _rows([3, 1], packed=True)
    assert torch.autograd.gradcheck(lambda x: rows.pack(x).square(), x)
    assert torch.autograd.gradcheck(lambda x: rows.unpack(rows.pack(x).square()), x)


def _convolved(conv: FrameConv, x: Tensor, lengths: list[int], *, packed: bool) -> tuple[Tensor, list[Tensor]]:
    """The real frames of a convolution, and the gradients of its input and weights."""
    x, rows = x.clone().requires_grad_(), _rows(lengths, packed=packed)
    out = rows.unpack(conv(rows.pack(x), rows)) * rows.mask[..., None]
    gradients = torch.autograd.grad((out.sin()).sum(), [x, *conv.parameters()])
    return out, [gradients[0] * rows.mask[..., None], *gradients[1:]]


def test_a_convolution_of_packed_rows_is_that_of_padded_ones_and_so_are_its_gradients() -> None:
    torch.manual_seed(0)
    for kernel, dilation, lengths in ((3, 2, [7, 1, 4]), (5, 1, [6, 6]), (3, 4, [2, 3]), (1, 1, [2, 1])):
        conv = FrameConv(2, 3, kernel, dilation=dilation).double()
        x = torch.randn(len(lengths), max(lengths), 2, dtype=torch.float64)
        x = x * frame_mask(torch.tensor(lengths), max(lengths))[..., None]
        out, gradients = _convolved(conv, x, lengths, packed=False)
        packed_out, packed_gradients = _convolved(conv, x, lengths, packed=True)
        torch.testing.assert_close(packed_out, out)
        torch.testing.assert_close(packed_gradients, gradients)
