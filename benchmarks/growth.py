"""How time and memory grow with frames, classes, trials and the cohort; one thread."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from benchmarks import on_one_thread
from benchmarks.table import Row
from svtok.ranks import Ranks

if TYPE_CHECKING:
    from torch import Tensor, nn

DIM, BATCH, FEW, PROCESSES = 256, 64, 4, 8
MILLION = 1_000_000


class Taken(NamedTuple):
    """Seconds of a processor for the work, at most so many GB of its process, and what it sent to others, in MB."""

    seconds: float
    peak_gb: float
    sent_mb: float


@click.command("growth")
@click.option("--full/--quick", default=True, show_default=True, help="quick: a hundredth of the sizes, to try it out.")
def growth(full: bool) -> None:
    """What frames, classes, trials and the cohort cost; each size in a process of its own, on one thread.

    Seconds are those of a processor. Memory is all of the process, with Python and torch.

    \b
    Example:
      python -m benchmarks growth
    """
    less = 1 if full else 100
    click.echo(f"nothing, but torch loaded: {_alone(lambda: (0.0, 0.0)).peak_gb:.2f} GB\n")
    click.echo("| what | size | s | GB |\n|---|---|---|---|")
    for what, sizes, work in (
        (f"training step, {FEW} utterances of so many frames", (100, 300, 1000), _frames_trained),
        (f"embeddings of {FEW} utterances of so many frames", (100, 300, 1000), _frames_embedded),
        ("scores of trials, EER and minDCF", (100_000, MILLION, 10 * MILLION), _trials),
        ("AS-norm of 2,000 embeddings by a cohort", (1_000, 5_000, 20_000), _cohort),
    ):
        for size in sizes:
            taken = _alone(partial(work, max(20, size // less)))
            click.echo(f"| {what} | {size // less:,} | {taken.seconds:.2f} | {taken.peak_gb:.2f} |")
    click.echo(f"\nA step of the classifier alone, {BATCH} embeddings of {DIM} values, by one of some processes:\n")
    click.echo("| classes | in a step | processes | s | GB | MB sent |\n|---|---|---|---|---|---|")
    for classes, sampled, world in (
        *((classes, share, 1) for classes in (10_000, 100_000, MILLION) for share in (0, 0.1)),
        (MILLION, 0.01, 1),
        *((MILLION, share, PROCESSES) for share in (1, 0.1)),
    ):
        taken = _alone(partial(_classes, classes // less, sampled, world))
        part = f"{sampled * classes // less:,.0f}" if sampled else "all, whole in each"
        row = (
            f"{classes // less:,} | {part} | {world} | {taken.seconds:.2f} | {taken.peak_gb:.2f} | {taken.sent_mb:.1f}"
        )
        click.echo(f"| {row} |")


def rows() -> Iterator[Row]:
    """For the table: where the softmax dominates."""
    whole, sampled = (_alone(partial(_classes, MILLION, share, 1)) for share in (0, 0.1))
    what = "step of a classifier of 1,000,000 classes, 100,000 of them sampled"
    faster, smaller = whole.seconds / sampled.seconds, whole.peak_gb / sampled.peak_gb
    yield Row(what, "all of them, AdamW", faster, 4, f"{sampled.seconds:.2f} s beside {whole.seconds:.2f}")
    yield Row(f"{what}: memory", "the same", smaller, 1.5, f"{sampled.peak_gb:.2f} GB beside {whole.peak_gb:.2f}")


def _alone(work: Callable[[], tuple[float, float]]) -> Taken:
    """What some work takes, which returns its seconds and what it sent (bytes): in a process forked off for it."""
    on_one_thread()
    import torch

    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, work))
    process.start()
    sender.close()
    try:
        found: Taken = receiver.recv()
    except EOFError:
        process.join()
        raise click.ClickException(f"a process has ended with status {process.exitcode}: too little memory?") from None
    process.join()
    return found


def _report(sender: Connection, work: Callable[[], tuple[float, float]]) -> None:
    seconds, sent = work()
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    sender.send(Taken(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, sent / 1e6))


def _seconds(work: Callable[[], object]) -> float:
    """Seconds of a processor that work takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _second(work: Callable[[], object]) -> float:
    """Those that it takes the second time, when its memory is there."""
    work()
    return _seconds(work)


def _network() -> Any:
    import torch

    from svtok.nets.config import NetworkConfig
    from svtok.nets.network import Network

    torch.manual_seed(0)
    return Network(NetworkConfig(), 80, 100)


def _frames_trained(frames: int) -> tuple[float, float]:
    import torch
    from torch.nn import functional

    from svtok.trained.config import StepsConfig
    from svtok.training.optimizer import make_optimizer

    network, x, lengths = _network(), torch.randn(FEW, frames, 80), torch.full((FEW,), frames)
    optimizer = make_optimizer([network], StepsConfig())

    def step() -> None:
        loss = functional.cross_entropy(network.classify(network(x, lengths))["cls"], torch.arange(FEW))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return _seconds(step), 0


def _frames_embedded(frames: int) -> tuple[float, float]:
    import torch

    network, x, lengths = _network().eval(), torch.randn(FEW, frames, 80), torch.full((FEW,), frames)
    with torch.inference_mode():
        return _seconds(lambda: network.embed(x, lengths)), 0


def _trials(count: int) -> tuple[float, float]:
    import numpy as np

    from svtok.metrics import DCF08, roc
    from svtok.scoring.scorer import inner_products

    random = np.random.default_rng(0)
    models, tests = (random.normal(size=(size, DIM)).astype(np.float32) for size in (3_000, 10_000))
    model, test = random.integers(len(models), size=count), random.integers(len(tests), size=count)
    is_target = random.random(count) < 0.05

    def evaluate() -> object:
        scores = inner_products(models, tests, model, test)
        curve = roc(scores[is_target], scores[~is_target], costs=[DCF08])
        return curve.eer(), curve.min_dcf(DCF08)

    return _seconds(evaluate), 0


def _cohort(size: int) -> tuple[float, float]:
    import numpy as np

    from svtok.embeddings.enroll import normalise_length
    from svtok.scoring.normalise import cohort_statistics

    random = np.random.default_rng(0)
    vectors, cohort = (normalise_length(random.normal(size=(n, DIM)).astype(np.float32)) for n in (2_000, size))
    return _seconds(lambda: cohort_statistics(vectors, cohort, top=min(300, size // 2))), 0


@dataclass(frozen=True)
class OneOf(Ranks):
    """One process of several, which hears nothing of the others; it counts what a ring would have it send."""

    bytes: Any = None

    def sum(self, tensor: Tensor) -> Tensor:
        self.bytes.append(2 * (self.world - 1) / self.world * tensor.numel() * tensor.element_size())
        return tensor

    max = sum


def _classes(classes: int, sampled: float, world: int) -> tuple[float, float]:
    """A step of the classifier; `sampled` is that of the configuration, where 0 has all classes in each process."""
    import numpy as np
    import torch

    from svtok.nets.classifiers import CosineClassifier
    from svtok.trained.config import TrainingConfig
    from svtok.training.partial_softmax import PartialSoftmax

    with torch.device("meta"):
        classifier = CosineClassifier(DIM, classes, 30.0)
    classifier = classifier.to_empty(device="cpu")
    classifier.weight.data.uniform_(-1, 1)
    own, labels = BATCH // world, np.random.default_rng(0).integers(classes, size=BATCH)
    states, sent = torch.randn(own, DIM, requires_grad=True), list[float]()
    config = TrainingConfig(sampled_classes=sampled)
    if not sampled:
        sent.append(2 * (world - 1) / world * 4 * classifier.weight.numel())
        return _second(_whole_step(classifier, states, torch.from_numpy(labels[:own]), config)), sum(sent)
    network: Any = SimpleNamespace(classifiers={"cls": classifier}, config=SimpleNamespace(cosine_scale=30.0))
    ranks = OneOf(0, world, bytes=sent)
    softmax = PartialSoftmax(network, classes, labels, config, 0, torch.device("cpu"), ranks)
    steps = iter(range(2))

    def step() -> None:
        sent.clear()
        softmax.begin_step(next(steps), [range(BATCH)])
        softmax.begin_batch(0)
        torch.autograd.backward(softmax.loss(states, 0.2, 0.0)[0])
        softmax.add_gradients()
        norm = softmax.gradient_norm()
        torch.nn.utils.clip_grads_with_norm_(softmax.leaves, config.clip_gradient, norm)
        softmax.move(1e-3)

    return _second(step), sum(sent)


def _whole_step(classifier: nn.Module, states: Tensor, labels: Tensor, config: Any) -> Callable[[], None]:
    import torch
    from torch.nn import functional

    from svtok.nets.losses import additive_angular_margin
    from svtok.training.optimizer import make_optimizer

    optimizer = make_optimizer([classifier], config)

    def step() -> None:
        logits = 30 * additive_angular_margin(classifier(states) / 30, labels, 0.2)
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(logits, labels))
        torch.nn.utils.clip_grad_norm_(classifier.parameters(), config.clip_gradient)
        optimizer.step()

    return step
