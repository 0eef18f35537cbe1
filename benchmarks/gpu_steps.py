"""Training steps on one batch in memory, by each of the means that make them faster on a GPU."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from svtok.features.config import FeaturesConfig
from svtok.nets import encoder, front_ends
from svtok.nets.memory import SlotUsage
from svtok.nets.network import Network
from svtok.nets.rows import FrameConv, Rows, frame_mask
from svtok.trained.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import Classification, Networks
from svtok.training.optimizer import make_optimizer

CLASSES = 5000


class Size(NamedTuple):
    """A network, and how much of it is done at once.

    Attributes:
        name: of the size.
        network: what differs from the defaults.
        layers: of its encoder.
        dim: of its encoder.
        frames: of an utterance.
        batch: utterances, as svtok train has them by default.
        large: a larger number of them, of which all means fit.
        most: the largest number that is tried.
    """

    name: str
    network: dict[str, Any]
    layers: int
    dim: int
    frames: int = 300
    batch: int = 64
    large: int = 512
    most: int = 4096


WIDE = {"front_end": {"blocks": [256, 512]}, "layers": 12, "attention_heads": 8, "feed_forward_dim": 2048}
SIZES = (
    Size("the default", {}, 2, 256),
    Size("12 layers of 512", {**WIDE, "after_attention": "feed-forward"}, 12, 512, large=128),
)


def rehearsed(size: Size) -> Size:
    """A tiny one in its place."""
    tiny = {"front_end": {"channels": 4, "blocks": [8]}, "layers": min(size.layers, 2), "attention_heads": 2}
    tiny |= {"memory": {"slots": 4, "key_dim": 4}, "feed_forward_dim": 8}
    return size._replace(network={**size.network, **tiny}, layers=2, dim=8, frames=12, batch=2, large=2, most=2)


class Means(NamedTuple):
    """How a step is computed: `compile` is a mode of torch.compile, or none where it is empty."""

    name: str
    fused_attention: bool = True
    bf16: bool = True
    fused_optimizer: bool = True
    no_mask: bool = False
    graph: bool = False
    compile: str = ""


PRODUCT = Means("as svtok train does it")
MEANS = (
    Means("fp32, softmax written out", fused_attention=False, bf16=False, fused_optimizer=False),
    Means("+ SDPA", bf16=False, fused_optimizer=False),
    Means("+ bf16", fused_optimizer=False),
    Means("+ fused AdamW (svtok train)"),
    Means("+ attention without a mask", no_mask=True),
    Means("+ one CUDA graph of the whole step", graph=True),
)
"""Each with those before it, but that the graph is of what svtok train does."""
COMPILED = (Means("torch.compile", compile="default"), Means("+ its CUDA graphs", compile="reduce-overhead"))


class FixedStep:
    """Forward, backward, clipping and update on one batch, of whole utterances, that lies on the device.

    Args:
        size: of the network.
        means: by which it is computed.
        batch: utterances.
        device: where.
    """

    def __init__(self, size: Size, means: Means, batch: int, device: torch.device) -> None:
        torch.manual_seed(0)
        network = {"head": "cls-sampled", **size.network}
        self.config, self.means, self.device = Config.model_validate({"network": network}), means, device
        dim = FeaturesConfig().dim
        self.networks = Networks(Network(self.config.network, dim, CLASSES).to(device).train())
        self.objective = Classification(self.config, [CLASSES]).to(device)
        self.trained: list[nn.Module] = [self.networks.network, self.objective]
        if means.fused_optimizer:
            self.optimizer = make_optimizer(self.trained, self.config.training)
        else:
            weights = [weight for module in self.trained for weight in module.parameters()]
            self.optimizer = torch.optim.AdamW(weights, lr=self.config.training.learning_rate)
        lengths = torch.full((batch,), size.frames)
        frames, labels = torch.randn(batch, size.frames, dim), torch.randint(CLASSES, (batch, 1))
        self.batch = Batch({"augmented": (frames, lengths)}, labels).to(device)
        self.rows = (batch, -(-size.frames // self.config.network.front_end.subsample))
        self.loss: Callable[[], Tensor] = self._loss
        if means.compile:
            on_gpu = device.type == "cuda"  # elsewhere it is traced, and not compiled, which takes minutes
            how: dict[str, Any] = {"mode": means.compile} if on_gpu else {"backend": "eager"}
            self.loss = torch.compile(self._loss, **how)
        self.replay: Callable[[], None] | None = None
        if means.graph:
            self._capture()

    def __call__(self) -> None:
        with self._patched():
            if self.replay is not None:
                self.replay()
            else:
                self._step()

    def flops(self) -> float:
        """Of the matrix products, convolutions and attention in a step."""
        with FlopCounterMode(display=False) as counter, self._patched():
            self._step()
        return float(counter.get_total_flops())

    def waits(self) -> str:
        """What in a step waits for the GPU, by torch's own warnings."""
        if self.device.type != "cuda":
            return ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                self()
            finally:
                torch.cuda.set_sync_debug_mode("default")
        return "; ".join({f"{one.filename.rpartition('/')[2]}:{one.lineno}" for one in caught})

    def _loss(self) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.means.bf16):
            return self.objective(self.networks, self.batch, 0.5)[0]

    def _step(self) -> None:
        self.optimizer.zero_grad()
        torch.autograd.backward(self.loss())
        for module in self.trained:
            if parameters := list(module.parameters()):
                nn.utils.clip_grad_norm_(parameters, self.config.training.clip_gradient)
        self.optimizer.step()

    def _capture(self) -> None:
        """One graph of all kernels of a step; the optimiser counts its steps on the GPU."""
        for group in self.optimizer.param_groups:
            group["capturable"] = True
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with self._patched():
            with torch.cuda.stream(stream):
                for _ in range(3):
                    self._step()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._step()
        self.replay = graph.replay

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """The means that no configuration has.

        A graph must find the rows of a batch where they were: they are computed once, for all utterances are whole. And
        it does the same in each step: how often a slot of a memory was read is not counted in every tenth.
        """
        with ExitStack() as stack:
            if not self.means.fused_attention:
                stack.enter_context(patch.object(encoder.SelfAttention, "_fused", lambda *_: False))
            if self.means.no_mask:
                stack.enter_context(patch.object(functional, "scaled_dot_product_attention", unmasked))
            if self.means.graph or self.means.compile:
                rows, mask = self._fixed_rows()
                stack.enter_context(patch.object(front_ends, "Rows", lambda *_, **__: rows))
                stack.enter_context(patch.object(front_ends, "sent", lambda *_: mask))
                stack.enter_context(patch.object(SlotUsage, "due", lambda _: False))
            yield

    def _fixed_rows(self) -> tuple[Rows, Tensor]:
        """The rows of the batch, with what its convolutions ask of them, and which frames are real; made once."""
        if not hasattr(self, "_fixed"):
            batch, frames = self.rows
            lengths = torch.full((batch,), frames)
            rows = Rows(lengths, frames, self.device, packed=True)
            for module in self.networks.network.modules():
                if isinstance(module, FrameConv):
                    rows.edges(module.conv.kernel_size[0], module.conv.dilation[0])
            whole = self.batch.frames.shape[1]
            self._fixed = rows, frame_mask(torch.full((batch,), whole), whole).to(self.device)
        return self._fixed


attend = functional.scaled_dot_product_attention


def unmasked(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor, dropout_p: float) -> Tensor:
    """Attention among utterances of one length: without a mask there are faster kernels."""
    return attend(query, key, value, dropout_p=dropout_p)


def timed(work: Callable[[], object], device: torch.device, *, rounds: int = 10, warm: int = 3) -> float:
    """Seconds of one call, the mean over so many, after some that do not count; of one that takes long, of fewer."""
    on_gpu = device.type == "cuda"
    for _ in range(warm if on_gpu else min(warm, 1)):
        work()
    if on_gpu:
        torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(rounds if on_gpu else 1):
        work()
    if on_gpu:
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / (rounds if on_gpu else 1)
