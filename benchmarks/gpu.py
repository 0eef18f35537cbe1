"""What one GPU does: training and extraction, and the share of its peak; `benchmarks/gpu.sh` calls this."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

LIMIT = 390
"""Seconds after which nothing new begins."""
PEAKS = {"H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200": 989, "A100": 312, "L40S": 362, "RTX 4090": 165}
"""TFLOP/s of bf16 with fp32 accumulation, without sparsity, by the makers' data sheets; the first name that fits."""


class Line(NamedTuple):
    """A line of a table.

    Attributes:
        what: was done.
        utterances_s: how many utterances in a second.
        ms: a step, or an utterance, took.
        tflops: TFLOP/s of its matrix products, convolutions and attention.
        note: what else is to be known.
    """

    what: str
    utterances_s: float | None = None
    ms: float | None = None
    tflops: float | None = None
    note: str = ""


class Tables:
    """What was measured so far, written after each table, so that nothing is lost.

    Args:
        out: the folder.
        about: of the card and the versions.
        peak: TFLOP/s of the card by its data sheet, where it is known.
    """

    def __init__(self, out: Path, about: dict[str, Any], peak: float | None) -> None:
        self.out, self.about, self.peak = out, about, peak
        self.started = time.monotonic()
        self.tables: dict[str, list[Line]] = {}
        self.seconds: dict[str, float] = {}

    def add(self, title: str, lines: Callable[[], Iterator[Line]]) -> None:
        """Measure the lines of a table; a failure is a line, and what is left at the end of the time is left out."""
        import torch

        begun, found = time.monotonic(), self.tables.setdefault(title, [])
        if begun - self.started > LIMIT:
            found.append(Line("left out", note=f"{LIMIT} s were over"))
        else:
            try:
                found.extend(lines())
            except Exception as error:  # of one table: the others are worth having
                found.append(Line("failed", note=f"{type(error).__name__}: {error}".splitlines()[0][:300]))
        self.seconds[title] = round(time.monotonic() - begun, 1)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        click.echo(f"{title}: {self.seconds[title]} s", err=True)
        self.write()

    def write(self) -> None:
        """gpu.json and gpu.md."""
        content = {**self.about, "peak_tflops": self.peak, "seconds": self.seconds}
        tables = {title: [line._asdict() for line in lines] for title, lines in self.tables.items()}
        (self.out / "gpu.json").write_text(json.dumps({**content, "tables": tables}, indent=1) + "\n")
        about = ", ".join(f"{name} {value}" for name, value in self.about.items())
        text = f"# {self.about['card']}\n\nMeasured with {about}.\n"
        peak = f" of {self.peak} TFLOP/s" if self.peak else ""
        for title, lines in self.tables.items():
            text += (
                f"\n## {title}\n\n| what | utterances/s | ms | TFLOP/s | share{peak} | |\n|---|---|---|---|---|---|\n"
            )
            text += "".join(f"| {' | '.join(self._cells(line))} |\n" for line in lines)
        (self.out / "gpu.md").write_text(text)

    def _cells(self, line: Line) -> tuple[str, ...]:
        numbers = ("" if n is None else f"{n:,.4g}" for n in (line.utterances_s, line.ms, line.tflops))
        share = f"{100 * line.tflops / self.peak:.1f} %" if line.tflops and self.peak else ""
        return line.what, *numbers, share, line.note


@click.command("gpu")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for gpu.json and gpu.md.")
@click.option("--rehearse", is_flag=True, help="Everything at a tiny size on the CPU.")
def gpu(out: Path, rehearse: bool) -> None:
    """Training and extraction on one GPU, and the share of its peak; each means to speed shown for what it gives.

    \b
    Example:
      python -m benchmarks gpu --out exp/gpu
    """
    import torch

    from benchmarks import gpu_steps as steps
    from benchmarks.table import versions

    if not (rehearse or torch.cuda.is_available()):
        raise click.ClickException("torch finds no GPU; --rehearse runs everything at a tiny size on the CPU")
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cpu" if rehearse else "cuda")
    card = "no GPU: rehearsed on the CPU" if rehearse else torch.cuda.get_device_name()
    peak = next((tflops for name, tflops in PEAKS.items() if name in card), None)
    tables = Tables(out, {"card": card, "versions": versions()}, peak)
    tables.add("products of square matrices", partial(products, device))
    sizes = [steps.rehearsed(size) for size in steps.SIZES] if rehearse else list(steps.SIZES)
    for size in sizes:
        tables.add(f"training, {size.name}: how many fill the card", partial(filling, size, device))
        tables.add(f"training, {size.name}: what each means gives", partial(means, size, device))
    for size in sizes:
        tables.add(f"extraction, {size.name}", partial(extraction, size, device))
    with TemporaryDirectory() as scratch, ExitStack() as stack:
        tables.add("training, the default, with its loader", partial(loading, Path(scratch), stack, device))
    for size in sizes[:1] if rehearse else sizes:  # to compile takes long: last
        tables.add(f"training, {size.name}: compiled", partial(compiled, size, device))
    click.echo((out / "gpu.md").read_text())


def products(device: Any) -> Iterator[Line]:
    """What can be reached at best."""
    import torch

    from benchmarks.gpu_steps import timed

    size = 8192 if device.type == "cuda" else 64
    kinds = (("bf16", torch.bfloat16, False), ("tf32", torch.float32, True), ("fp32", torch.float32, False))
    for name, kind, tf32 in kinds:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
        seconds = timed(lambda: a @ b, device, rounds=10)  # noqa: B023
        yield Line(f"{size} x {size}, {name}", ms=1e3 * seconds, tflops=2 * size**3 / seconds / 1e12)
    torch.backends.cuda.matmul.allow_tf32 = False


def filling(size: Any, device: Any) -> Iterator[Line]:
    """The step of svtok train with twice as many utterances each time, until that is no faster or does not fit."""
    import torch

    from benchmarks.gpu_steps import PRODUCT, FixedStep, timed

    best, batch = 0.0, size.batch
    while batch <= size.most:
        try:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            step = FixedStep(size, PRODUCT, batch, device)
            seconds = timed(step, device)
            flops = step.flops()
        except torch.OutOfMemoryError:
            yield Line(f"{batch} utterances", note="do not fit")
            return
        memory = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else 0.0
        note = f"{memory:.1f} GB; waits: {step.waits() or 'none'}"
        yield Line(f"{batch} utterances", batch / seconds, 1e3 * seconds, flops / seconds / 1e12, note)
        if batch / seconds < 1.02 * best:
            return
        best, batch = max(best, batch / seconds), 2 * batch


def means(size: Any, device: Any) -> Iterator[Line]:
    """One means after the other, each with all before it, at the usual number of utterances and at a large one."""
    import torch

    from benchmarks.gpu_steps import MEANS, FixedStep, timed

    for batch in sorted({size.batch, size.large}):
        for means in MEANS:
            what = f"{batch} utterances, {means.name}"
            if means.graph and device.type != "cuda":
                yield Line(what, note="needs a GPU")
                continue
            try:
                step = FixedStep(size, means, batch, device)
                seconds = timed(step, device)
                tflops = step.flops() / seconds / 1e12
                yield Line(what, batch / seconds, 1e3 * seconds, tflops)
            except torch.OutOfMemoryError:
                yield Line(what, note="does not fit")


def compiled(size: Any, device: Any) -> Iterator[Line]:
    """torch.compile of the network and the loss, alone and with CUDA graphs, at the large number of utterances."""
    from benchmarks.gpu_steps import COMPILED, FixedStep, timed

    for means in COMPILED if device.type == "cuda" else COMPILED[:1]:
        started = time.monotonic()
        step = FixedStep(size, means, size.large, device)
        step()
        first = time.monotonic() - started
        seconds = timed(step, device)
        note = f"the first step took {first:.0f} s"
        yield Line(f"{size.large} utterances, {means.name}", size.large / seconds, 1e3 * seconds, None, note)


def extraction(size: Any, device: Any) -> Iterator[Line]:
    """Embeddings of features in memory: the peers' loop, and svtok's batches."""
    import torch

    from benchmarks.extraction import class_token

    torch.manual_seed(0)
    few, many = (200, 20_000) if device.type == "cuda" else (2, 4)
    for bf16 in (False, True):
        found = class_token(size.layers, many, size.frames, 2, dim=size.dim, device=device, peers=few, bf16=bf16)
        if not bf16:
            yield Line(found.peer, 1 / found.peer_seconds, 1e3 * found.peer_seconds)
        note = f"{found.ratio:.1f} times the loop"
        yield Line(f"svtok, {'bf16' if bf16 else 'fp32'}", 1 / found.our_seconds, 1e3 * found.our_seconds, None, note)


def loading(folder: Path, stack: ExitStack, device: Any) -> Iterator[Line]:
    """Steps with data from memory, beside steps that read and augment features, and recordings."""
    from os import cpu_count

    from benchmarks.augmenting import make_source, make_trainer, steps
    from benchmarks.gpu_steps import timed

    on_gpu = device.type == "cuda"
    count, workers = (8192, max(1, (cpu_count() or 2) - 2)) if on_gpu else (8, 0)
    source = make_source(folder, count, distinct=min(count, 128))
    settings: tuple[str, ...] = (f"training.workers={workers}", f"training.batch_size={256 if on_gpu else 4}")
    if not on_gpu:
        settings += ("network.front_end={channels: 4, blocks: [4]}", "network.attention_heads=1", "network.layers=1")
    for augment, data in ((False, "stored features"), (True, "recordings, augmented")):
        trainer = make_trainer(source, folder / data.split(",")[0], settings, stack, device, augment=augment)
        for _ in trainer.loader:  # the workers start
            break
        seconds = timed(lambda: [None for _ in trainer.loader], device, rounds=1, warm=0)  # noqa: B023
        yield Line(f"{data}: the loader alone, {workers} workers", count / seconds)
        seconds = timed(lambda: steps(trainer), device, rounds=1)  # noqa: B023
        yield Line(f"{data}: steps with it", count / seconds)
        batch, whole = next(iter(trainer.loader)).to(device), trainer.sampler.batches()[:1]
        memory = timed(lambda: trainer._step(0, 100, [batch], whole), device)  # noqa: B023
        note = f"with its loader {100 * memory * len(trainer.sampler) / seconds:.0f} % of it"
        yield Line(f"{data}: steps with a batch in memory", len(batch.labels) / memory, 1e3 * memory, None, note)
