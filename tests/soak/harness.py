"""Several processes enroll and verify against one store of voices while another removes from it.

Each process notes what it has done, once the call has returned; at the end the store must hold what was enrolled and
not removed, each voice with its takes, once. Some voices are enrolled by all processes at once: one of them must win.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Barrier

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.voices import Voices
from svtok.errors import SvtokError
from tests.verifier.conftest import RATE, fit, spoken, write_dev, write_network

STORE, NETWORK = "voices.db", "exp/net"
TAKES = 2
KEPT = 40
"""About so many voices stay in the store; the rest is removed."""
GROWTH = 1.1
"""By what factor the memory of a process may grow from its first tenth to its last."""
Note = dict[str, object]


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    seconds: float
    calls: Counter[str]
    voices: int
    memory: list[tuple[float, float]]
    """Of each process: the most MiB in the first tenth of the time, and in the last."""
    faults: list[str]

    def text(self) -> str:
        """In a few lines."""
        calls = ", ".join(f"{count} {what}" for what, count in sorted(self.calls.items()))
        memory = ", ".join(f"{first:.0f} -> {last:.0f}" for first, last in self.memory)
        lines = [
            f"{self.seconds / 60:.1f} min: {calls}",
            f"{self.voices} voices at the end; MiB of each process: {memory}",
            f"{len(self.faults)} voices lost, doubled or not removed, or processes that grew",
        ]
        return "\n".join([*lines, *self.faults])


def prepare(folder: Path) -> None:
    """Write a network that nobody trained, with its scorer, into a folder."""
    write_dev(folder / "data/dev")
    write_network(folder / NETWORK)
    fit(folder / NETWORK, folder / "data/dev")


def soak(folder: Path, seconds: float, processes: int = 4) -> Outcome:
    """Let processes call for some seconds, and compare the store with what they noted.

    Args:
        folder: that `prepare` has filled.
        seconds: how long.
        processes: that enroll and verify, beside the one that removes.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["svtok.verifier", "tests.verifier.conftest"])
    barrier = context.Barrier(processes + 1)
    workers = [context.Process(target=call, args=(folder, number, seconds, barrier)) for number in range(processes)]
    workers.append(context.Process(target=remove, args=(folder, seconds, barrier)))
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 600)
    faults = [f"a process ended with {worker.exitcode}" for worker in workers if worker.exitcode != 0]
    notes = [list(read(folder, str(number))) for number in range(processes)]
    removed = {note["voice"] for note in read(folder, "remover")}
    return compare(folder, notes, removed, time.monotonic() - started, faults)


def compare(folder: Path, notes: list[list[Note]], removed: set[object], seconds: float, faults: list[str]) -> Outcome:
    """The outcome, by the notes of the processes and the voices that were removed."""
    everything = [note for own in notes for note in own]
    enrolled = [note["voice"] for note in everything if note["did"] == "enrolled"]
    faults += [f"{voice}: enrolled {count} times" for voice, count in Counter(enrolled).items() if count > 1]
    faults += [f"{note['voice']}: {note['error']}" for note in everything if note["did"] == "failed"]
    there = {voice.speaker: voice.takes for voice in Voices(folder / STORE).list()}
    wanted = {str(voice) for voice in set(enrolled) - removed}
    faults += [f"{voice}: lost" for voice in sorted(wanted - there.keys())]
    faults += [f"{voice}: not removed" for voice in sorted(there.keys() - wanted)]
    faults += [f"{voice}: {takes} takes" for voice, takes in there.items() if takes != TAKES]
    memory = []
    for own in notes:
        sizes = [float(str(note["mib"])) for note in own]
        tenth = max(1, len(sizes) // 10)
        first, last = max(sizes[:tenth], default=0), max(sizes[-tenth:], default=0)
        memory.append((first, last))
        if last > GROWTH * first:
            faults.append(f"a process grew from {first:.0f} to {last:.0f} MiB")
    calls = Counter(str(note["did"]) for note in everything) + Counter(removed=len(removed))
    return Outcome(seconds, calls, len(there), memory, faults)


def recording(voice: str, take: int) -> NDArray[np.float32]:
    """A take of a voice, (N,). It grows louder: a steady one of a voice of few harmonics is refused as clipped."""
    samples = spoken(voice, "open", take)
    return samples * np.linspace(0.5, 1, len(samples), dtype=np.float32)


def call(folder: Path, number: int, seconds: float, barrier: Barrier) -> None:
    """Enroll a voice of one's own, one that all enroll at once, and verify both, over and over."""
    import torch

    from svtok.verifier import Verifier

    torch.set_num_threads(1)
    os.chdir(folder)
    verifier = Verifier.load(NETWORK, store=STORE)
    barrier.wait()
    end, turn = time.monotonic() + seconds, 0
    with open(f"{number}.jsonl", "w") as stream:

        def note(did: str, voice: str, error: str | None = None) -> None:
            row = {"did": did, "voice": voice, "error": error, "mib": round(memory(), 1)}
            stream.write(json.dumps(row) + "\n")
            stream.flush()

        while time.monotonic() < end or turn < 2:
            turn += 1
            for voice in (f"w{number}-{turn}", f"all-{turn}"):
                takes = [(recording(voice, take), RATE) for take in range(TAKES)]
                try:
                    verifier.enroll(voice, "open", takes)
                    note("enrolled", voice)
                except SvtokError as error:
                    shared = voice.startswith("all") and ("same recording" in str(error) or "already" in str(error))
                    note("refused" if shared else kind(error), voice, str(error))
                try:
                    verifier.verify(voice, (recording(voice, TAKES), RATE), false_accept_rate=0.2)
                    note("verified", voice)
                except SvtokError as error:  # it may be removed by now, but never half there
                    note("gone" if "unknown speaker" in str(error) else kind(error), voice, str(error))


def kind(error: SvtokError) -> str:
    """What a call that failed counts as: to have waited too long for another is no fault, where processors are few."""
    return "waited" if "another program has been writing it" in str(error) else "failed"


def remove(folder: Path, seconds: float, barrier: Barrier) -> None:
    """Remove voices at random, all but about `KEPT`; those that all enroll at once stay."""
    os.chdir(folder)
    voices, random = Voices(Path(STORE)), Random(0)
    barrier.wait()
    end = time.monotonic() + seconds
    with open("remover.jsonl", "w") as stream:
        while time.monotonic() < end:
            try:
                there = voices.list() if voices.path.exists() else []
                own = [voice.speaker for voice in there if voice.speaker.startswith("w")]
                if len(own) <= KEPT:
                    time.sleep(0.2)
                    continue
                voice = random.choice(own)
                voices.remove(voice)
            except SvtokError as error:
                if kind(error) == "waited":
                    continue
                raise
            stream.write(json.dumps({"did": "removed", "voice": voice}) + "\n")
            stream.flush()


def read(folder: Path, name: str) -> Iterator[Note]:
    """What a process has noted."""
    return map(json.loads, (folder / f"{name}.jsonl").read_text().splitlines())


def memory() -> float:
    """MiB of this process's that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
