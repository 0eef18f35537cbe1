"""svtok attend and svtok plot as a user calls them."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.embeddings.store import write_embeddings
from svtok.errors import AudioError, ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet, write_set
from svtok.manifest.tables import read_utterances
from svtok.nets.network import Network
from svtok.nets.phone_network import PhoneNetwork
from svtok.report.attention import recognise_phones
from svtok.trained.classes import ClassList
from svtok.trained.config import Config, PhoneticConfig
from svtok.trained.folder import write_config, write_settings, write_weights
from svtok.trained.phones import PHONES, PhoneList

pytestmark = pytest.mark.slow


def write_network(folder: Path, head: str) -> None:
    """The folder of a tiny network, as a training leaves it."""
    network = {"front_end": {"channels": 4, "blocks": [8], "subsample": 2}, "attention_heads": 2, "head": head}
    config = Config.model_validate({"features": {"bands": 8}, "network": network})
    classes = ClassList((("ann", ""), ("bob", "")))
    folder.mkdir(parents=True)
    write_settings(folder, config, classes, {"seed": 0, "train": {"data": "data/toy/train", "fingerprint": ""}})
    torch.manual_seed(0)
    write_weights(folder, Network(config.network, 8, 2).state_dict())
    rows = ({"epoch": epoch, "loss": 1 / epoch, "dev_eer": 0.1} for epoch in (1, 2))
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording, two networks, a prepared set and its embeddings."""
    root = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    soundfile.write(root / "open.wav", 0.1 * rng.standard_normal(8000), 16000)
    soundfile.write(root / "slow.wav", 0.1 * rng.standard_normal(8000), 8000)
    write_network(root / "exp/student", "cls-dist")
    write_network(root / "exp/avg", "avg")
    write_phonetic_network(root / "exp/phonetic")
    lines = ["utt\tpath\tspk\tphrase", *(f"u{n}\tu{n}.wav\tspk{n % 3}\topen" for n in range(9))]
    (root / "table.tsv").write_text("\n".join(lines) + "\n")
    utterances = read_utterances(root / "table.tsv")
    write_set(PreparedSet(utterances), root / "data/toy/eval")
    vectors = rng.standard_normal((9, 4)).astype(np.float32)
    write_embeddings(root / "emb", utterances["utt"].tolist(), vectors, "hash")
    return root


def run(root: Path, *arguments: str) -> str:
    """Call svtok in the folder, in this process; raises what it raises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return CliRunner().invoke(svtok, list(arguments), standalone_mode=False, catch_exceptions=False).output


def write_phonetic_network(folder: Path) -> None:
    """The folder of a tiny phonetic network that always hears the second of its two phones."""
    small = {"front_end": {"channels": 4, "blocks": [8], "subsample": 2}, "bottleneck": 3}
    config = PhoneticConfig.model_validate({"features": {"bands": 8}, "network": small})
    network = PhoneNetwork(config.network, 8, 2)
    torch.nn.init.constant_(network.output.weight, 0)
    with torch.no_grad():
        network.output.bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
    folder.mkdir(parents=True)
    write_config(folder, config, {})
    PhoneList(("a", "o")).write(folder / PHONES)
    write_weights(folder, network.state_dict())


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_attention_is_drawn_into_the_networks_folder_unless_another_is_given(work: Path) -> None:
    assert "wrote exp/student/attention/open.png" in run(work, "attend", "exp/student", "open.wav")
    (work / "phones.txt").write_text("0.1 0.2 o\n0.2 0.4 p\n")
    run(work, "attend", "exp/student", "open.wav", "--out", "a.png", "--phones", "phones.txt")
    assert is_png(work / "exp/student/attention/open.png")
    assert is_png(work / "a.png")
    assert (work / "a.png").read_bytes() != (work / "exp/student/attention/open.png").read_bytes()


def test_phones_that_a_phonetic_network_hears_are_drawn(work: Path) -> None:
    [heard] = recognise_phones(work / "exp/phonetic", work / "open.wav")  # in all of the 24 frames after subsampling
    assert heard.name == "o"
    assert (heard.start, heard.end) == pytest.approx((0.0025, 0.4825))
    run(work, "attend", "exp/student", "open.wav", "--out", "heard.png", "--phonetic", "exp/phonetic")
    assert is_png(work / "heard.png")


def test_attention_over_a_channel_of_two(work: Path) -> None:
    samples, rate = soundfile.read(work / "open.wav")
    soundfile.write(work / "two.wav", np.stack([np.zeros_like(samples), samples], axis=1), rate)
    with pytest.raises(AudioError, match=r"choose with --channel 1\|2\|mean"):
        run(work, "attend", "exp/student", "two.wav")
    run(work, "attend", "exp/student", "two.wav", "--channel", "2", "--phonetic", "exp/phonetic")
    assert is_png(work / "exp/student/attention/two.png")


def test_phones_are_given_in_one_way(work: Path) -> None:
    arguments = ["exp/student", "open.wav", "--phones", "phones.txt", "--phonetic", "exp/phonetic"]
    with pytest.raises(click.UsageError, match="two ways to give the phones"):
        run(work, "attend", *arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["exp/avg", "open.wav"], SvtokError, "head 'avg' pools frames and has no token"),
        (["exp/student", "open.wav", "--phonetic", "exp/avg"], SvtokError, "not the folder of a phonetic network"),
        (["exp/nothing", "open.wav"], SvtokError, "not the folder of a network"),
        (["exp/student", "slow.wav"], SvtokError, "sampling rate is 8000 Hz, not 16000"),
        (["exp/student", "none.wav"], SvtokError, r"none\.wav: there is no such file"),
        (["exp/student", "open.wav", "--phones", "late.txt"], ProblemsError, r"late\.txt:1: .* the audio lasts 0\.5 s"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(
    work: Path, arguments: list[str], error: type[Exception], message: str
) -> None:
    (work / "late.txt").write_text("0.4 0.6 o\n")
    with pytest.raises(error, match=message):
        run(work, "attend", *arguments, "--out", "refused.png")
    assert not list(work.glob("*refused*"))


def test_training_curves_of_two_networks_are_drawn_into_one_picture(work: Path) -> None:
    assert "2 networks" in run(work, "plot", "training", "exp/avg", "exp/student", "--out", "training.png")
    assert is_png(work / "training.png")


def test_embeddings_of_some_speakers_are_drawn(work: Path) -> None:
    command = ["plot", "embeddings", "--embeddings", "emb", "--out", "map.png"]
    assert "9 of 9 utterances" in run(work, *command)
    assert is_png(work / "map.png")
    output = run(work, *command, "--by", "phrase", "--only", "spk=spk0", "--only", "spk=spk1", "--only", "phrase=open")
    assert "6 of 9 utterances" in output


def test_a_value_without_its_column_is_a_mistake_of_usage(work: Path) -> None:
    result = CliRunner().invoke(
        svtok,
        ["plot", "embeddings", "--embeddings", "emb", "--data", str(work), "--out", "m.png", "--only", "open"],
    )
    assert result.exit_code == 2
    assert "'open' is not COLUMN=VALUE, such as phrase=open" in result.output
