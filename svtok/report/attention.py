"""What the tokens of a network attend to in one utterance, frame by frame, in seconds; and its picture.

In the picture, a column is a token: its spectrogram, and below it a panel a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from svtok.corpora.synthetic.marker import is_synthetic
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.features.extract import FrameEmbedder
from svtok.features.frames import frame_spans
from svtok.features.spectral import spectral_features
from svtok.manifest.tables import Lines
from svtok.nets.config import TOKEN_HEADS
from svtok.report.plots import new_figure, save_png
from svtok.trained.folder import TrainedNetwork
from svtok.trained.inference import Recording, as_recording, read_recording
from svtok.trained.phones import load_phone_network

ROUNDING = 0.005
"""Seconds by which a phone may end after the audio, or start before the end of the one before it."""


class Phone(NamedTuple):
    """From when to when, in seconds, a phone is spoken."""

    start: float
    end: float
    name: str


def read_phones(path: Path, duration: float) -> list[Phone]:
    """The phones of a file with lines `start end phone`, in seconds and in order; there may be time between them.

    Args:
        path: the file.
        duration: of the audio, seconds.

    Raises:
        ProblemsError: the file is empty; with every line that is not of that form, and every phone that overlaps the
            one before it or lies outside the audio.
    """
    phones: list[Phone] = []
    problems = []
    for number, line in Lines.open(path):
        phone = _parsed(line)
        fault = "not 'start end phone', in seconds, with start before end" if phone is None else None
        if phone and not (phone.start >= 0 and phone.end <= duration + ROUNDING):
            fault = f"'{phone.name}' is from {phone.start:g} to {phone.end:g} s, but the audio lasts {duration:g} s"
        elif phone and phones and phone.start < phones[-1].end - ROUNDING:
            fault = (
                f"'{phone.name}' starts at {phone.start:g} s, before '{phones[-1].name}' ends ({phones[-1].end:g} s)"
            )
        if fault:
            problems.append(Problem(fault, path, number))
        elif phone:
            phones.append(phone)
    raise_problems(problems)
    return phones


def recognise_phones(folder: Path, audio: Path, channel: str | None = None) -> list[Phone]:
    """What the phonetic network of a folder hears in an audio file: the phones on its best path, blanks left out.

    Trained by CTC, the network shows a phone in a few frames, not from its beginning to its end.

    Args:
        folder: of the phonetic network.
        audio: the file.
        channel: of a file of several: `1`, `2` or `mean`.

    Raises:
        SvtokError: the folder holds no trained phonetic network, or as `read_recording`.
    """
    trained = load_phone_network(folder)
    wave, frames, lengths = read_recording(audio, trained.features, channel=channel)
    with torch.inference_mode():
        logits, _ = trained.network(frames, lengths)  # (1, T', 1 + phones)
    spans = frame_spans(wave, trained.features, trained.network.subsample)
    return phones_on_path(logits[0].argmax(dim=1).tolist(), spans, trained.phones.names)


def phones_on_path(path: Sequence[int], spans: NDArray[np.float64], names: Sequence[str]) -> list[Phone]:
    """Each run of one phone on a path, with its time.

    Args:
        path: the number of each frame's phone, from 1; 0 is the blank: (T',).
        spans: from when to when each frame stands, seconds: (T', 2).
        names: of the phones; the first has the number 1.

    >>> phones_on_path([0, 2, 2, 0], np.array([[0, 1], [1, 2], [2, 3], [3, 4]]), ["a", "b"])
    [Phone(start=1.0, end=3.0, name='b')]
    """
    phones = []
    for number, run in groupby(range(len(path)), key=path.__getitem__):
        frames = list(run)
        if number:
            phones.append(Phone(float(spans[frames[0], 0]), float(spans[frames[-1], 1]), names[number - 1]))
    return phones


def _parsed(line: str) -> Phone | None:
    fields = line.split()
    if len(fields) != 3:
        return None
    try:
        start, end = float(fields[0]), float(fields[1])
    except ValueError:
        return None
    return Phone(start, end, fields[2]) if math.isfinite(start) and start < end < math.inf else None


def label_levels(centres: Sequence[float], widths: Sequence[float]) -> list[int]:
    """For labels in order of their centres, the lowest level at which each overlaps no other.

    >>> label_levels(centres=[1, 2, 3], widths=[1.5, 1.5, 1.5])
    [0, 1, 0]
    """
    ends: list[float] = []
    levels = []
    for centre, width in zip(centres, widths, strict=True):
        free = next((level for level, end in enumerate(ends) if end <= centre - width / 2), len(ends))
        ends[free : free + 1] = [centre + width / 2]
        levels.append(free)
    return levels


FRAMING = {"sample_rate", "low_freq", "high_freq", "frame_length_ms", "frame_shift_ms", "window", "preemphasis"}
"""Fields of the features that their log-mel spectrogram has as well."""


@dataclass(frozen=True)
class Spectrogram:
    """Log-mel energies (T, bands) of audio of `duration` seconds, from `lowest` to `highest` Hz.

    The first frame begins and the last ends at `span`, in seconds, where each is as long as the step to the next.
    """

    energies: NDArray[np.float32]
    duration: float
    span: tuple[float, float]
    lowest: float
    highest: float


@dataclass(frozen=True)
class Attention:
    """Attention weights of tokens over one utterance.

    `spans` (T', 2) says from when to when, in seconds, each frame that the attention sees stands; `layers` has one
    array (heads, tokens, tokens + T') a layer, each row summing to 1, the tokens before the frames.
    """

    tokens: tuple[str, ...]
    spans: NDArray[np.float64]
    layers: list[NDArray[np.float32]]

    def over_frames(self, layer: int) -> NDArray[np.float32]:
        """Each frame's weight over that of an equal share for each frame, 1 / T': (heads, tokens, T')."""
        return self.layers[layer][:, :, len(self.tokens) :] * len(self.spans)

    def on_tokens(self, layer: int) -> NDArray[np.float32]:
        """The share of its attention that each token gives to itself and the other tokens: (heads, tokens)."""
        return self.layers[layer][:, :, : len(self.tokens)].sum(axis=2)


def attend(
    trained: TrainedNetwork, audio: Path, phonetic: FrameEmbedder | None = None, channel: str | None = None
) -> tuple[Attention, Spectrogram]:
    """The attention of a network's tokens over an audio file, and the file's spectrogram.

    Args:
        trained: a network with tokens.
        audio: the file.
        phonetic: computes the phonetic columns of the network's features, where these have some.
        channel: of a file of several: `1`, `2` or `mean`.

    Raises:
        SvtokError: the network has no tokens, the audio is too long for it, or as `read_recording`.
    """
    _check_tokens(trained)
    wave, _, _ = recording = read_recording(audio, trained.features, phonetic, channel)
    try:
        return _attend(trained, recording), spectrogram(wave, trained.features)
    except SvtokError as error:
        raise SvtokError(f"{audio}: {error}") from None


def attend_to(
    trained: TrainedNetwork, wave: NDArray[np.float32], phonetic: FrameEmbedder | None = None
) -> tuple[Attention, Spectrogram]:
    """As `attend`, over samples (N,) at the sampling rate of the network's features.

    Raises:
        SvtokError: the network has no tokens, or the samples are too few, too many, or without speech for it.
    """
    _check_tokens(trained)
    return _attend(trained, as_recording(wave, trained.features, phonetic)), spectrogram(wave, trained.features)


def _check_tokens(trained: TrainedNetwork) -> None:
    head = trained.network.config.head
    if head not in TOKEN_HEADS:
        raise SvtokError(
            f"the head '{head}' pools frames and has no token whose attention could be drawn; "
            f"take a network with one of the heads {', '.join(TOKEN_HEADS)}"
        )


def _attend(trained: TrainedNetwork, recording: Recording) -> Attention:
    network, (wave, frames, lengths) = trained.network, recording
    longest, count = network.config.longest_utterance, frames.shape[1]
    if longest is not None and count > longest:
        raise SvtokError(
            f"has {count} frames; the network's learned positions (network.max_frames) end after {longest}"
        )
    with torch.inference_mode():
        layers = network.attention(frames, lengths)
    spans = frame_spans(wave, trained.features, network.config.front_end.subsample)
    return Attention(tuple(network.tokens), spans, [layer[0].numpy() for layer in layers])


def spectrogram(wave: NDArray[np.float32], config: FeaturesConfig) -> Spectrogram:
    """The log-mel spectrogram of samples (N,), framed as the features are, whatever else is done to these."""
    framing = config.model_dump(include=FRAMING)
    picture = FeaturesConfig(bands=(max(config.bands),), normalise="none", **framing)
    spans = frame_spans(wave, picture, subsample=1)
    return Spectrogram(
        energies=spectral_features(wave, picture).features,
        duration=len(wave) / picture.sample_rate,
        span=(float(spans[0, 0]), float(spans[-1, 1])),
        lowest=picture.low_freq,
        highest=picture.upper_freq,
    )


def caption_of(audio: Path) -> str:
    """The audio file and its folder for a title; a file of a synthetic corpus is always called that."""
    audio = audio.absolute()
    synthetic = any(map(is_synthetic, audio.parents))
    return f"{audio.parent.name}/{audio.name}{' (SYNTHETIC speech)' if synthetic else ''}"


NAMES = {"cls": "Class token", "dist": "Distillation token"}
FREQUENCIES = (100, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Hz at which the axis of a spectrogram is marked."""
STRIP = 0.42
"""Height of a head's strip, inches."""
LABEL_SIZE = 8
LEVEL_HEIGHT = 0.17
"""Height of a row of phone labels, inches."""


def draw_attention(
    attention: Attention,
    spectrogram: Spectrogram,
    path: Path,
    *,
    title: str,
    phones: Sequence[Phone] = (),
    phones_label: str = "Phones",
) -> None:
    """Draw the attention as a PNG: a column a token, a panel a layer, a strip a head, over time in seconds.

    A strip's height is how often a frame has what an equal share would be, on one scale for the whole picture; a line
    marks the equal share.

    Args:
        attention: over the utterance.
        spectrogram: of the same utterance.
        path: the PNG.
        title: above the whole.
        phones: named under each spectrogram and bounded by lines throughout.
        phones_label: where they come from.
    """
    columns, layers, heads = len(attention.tokens), len(attention.layers), len(attention.layers[0])
    width = float(np.clip(3 * spectrogram.duration, 4.5, 11))  # of the time axis, inches
    levels = _levels(phones, spectrogram.duration / width)
    heights = [1.8, LEVEL_HEIGHT * (max(levels) + 1) if levels else 0.01, *[STRIP * heads] * layers]
    figure = new_figure(columns * (width + 1.2), sum(heights) + 0.42 * layers + 1.5)
    grid = figure.subplots(2 + layers, columns, squeeze=False, sharex=True, height_ratios=heights)
    highest = max(float(attention.over_frames(layer).max()) for layer in range(layers))
    for column, token in enumerate(attention.tokens):
        _draw_spectrogram(grid[0, column], spectrogram)
        grid[0, column].set_title(NAMES.get(token, token))
        _draw_phones(grid[1, column], phones, levels, phones_label)
        for layer in range(layers):
            axes = grid[2 + layer, column]
            weights, on_tokens = attention.over_frames(layer)[:, column], attention.on_tokens(layer)[:, column]
            _draw_heads(axes, attention.spans, weights, on_tokens, highest)
            axes.set_title(f"layer {layer + 1}", fontsize=9, loc="left", pad=3)
        for axes in grid[:, column]:
            for boundary in {time for phone in phones for time in phone[:2]}:
                axes.axvline(boundary, color="0.45", linewidth=0.6, zorder=3)
        grid[-1, column].set(xlim=(0, spectrogram.duration), xlabel="Time (s)")
    _write_captions(figure, title, highest)
    save_png(figure, path)


def _write_captions(figure: Figure, title: str, highest: float) -> None:
    figure.suptitle(title, wrap=True)
    figure.supxlabel(
        f"Dotted: an equal share of attention for each frame. Top of a strip: {highest:.1f} times that.\n"
        "Right: the share that goes to tokens instead of frames.",
        fontsize=LABEL_SIZE,
    )


def _draw_spectrogram(axes: Axes, spectrogram: Spectrogram) -> None:
    """Frames as columns of grey, dark where there is energy, on a mel axis marked in Hz."""
    lowest, highest = mel(np.array([spectrogram.lowest, spectrogram.highest]))
    energies = spectrogram.energies.T  # (bands, T)
    floor, top = np.percentile(energies, [5, 99.5])
    axes.imshow(
        energies,
        cmap="Greys",
        vmin=floor,
        vmax=top,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(*spectrogram.span, lowest, highest),
    )
    ticks = [hertz for hertz in FREQUENCIES if spectrogram.lowest <= hertz <= spectrogram.highest]
    axes.set_yticks(mel(np.array(ticks)), [f"{hertz:g}" for hertz in ticks])
    axes.set_ylabel("Frequency (Hz)")


def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kaldi's mel scale (feat/mel-computations.h), on which bands are equally far apart."""
    values: NDArray[np.float64] = 1127 * np.log1p(hertz / 700)
    return values


def _levels(phones: Sequence[Phone], seconds_an_inch: float) -> list[int]:
    """The row of each phone's label, such that none overlaps another."""
    a_letter = 0.75 * LABEL_SIZE / 72 * seconds_an_inch
    centres = [(phone.start + phone.end) / 2 for phone in phones]
    return label_levels(centres, [a_letter * (len(phone.name) + 0.5) for phone in phones])


def _draw_phones(axes: Axes, phones: Sequence[Phone], levels: Sequence[int], label: str) -> None:
    axes.set(ylim=(max(levels, default=0) + 0.6, -0.6), yticks=[])
    axes.tick_params(bottom=False)
    axes.spines[:].set_visible(False)
    if phones:
        axes.set_ylabel(label, fontsize=LABEL_SIZE, rotation=0, ha="right", va="center")
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    for phone, level in zip(phones, levels, strict=True):
        centre = (phone.start + phone.end) / 2
        axes.text(centre, level, phone.name, ha="center", va="center", fontsize=LABEL_SIZE, bbox=box, zorder=4)


def _draw_heads(
    axes: Axes,
    spans: NDArray[np.float64],
    weights: NDArray[np.float32],
    on_tokens: NDArray[np.float32],
    highest: float,
) -> None:
    """One strip a head, the first at the top, of weights (heads, T') whose top is `highest`; on_tokens (heads,)."""
    heads = len(weights)
    for head in range(heads):
        floor = heads - 1 - head
        heights = outline(weights[head] / highest)
        axes.fill_between(np.repeat(spans, 2), floor, floor + heights, color="#0072b2", linewidth=0, zorder=2)
        axes.axhline(floor, color="0.6", linewidth=0.6)
        axes.axhline(floor + 1 / highest, color="0.3", linewidth=0.7, linestyle=":", zorder=3)
    middles = np.arange(heads)[::-1] + 0.5
    axes.set(ylim=(0, heads))
    axes.set_yticks(middles, [f"head {head + 1}" for head in range(heads)], fontsize=LABEL_SIZE)
    right = axes.secondary_yaxis("right")
    right.set_yticks(middles, [f"{100 * share:.0f} %" for share in on_tokens], fontsize=LABEL_SIZE)
    for side in (axes, right):
        side.tick_params(axis="y", length=0)


def outline(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The corners (4 T',) of steps of the given heights (T',) that start and end at 0, as frames may be left out.

    >>> outline(np.array([1, 3]))
    array([0, 1, 1, 0, 0, 3, 3, 0])
    """
    corners: NDArray[np.float32] = (heights[:, None] * np.array([0, 1, 1, 0])).ravel()
    return corners
