"""The network in the box: what came along, what it makes of real voices, and the word for it on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import svtok.pretrained
from svtok.cli.extract import _embeddings_folder
from svtok.cli.main import svtok as program
from svtok.cli.values import NETWORK
from svtok.errors import SvtokError
from svtok.pretrained import pretrained_folder, pretrained_network
from svtok.scoring.store import load_scorer
from svtok.trained.folder import load_network
from svtok.verifier import Verifier

REAL_SPEECH = Path(__file__).parents[2] / "shared/data/arabic_speech_commands/dataset"
real_speech = pytest.mark.skipif(not REAL_SPEECH.is_dir(), reason="the corpus of real speech is not there")


def takes(speaker: int, word: str) -> list[Path]:
    """The recordings of a word by a speaker of Arabic Speech Commands."""
    found = sorted((REAL_SPEECH / word).glob(f"{speaker:08d}_NO_*.flac"))
    assert len(found) >= 5
    return found


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for the network in which there is none yet; the working folder is another."""
    folder = tmp_path / "package/network"
    monkeypatch.setattr(svtok.pretrained, "pretrained_folder", lambda: folder)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


def test_the_word_pretrained_names_the_network_in_the_box_unless_there_is_a_folder_of_that_name(box: Path) -> None:
    box.mkdir(parents=True)
    (box / "network.safetensors").touch()
    assert NETWORK.convert("pretrained", None, None) == box
    assert NETWORK.convert("exp/cls", None, None) == Path("exp/cls")
    Path("pretrained").mkdir()
    assert NETWORK.convert("pretrained", None, None) == Path("pretrained")


def test_where_no_network_came_along_a_command_says_so(box: Path) -> None:
    with pytest.raises(SvtokError, match="no network comes with this svtok: name one that you trained"):
        pretrained_network()
    result = CliRunner().invoke(program, ["verify", "--speaker", "anna", "a.wav"])
    assert isinstance(result.exception, SvtokError)


def test_what_is_made_with_it_is_written_under_exp_and_not_beside_it() -> None:
    given = {"network": pretrained_folder(), "encoder": None, "data": Path("data/my/dev"), "joined_models": False}
    assert _embeddings_folder({**given, "frame_states": False}) == Path("exp/pretrained/embeddings/dev")
    assert _embeddings_folder({**given, "frame_states": True}) == Path("exp/pretrained/states/dev")


def test_what_came_along_is_small_and_belongs_together() -> None:
    folder = pretrained_network()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 6e6
    network, scorer = load_network(folder), load_scorer(folder / "scorer")
    assert scorer.network == network.hash
    assert set(scorer.decisions) == {"speaker", "phrase", "together"}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert network.hash in card
    assert all(word in card for word in ("CC BY 4.0", "Apache-2.0", "## Results", "not"))
    speakers = {speaker for speaker, _ in network.classes.names}
    assert all(speaker.startswith("speaker-") for speaker in speakers)  # nobody's name


@pytest.mark.slow
@real_speech
def test_voices_are_kept_apart_and_phrases_too(tmp_path: Path) -> None:
    verifier = Verifier.load(store=tmp_path / "voices.db")
    speakers = (1, 2, 5, 6, 9)
    for speaker in speakers:
        verifier.enroll(str(speaker), "open", takes(speaker, "open")[:3])
    accepted = {"TC": [], "IC": [], "TW": []}  # type: dict[str, list[bool]]
    for test in speakers:
        for recording in takes(test, "open")[3:5]:
            for model in speakers:
                match = verifier.verify(str(model), recording, false_accept_rate=0.05)
                accepted["TC" if test == model else "IC"].append(match.accepted)
        match = verifier.verify(str(test), takes(test, "zero")[3], false_accept_rate=0.05)
        accepted["TW"].append(match.accepted)
    assert sum(accepted["TC"]) >= 7  # of 10
    assert sum(accepted["IC"]) <= 4  # of 40
    assert sum(accepted["TW"]) <= 1  # of 5


@pytest.mark.slow
@real_speech
def test_a_voice_is_verified_without_a_word_about_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    *enrolled, test = map(str, takes(1, "open")[:4])
    other = str(takes(2, "open")[3])
    run = CliRunner()
    assert run.invoke(program, ["enroll", "--speaker", "anna", "--phrase", "open", *enrolled]).exit_code == 0
    accepted = run.invoke(program, ["verify", "--speaker", "anna", test])
    assert (accepted.exit_code, accepted.output[:7]) == (0, "accept:"), accepted.output
    refused = run.invoke(program, ["verify", "--speaker", "anna", other])
    assert refused.exit_code == 3, refused.output
    assert refused.output.startswith("reject: 'anna' saying 'open' (the speaker")


@pytest.mark.slow
@real_speech
def test_exported_it_hears_real_speech_of_several_lengths_as_torch_does(tmp_path: Path) -> None:
    result = CliRunner().invoke(program, ["export", "--network", "pretrained", "--out", str(tmp_path / "onnx")])
    assert result.exit_code == 0, result.output
    sentences = sorted((REAL_SPEECH.parents[1] / "speechocean762").rglob("*.ogg"))[::500]
    recordings = [*takes(3, "yes"), *takes(7, "zoom out"), *sentences]
    assert len(sentences) == 10
    ours, exported = (svtok.load_network(place) for place in (pretrained_network(), tmp_path / "onnx"))
    np.testing.assert_allclose(exported.embed(recordings), ours.embed(recordings), atol=1e-4)
