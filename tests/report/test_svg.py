"""Charts as SVG: what is drawn where, by parsing them."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from svtok.report.clips import LONGEST, clip_of
from svtok.report.svg import STYLES, Axis, Line, chart, histogram


def drawn(number: int = 0, name: str = "one", points: list[tuple[float, float]] | None = None) -> ElementTree.Element:
    line = Line(np.array(points or [(0.0, 0.0), (1.0, 1.0)]), number, name)
    return ElementTree.fromstring(chart([line], Axis(0, 1, "x"), Axis(0, 1, "y"), title="A <b> & c"))


def path_of(picture: ElementTree.Element) -> ElementTree.Element:
    return next(path for path in picture.iter("path") if "line" in path.get("class", ""))


def test_names_are_text_whatever_they_hold() -> None:
    picture = drawn(name="</svg><script>")
    assert picture.get("aria-label") == "A <b> & c"
    assert [title.text for title in picture.iter("title")] == ["</svg><script>"]


def test_lines_beyond_the_colours_are_dashed() -> None:
    first, next_round = path_of(drawn(1)), path_of(drawn(1 + STYLES))
    assert first.get("class") == next_round.get("class") == "line s1"
    assert first.get("stroke-dasharray") is None
    assert next_round.get("stroke-dasharray")


def test_points_that_fall_onto_one_another_are_drawn_once_and_the_ends_stay() -> None:
    many = [(share, share) for share in np.linspace(0, 1, 100_001).tolist()]
    corners = path_of(drawn(points=many)).get("d", "").removeprefix("M").split("L")
    assert len(corners) < 1000
    assert (corners[0], corners[-1]) == tuple(path_of(drawn()).get("d", "").removeprefix("M").split("L"))


def test_what_is_outside_an_axis_is_on_its_edge() -> None:
    assert Axis(0, 10, "").place(np.array([-5, 0, 5, 10, 20])).tolist() == [0, 0, 0.5, 1, 1]


def test_an_axis_over_one_value_or_none_has_a_length() -> None:
    for values in ([], [3.0]):
        axis = Axis.over(np.array(values), "")
        assert axis.low < axis.high


def test_a_histogram_marks_the_threshold_and_bears_scores_that_are_all_alike() -> None:
    picture = ElementTree.fromstring(histogram({"TC": np.ones(5), "IC": np.ones(9)}, 1.0, title="scores"))
    assert "threshold" in [text.text for text in picture.iter("text")]
    assert len([path for path in picture.iter("path") if "filled" in path.get("class", "")]) == 2


@pytest.mark.parametrize(("rate", "mime"), [(8000, None), (10000, "audio/flac")])
def test_a_clip_is_the_first_seconds_at_the_rate_of_the_recording(rate: int, mime: str | None) -> None:
    wave = (0.1 * np.random.default_rng(0).standard_normal(round((LONGEST + 1) * rate))).astype(np.float32)
    clip = clip_of(wave, rate)
    assert clip.mime == (mime or clip.mime)
    samples, found = soundfile.read(io.BytesIO(clip.audio))
    assert found == rate
    assert len(samples) / rate == pytest.approx(LONGEST, abs=0.2)
    assert clip.seconds == LONGEST + 1
    assert clip.audio_url.startswith(f"data:{clip.mime};base64,")
    assert clip.picture.startswith(b"\xff\xd8")  # JPEG
