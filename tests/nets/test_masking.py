"""Padding counts for nothing in BatchNorm."""

import torch

from svtok.nets.front_ends import MaskedBatchNorm, frame_mask


def test_frame_mask_marks_the_first_frames_of_each_utterance() -> None:
    assert frame_mask(torch.tensor([2, 0, 3]), 3).tolist() == [[True, True, False], [False] * 3, [True] * 3]


def test_training_statistics_are_those_of_the_real_frames_alone() -> None:
    x = torch.tensor([[[1.0], [3.0]], [[5.0], [777.0]]])
    mask = torch.tensor([[True, True], [True, False]])
    norm = MaskedBatchNorm(1, momentum=1.0)
    out = norm(x, mask)
    state = norm.state_dict()
    assert state["running_mean"].item() == 3.0
    assert state["running_var"].item() == 4.0  # of 1, 3, 5, unbiased
    deviation = (8 / 3 + 1e-5) ** 0.5
    torch.testing.assert_close(out[..., 0], torch.tensor([[-2.0, 0.0], [2.0, 0.0]]) / deviation)


def test_padding_is_zero_in_evaluation_too() -> None:
    norm = MaskedBatchNorm(1).eval()
    torch.nn.init.constant_(norm.bias, 5.0)
    out = norm(torch.zeros(1, 2, 1), torch.tensor([[True, False]]))
    assert out.flatten().tolist() == [5.0, 0.0]
