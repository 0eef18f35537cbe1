"""svtok report as a user calls it; the page is parsed, and looked at by its elements."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

from svtok.cli import report as report_command
from svtok.cli.main import svtok
from svtok.manifest.sets import CorpusInfo, PreparedSet, write_corpus_info, write_set
from svtok.nets.network import Network
from svtok.report.clips import LONGEST
from svtok.scoring.scores import write_scores
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import write_settings, write_weights

pytestmark = pytest.mark.slow

SPEAKERS = ("ann", "bob", "<script>alert(1)</script>", "dan")
RATE = 8000
VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """The elements of a page in order, with their attributes and, of those that were closed, all text in them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == [], "elements that are never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, dict(attrs), [])  # type: tuple[str, dict[str, str | None], list[str]]
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element[2].append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs, _ in self.elements if name == tag and wanted.items() <= attrs.items()]

    def texts(self, tag: str, **wanted: str) -> list[str]:
        return ["".join(text) for name, attrs, text in self.elements if name == tag and wanted.items() <= attrs.items()]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared set with recordings, and exp/: a network with tokens, scores alone, and a training.

    The first speaker's own trials are all missed by exp/poor.
    """
    rng = np.random.default_rng(0)
    rows, models, trials = [], [], []
    for number, speaker in enumerate(SPEAKERS):
        for phrase in ("open", "shut"):
            for take in (1, 2):
                utt = f"u{number}-{phrase}-{take}"
                seconds = LONGEST + 2 if utt == "u0-open-2" else 0.5
                soundfile.write(tmp_path / f"{utt}.wav", 0.1 * rng.standard_normal(round(seconds * RATE)), RATE)
                rows.append((utt, str(tmp_path / f"{utt}.wav"), speaker, phrase, f"{phrase} & <b>go</b>"))
            models.append((f"m{number}-{phrase}", speaker, phrase, f"u{number}-{phrase}-1", "fm"[number % 2]))
    trials = [(model[0], row[0]) for model in models for row in rows if row[0].endswith("2")]
    write_set(
        PreparedSet(
            pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase", "text"]),
            pd.DataFrame(models, columns=["model", "spk", "phrase", "utts", "gender"]),
            pd.DataFrame(trials, columns=["model", "utt"]).astype("category"),
        ),
        tmp_path / "data/mine/eval",
    )
    write_corpus_info(tmp_path / "data/mine", CorpusInfo(name="mine", synthetic=True))
    for system, weight in (("good", 4.0), ("poor", 1.0)):
        table = pd.DataFrame(trials, columns=["model", "utt"])
        same = table["model"].str[1:].to_numpy() == table["utt"].str[1:-2].to_numpy()
        score = weight * same + rng.standard_normal(len(table))
        if system == "poor":
            score[same & table["model"].str.startswith("m0").to_numpy()] = -10
        (tmp_path / "exp" / system).mkdir(parents=True)
        write_scores(tmp_path / "exp" / system / "scores.tsv", table, score)
    write_network(tmp_path / "exp/good", "cls-dist")
    write_log(tmp_path / "exp/training")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_network(folder: Path, head: str) -> None:
    network = {"front_end": {"channels": 4, "blocks": [8], "subsample": 2}, "attention_heads": 2, "head": head}
    config = Config.model_validate({"features": {"bands": 8, "sample_rate": RATE}, "network": network})
    about = {"seed": 0, "train": {"data": "data/mine/train", "fingerprint": ""}}
    write_settings(folder, config, ClassList((("ann", ""), ("bob", ""))), about)
    torch.manual_seed(0)
    write_weights(folder, Network(config.network, 8, 2).state_dict())
    write_log(folder)


def write_log(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = ({"epoch": epoch, "loss": 1 / epoch, "dev_eer": 0.1 / epoch} for epoch in (1, 2, 3))
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(svtok, ["report", *arguments, "--resamples", "5", "--out", "report.html"])


def page(*arguments: str) -> Page:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return Page(Path("report.html").read_text(encoding="utf-8"))


def test_a_page_shows_all_that_is_there_and_needs_nothing_else(work: Path) -> None:
    whole = page("exp/good", "exp/poor", "exp/training")
    assert {attrs["id"] for attrs in whole.all("section")} == {
        *("systems", "det", "groups", "training", "system-1", "system-2", "system-3", "made")
    }
    outside = [attrs[name] for _, attrs, _ in whole.elements for name in ("src", "href") if attrs.get(name)]
    assert all(address and address.startswith(("#", "data:")) for address in outside)
    assert whole.all("link") == []
    assert whole.texts("title")[0] == "mine (SYNTHETIC speech): 3 systems"
    (missing,) = whole.texts("ul", id="missing")
    assert "No error rates (there is no scores.tsv): training." in missing
    assert "No training curves (there is no training.jsonl): poor." in missing
    headings = "".join(whole.texts("h3"))
    for what in ("gender", "Scores", "Worst speakers and phrases", "Hardest trials", "What its tokens attend to"):
        assert what in headings
    assert headings.count("What its tokens attend to") == 1  # the one network with tokens


def test_names_and_texts_of_files_are_text(work: Path) -> None:
    whole = page("exp/good", "exp/poor")
    assert len(whole.all("script")) == 1
    assert whole.all("b") == []
    cells = whole.texts("th", scope="row")
    assert "<script>alert(1)</script>" in cells
    assert "open open & <b>go</b>" in [" ".join(cell.split()) for cell in cells]


def test_every_play_button_has_a_clip_that_can_be_decoded_and_is_cut(work: Path) -> None:
    whole = page("exp/good", "exp/poor")
    clips = {attrs["data-utt"]: attrs["src"] or "" for attrs in whole.all("audio")}
    wanted = [attrs["data-clip"] for attrs in whole.all("button") if attrs.get("class") == "play"]
    assert set(wanted) == set(clips)
    assert "u0-open-2" in clips
    assert all(attrs["alt"] for attrs in whole.all("img"))
    head, _, encoded = clips["u0-open-2"].partition(",")
    assert head in ("data:audio/mpeg;base64", "data:audio/flac;base64")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
    assert rate == RATE
    assert LONGEST - 0.1 < len(samples) / rate < LONGEST + 0.2


def test_a_table_of_systems_has_what_it_is_sorted_by_and_its_intervals(work: Path) -> None:
    whole = page("exp/good", "exp/poor")
    sortable = whole.all("table")
    assert sortable
    assert all(attrs["class"] == "sortable" for attrs in sortable)
    assert all(attrs["aria-sort"] == "none" for attrs in whole.all("th", scope="col"))
    (systems,) = whole.texts("section", id="systems")
    assert "[" in systems
    assert "drawing the speakers again, 5 times" in systems


def test_no_audio_leaves_recordings_out_and_says_so(work: Path) -> None:
    whole = page("exp/good", "--no-audio")
    assert whole.all("audio") == whole.all("img") == []
    assert "--no-audio" in whole.texts("ul", id="missing")[0]
    assert len(Path("report.html").read_bytes()) < 300_000


def test_recordings_that_are_gone_are_counted_and_the_page_is_written(work: Path) -> None:
    for path in work.glob("*.wav"):
        path.unlink()
    whole = page("exp/good", "exp/poor")
    assert whole.all("audio") == []
    assert "recordings could not be read, such as" in whole.texts("ul", id="missing")[0]
    assert "Not drawn:" in whole.texts("section", id="system-1")[0]


def test_a_page_that_would_be_too_large_has_fewer_recordings(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_command, "MOST_BYTES", 0)
    whole = page("exp/good", "exp/poor")
    assert len(whole.all("audio")) == 1
    assert "the page would be too large" in whole.texts("ul", id="missing")[0]


def test_trainings_alone_make_a_page(work: Path) -> None:
    whole = page("exp/training")
    assert {attrs["id"] for attrs in whole.all("section")} == {"training", "system-1", "made"}


def test_a_false_accept_rate_sets_the_threshold(work: Path) -> None:
    whole = page("exp/poor", "--no-audio", "--false-accept-rate", "0.05")
    assert "accepts at most 5 % of all non-targets" in " ".join(whole.texts("section", id="system-1")[0].split())


def test_commands_that_made_a_system_are_shown(work: Path) -> None:
    arguments = ["evaluate", "--scores", "exp/poor/scores.tsv", "--json", "exp/poor/an evaluation.json"]
    assert CliRunner().invoke(svtok, [*arguments, "--resamples", "0"]).exit_code == 0
    whole = page("exp/poor", "--no-audio")
    assert "svtok evaluate --scores exp/poor/scores.tsv --json 'exp/poor/an evaluation.json' --resamples 0" in "".join(
        whole.texts("pre")
    )


def test_a_page_that_is_up_to_date_stays(work: Path) -> None:
    page("exp/poor", "--no-audio")
    assert "up to date" in call("exp/poor", "--no-audio").output
    with open("exp/poor/training.jsonl", "w") as log:
        log.write('{"epoch": 1, "loss": 1}\n')
    assert "up to date" not in call("exp/poor", "--no-audio").output


def test_a_folder_without_anything_of_a_system_is_an_error(work: Path) -> None:
    (work / "exp/empty").mkdir()
    result = call("exp/poor", "exp/empty")
    assert result.exit_code != 0
    assert "exp/empty: holds nothing to report on" in str(result.exception)
    assert not Path("report.html").exists()
