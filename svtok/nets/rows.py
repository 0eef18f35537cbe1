"""The frames of a batch as rows, and the layers that must know which row is which frame.

In training, only the real frames are rows, one after the other, (N, C): nothing is spent on padding, and BatchNorm sees
what it should. In evaluation the rows are (B, T, C), padded with 0, where there is padding: a graph that is exported
looks at no length, and a single recording has no padding anyway. Whatever treats each row by itself need not know.
"""

from __future__ import annotations

import sys
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Which of the first `frames` frames of each utterance are real.

    Args:
        lengths: frames of each utterance, (B,).
        frames: T.

    Returns:
        bool (B, T).
    """
    return torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; from the CPU to a GPU by memory that it reads by itself, so that nothing waits."""
    if tensor.device.type == "cpu" and device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def is_exporting() -> bool:
    """Whether an ONNX graph of the network is being made, and not an embedding."""
    return "torch.onnx" in sys.modules and torch.onnx.is_in_onnx_export()  # it loads slowly when it is named


class Rows:
    """Which frames of a batch the rows are.

    Args:
        lengths: frames of each utterance, (B,). Where they lie on the CPU, nothing waits for a GPU.
        frames: T, of the longest or more.
        device: of the rows.
        packed: whether only the real frames are rows; else all are, and padded ones are 0.

    Attributes:
        mask: which of the frames are real, bool (B, T).
        whole: whether they all are, where that is known without waiting for a GPU, and no graph is exported, which is
            for other lengths too.
    """

    def __init__(self, lengths: Tensor, frames: int, device: torch.device, *, packed: bool) -> None:
        self.packed = packed
        known = frame_mask(lengths, frames)
        self.mask = sent(known, device)
        self.whole = known.device.type == "cpu" and not is_exporting() and bool(known.all())
        self._real: Tensor | None = None  # the places (N,) of the rows among the B * T frames; None: all of them
        if packed:
            self._lengths, self._device = lengths, device
            self._edges: dict[tuple[int, int], Tensor] = {}
            if not self.whole:
                self._real = sent(known.flatten().nonzero()[:, 0], device)

    def pack(self, x: Tensor) -> Tensor:
        """Frames x (B, T, C) -> rows (..., C); what padding holds stays where its rows do."""
        if not self.packed:
            return x
        flat = x.flatten(0, 1)
        return flat if self._real is None else _apply(_Taken, flat, self._real)

    def unpack(self, x: Tensor) -> Tensor:
        """Rows (..., C) -> frames (B, T, C), padded with 0."""
        if not self.packed:
            return x
        batch, frames = self.mask.shape
        flat = x if self._real is None else _apply(_Put, x, self._real, batch * frames)
        return flat.view(batch, frames, -1)

    def edges(self, kernel: int, dilation: int) -> Tensor:
        """Which of the `kernel` neighbours that a convolution sees of each packed row lie beyond its utterance.

        Args:
            kernel: how many neighbours a row has, itself among them.
            dilation: how many frames these are apart.

        Returns:
            Their numbers among all N * kernel, int64.
        """
        if (kernel, dilation) not in self._edges:
            lengths = self._lengths[:, None, None]  # (B, 1, 1)
            steps = (torch.arange(kernel, device=lengths.device) - kernel // 2) * dilation
            at = torch.arange(self.mask.shape[1], device=lengths.device)[:, None] + steps  # (T, kernel)
            beyond = ((at < 0) | (at >= lengths))[frame_mask(self._lengths, self.mask.shape[1])]  # (N, kernel)
            self._edges[kernel, dilation] = sent(beyond.flatten().nonzero()[:, 0], self._device)
        return self._edges[kernel, dilation]


def _apply(function: type[torch.autograd.Function], *inputs: Any) -> Tensor:
    """What a function with a gradient of its own gives: torch has no types for that."""
    return cast(Tensor, function.apply(*inputs))  # type: ignore[no-untyped-call]


class _Taken(torch.autograd.Function):
    """Some rows of a tensor (R, C), each at most once: their gradient is put back, where torch would add it up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.count = len(x)
        return x.index_select(0, places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.count, gradient.shape[1]).index_copy_(0, places, gradient), None


class _Put(torch.autograd.Function):
    """Rows (N, C) at their places among `count`, of which the others are 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(places)
        return x.new_zeros(count, x.shape[1]).index_copy_(0, places, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return gradient.index_select(0, places), None, None


class _Neighbours(torch.autograd.Function):
    """What a convolution sees of each row (N, C): (N, kernel, C), 0 beyond an utterance.

    The rows of an utterance stand one after the other, so that each neighbour is a copy of all rows, moved.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: int, dilation: int, edges: Tensor) -> Tensor:
        ctx.save_for_backward(edges)
        ctx.steps = [(number - kernel // 2) * dilation for number in range(kernel)]
        seen = x.new_empty(len(x), kernel, x.shape[1])
        for number, step in enumerate(ctx.steps):
            to, of = _moved(len(x), step)
            seen[to, number] = x[of]
        return _without(seen, edges)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (edges,) = ctx.saved_tensors
        gradient = _without(gradient.clone(), edges)
        sums = gradient[:, ctx.steps.index(0)].clone()
        for number, step in enumerate(ctx.steps):
            if step:
                to, of = _moved(len(sums), step)
                sums[of] += gradient[to, number]
        return sums, None, None, None


def _moved(count: int, step: int) -> tuple[slice, slice]:
    """Of `count` rows, those that have another one `step` rows on, and those others."""
    step = max(-count, min(count, step))
    return slice(max(0, -step), count - max(0, step)), slice(max(0, step), count - max(0, -step))


def _without(seen: Tensor, edges: Tensor) -> Tensor:
    """seen (N, kernel, C), in which some of the N * kernel are set to 0, in place."""
    seen.view(-1, seen.shape[2]).index_fill_(0, edges, 0)
    return seen


def channels_last_conv(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """A convolution over time of frames x (B, T, C_in), padded with 0 -> (B, T', C_out).

    A frame's channels stay beside one another in memory, as no one-dimensional convolution of torch leaves them: on CPU
    that is up to three times as fast.
    """
    across = functional.conv2d(
        x.transpose(1, 2).unsqueeze(2),  # (B, C_in, 1, T)
        conv.weight.unsqueeze(2),
        conv.bias,
        stride=(1, conv.stride[0]),
        padding=(0, int(conv.padding[0])),
        dilation=(1, conv.dilation[0]),
    )
    return across.squeeze(2).transpose(1, 2).contiguous()  # (B, T', C_out)


class FrameConv(nn.Module):
    """1-D convolution over time, of rows that are 0 where there is padding."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, stride=stride, padding=padding, dilation=dilation)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """x (..., C_in) -> (..., C_out), without a stride; rows of padding come out as anything."""
        if not rows.packed:
            return channels_last_conv(x, self.conv)
        kernel, dilation = self.conv.kernel_size[0], self.conv.dilation[0]
        seen = _apply(_Neighbours, x, kernel, dilation, rows.edges(kernel, dilation))  # (N, kernel, C_in)
        weight = self.conv.weight.transpose(1, 2).flatten(1)  # (C_out, kernel * C_in)
        return functional.linear(seen.flatten(1), weight, self.conv.bias)


class RowNorm(nn.BatchNorm1d):
    """BatchNorm over the real frames alone (Ioffe and Szegedy, 2015); rows of padding come out as 0."""

    def forward(self, x: Tensor, rows: Rows) -> Tensor:  # type: ignore[override]
        """x (..., C) -> (..., C)."""
        if rows.packed:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        # as one product and sum a value, the channels beside one another: a third of the time of torch's on a CPU
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)  # (C,)
        out = torch.addcmul(self.bias - self.running_mean * scale, x, scale).to(x.dtype)
        return out if rows.whole else out.mul_(rows.mask[..., None])
