"""The network in the box: the word for it on the command line, and that nothing is written beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import svtok.pretrained
from svtok.cli.extract import _embeddings_folder
from svtok.cli.main import svtok as program
from svtok.cli.values import NETWORK
from svtok.errors import SvtokError
from svtok.pretrained import pretrained_folder, pretrained_network


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
