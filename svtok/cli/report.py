"""svtok report: systems side by side, and where their errors are, as one HTML file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.fresh import Options, makes
from svtok.cli.options import only_prepared, resamples_option, seed_option
from svtok.cli.values import AT_LEAST_ZERO, FILE, FOLDER
from svtok.fresh import recordings

if TYPE_CHECKING:
    import numpy as np

    from svtok.manifest.sets import PreparedSet
    from svtok.report.clips import Clip
    from svtok.report.findings import Trials
    from svtok.report.page import Seen
    from svtok.report.systems import System

    Listen = Callable[[str, int | None], tuple[np.ndarray, int]]

MOST_BYTES = 3_500_000
"""Of recordings and their pictures in the page, so that the whole is under 5 MB."""


def _data(given: Options) -> Path | None:
    """The prepared set; None where no system has scores."""
    scored = any((folder / given["scores"]).is_file() for folder in given["systems"])
    return given["data"] or (only_prepared("eval") if scored else None)


def _reads(given: Options) -> object:
    files = [folder / name for folder in given["systems"] for name in (given["scores"], "training.jsonl")]
    data = _data(given)
    return [files, data, recordings(data) if data and given["audio"] else None]


@click.command("report")
@click.argument("systems", nargs=-1, required=True, type=FOLDER, metavar="SYSTEM...")
@click.option(
    "--data",
    type=FOLDER,
    show_default="data/CORPUS/eval, where one corpus is prepared",
    help="Prepared set whose trials were scored.",
)
@click.option("--out", type=FILE, required=True, help="The HTML file to write.")
@click.option(
    "--scores", default="scores.tsv", show_default=True, metavar="NAME", help="The table of scores in each folder."
)
@click.option(
    "--false-accept-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    show_default="misses and false accepts alike",
    help="Count errors at the lowest threshold that accepts no larger part of all non-targets.",
)
@click.option(
    "--audio/--no-audio", default=True, show_default=True, help="Recordings of the hardest trials, to look at and play."
)
@click.option(
    "--hardest", type=AT_LEAST_ZERO, default=5, show_default=True, help="False accepts, and false rejects, of a system."
)
@resamples_option
@seed_option("Seed of these draws.")
@makes("out", reads=_reads)
def report(
    systems: tuple[Path, ...],
    data: Path | None,
    out: Path,
    scores: str,
    false_accept_rate: float | None,
    audio: bool,
    hardest: int,
    resamples: int,
    seed: int,
) -> None:
    """Write a report on systems as one HTML file, which needs no network.

    It has error rates with intervals, DET curves, scores and threshold, groups, worst speakers and phrases, the hardest
    trials to look at and listen to, attention, training curves, configurations and commands. SYSTEM is a folder with a
    table of scores, a training.jsonl, a config.yaml, or any of them: what is not there is left out, and the report says
    so. It holds at most 3.5 MB of recordings, the first 6 s of each.

    \b
    Example:
      svtok report exp/avg exp/cls exp/cls-sampled --data data/my/eval --out report.html
      svtok report exp/cls --data data/my/dev --scores scores-dev.tsv --false-accept-rate 0.01 --out report.html
    """
    from svtok.files import write_text
    from svtok.manifest.sets import read_corpus_info, read_set
    from svtok.places import corpus_folder
    from svtok.report.findings import Trials, columns_of
    from svtok.report.page import Report, render
    from svtok.report.plots import short_names
    from svtok.report.systems import read_system, recordings_of

    data = _data({"systems": systems, "scores": scores, "data": data})
    prepared = read_set(data) if data else None
    trials = Trials.of(prepared) if prepared else None
    columns, too_many = columns_of(prepared) if prepared else ([], [])
    found = [
        read_system(
            name,
            folder,
            trials,
            columns,
            scores=scores,
            false_accept_rate=false_accept_rate,
            resamples=resamples,
            seed=seed,
            hard=hardest,
        )
        for name, folder in zip(short_names(systems), systems, strict=True)
    ]
    notes = [f"No table for each {column}: it has too many values." for column in too_many]
    notes += _lacking(found, scores)
    clips: dict[str, Clip] = {}
    attention: dict[str, Seen] = {}
    if prepared and trials and audio:
        listen = _listener(prepared)
        clips, missing = _clips(recordings_of(found), listen)
        notes += missing
        attention = _attention(found, trials, listen)
    elif prepared:
        notes.append("No recordings and no attention: it was made with --no-audio.")
    info = read_corpus_info(corpus_folder(data)) if data else None
    page = Report(found, trials, info, columns, clips, attention, false_accept_rate, resamples, notes)
    write_text(out, render(page))
    click.echo(f"wrote {out}: {len(found)} systems, {out.stat().st_size / 1e6:.1f} MB")


def _lacking(systems: Sequence[System], scores: str) -> list[str]:
    """What is not there of which systems."""
    of = {
        f"No error rates (there is no {scores})": [one.name for one in systems if one.measured is None],
        "No training curves (there is no training.jsonl)": [one.name for one in systems if one.log is None],
        "No configuration (there is no config.yaml)": [one.name for one in systems if not one.config],
    }
    return [f"{what}: {', '.join(names)}." for what, names in of.items() if names]


def _listener(prepared: PreparedSet) -> Listen:
    """Reads an utterance of the set, at its own or at another rate; an error as of `read_audio`."""
    import pandas as pd

    from svtok.audio.decode import read_audio
    from svtok.manifest.sets import audio_paths

    rows = pd.Series(range(len(prepared.utterances)), index=prepared.utterances["utt"].astype(str))
    paths = audio_paths(prepared)

    def listen(utt: str, sample_rate: int | None) -> tuple[np.ndarray, int]:
        row = int(rows[utt])
        part = {name: prepared.utterances[name].iloc[row] for name in ("start", "end") if name in prepared.utterances}
        channel = str(prepared.utterances["channel"].iloc[row]) if "channel" in prepared.utterances else None
        return read_audio(
            paths[row], **part, channel=channel, sample_rate=sample_rate, resample=sample_rate is not None
        )

    return listen


def _clips(utts: Sequence[str], listen: Listen) -> tuple[dict[str, Clip], list[str]]:
    """Clips of utterances until the page is full; and what there is none of."""
    from svtok.errors import SvtokError
    from svtok.report.clips import clip_of

    clips: dict[str, Clip] = {}
    failed: list[str] = []
    size = full = 0
    for utt in utts:
        if size > MOST_BYTES:
            full += 1
            continue
        try:
            clips[utt] = clip_of(*listen(utt, None))
        except SvtokError as error:
            failed.append(str(error))
        else:
            size += clips[utt].size
    notes = []
    if failed:
        notes.append(f"{len(failed)} of {len(utts)} recordings could not be read, such as {failed[0]}")
    if full:
        notes.append(f"{full} of {len(utts)} recordings are left out, for the page would be too large.")
    return clips, notes


def _attention(systems: Sequence[System], trials: Trials, listen: Listen) -> dict[str, Seen]:
    """What the tokens of each network attend to in one utterance, the same for all."""
    from svtok.errors import SvtokError
    from svtok.features.store import PHONETIC
    from svtok.report.attention import attend_to
    from svtok.report.clips import picture_of
    from svtok.report.findings import typical_target
    from svtok.report.page import Seen
    from svtok.report.svg import attention_chart
    from svtok.trained.folder import load_network
    from svtok.trained.phones import PhoneticEmbedder

    measured = next((system.measured for system in systems if system.measured), None)
    if measured is None:
        return {}
    utt = typical_target(measured, trials)
    seen = {}
    for system in systems:
        if not system.has_tokens:
            continue
        try:
            trained = load_network(system.folder)
            phonetic = (
                PhoneticEmbedder.open(system.folder / PHONETIC, trained.features) if trained.features.phonetic else None
            )
            wave, _ = listen(utt, trained.features.sample_rate)
            attention, spectrogram = attend_to(trained, wave, phonetic)
        except SvtokError as error:
            seen[system.name] = Seen(utt, None, f"Not drawn: {error}")
            continue
        title = f"What the tokens of {system.name} attend to in {utt}"
        picture = attention_chart(attention, picture_of(spectrogram), spectrogram.duration, title=title)
        seen[system.name] = Seen(utt, picture)
    return seen
