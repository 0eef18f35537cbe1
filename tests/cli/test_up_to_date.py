"""Commands that are called again: nothing is done where inputs and options are the same, and all of it where not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import svtok as package
from svtok.cli.fresh import is_up_to_date
from svtok.cli.main import svtok

pytestmark = pytest.mark.slow

TRAIN = ("train", "--data", "data/mine/train", "--config", "conf.yaml", "--head", "cls", "--device", "cpu")
CHAIN = {
    "prepare": ("prepare", "table", "--csv", "mine.csv", "--enroll-takes", "2", "--jobs", "1"),
    "features": ("extract-features", *(f"data/mine/{name}" for name in ("train", "dev", "eval")), "--jobs", "1"),
    "train": TRAIN,
    "embeddings": ("extract-embeddings", "--network", "exp/cls", "--data", "data/mine/eval", "--device", "cpu"),
    "score": (
        *("score", "--embeddings", "exp/cls/embeddings/eval", "--data", "data/mine/eval"),
        *("--out", "exp/cls/scores.tsv"),
    ),
    "evaluate": (
        *("evaluate", "--scores", "exp/cls/scores.tsv", "--data", "data/mine/eval", "--resamples", "0"),
        *("--json", "exp/cls/evaluation.json"),
    ),
}
"""Each command of the chain, by the short forms that find their folders."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole chain has ended."""
    root = tmp_path_factory.mktemp("work")
    random, seconds = np.random.default_rng(0), np.arange(4000) / 16000
    lines = ["path,spk,phrase,set"]
    for number, name in enumerate(("train", "train", "dev", "dev", "eval", "eval")):
        for pitch, phrase in ((200, "no"), (400, "yes")):
            for take in range(3):
                wave = np.sin(2 * np.pi * (pitch + 60 * number) * seconds) + 0.05 * random.standard_normal(4000)
                soundfile.write(root / f"{number}-{phrase}-{take}.wav", 0.3 * wave, 16000)
                lines.append(f"{number}-{phrase}-{take}.wav,s{number},{phrase},{name}")
    (root / "mine.csv").write_text("\n".join(lines) + "\n")
    (root / "conf.yaml").write_text(
        "network: {front_end: {channels: 4, blocks: [8]}, layers: 1, attention_heads: 2,\n"
        "  memory: {slots: 4, key_dim: 4}}\n"
        "training: {epochs: 2, batch_size: 4}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name in CHAIN:
            assert done(name), name
    return root


@pytest.fixture
def work(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That folder, the current one of the test; afterwards it is as it was, the times of its files included."""
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(finished)
    yield finished
    for path in finished.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(tmp_path / "copy", finished, dirs_exist_ok=True)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(svtok, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def done(name: str, *more: str) -> bool:
    """Whether calling a command of the chain did any work."""
    lines = call(*CHAIN[name], *more).splitlines()
    return not all("up to date" in line for line in (lines if name == "features" else lines[-1:]))


def done_of_all() -> list[str]:
    """Calls the whole chain; gives the commands that did any work."""
    return [name for name in CHAIN if done(name)]


def test_a_second_call_does_nothing_and_says_so(work: Path) -> None:
    assert done_of_all() == []
    assert call(*CHAIN["score"]) == "exp/cls/scores.tsv: up to date\n"


def test_options_that_only_say_how_to_work_change_nothing(work: Path) -> None:
    assert not done("features", "--jobs", "2")
    assert not done("train", "--device", "auto", "--anew")
    assert not done("embeddings", "--device", "auto")


def test_a_second_call_loads_no_torch(work: Path) -> None:
    script = "import sys; from svtok.cli.main import svtok; svtok(sys.argv[1:], standalone_mode=False)"
    script += "; sys.exit('torch' in sys.modules)"
    for name, arguments in CHAIN.items():
        command = [sys.executable, "-c", script, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (result.returncode, "up to date" in result.stdout) == (0, True), (name, result.stdout, result.stderr)


def test_evaluate_prints_its_table_again(work: Path) -> None:
    table = call(*CHAIN["evaluate"], "--by", "phrase")
    again = call(*CHAIN["evaluate"], "--by", "phrase")
    assert "TC-vs-IC" in table
    assert again == table + "exp/cls/evaluation.json: up to date\n"
    assert done("evaluate", "--det", "exp/cls/det.png")


def test_another_version_of_svtok_changes_nothing(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "__version__", "9.9.9")
    assert done_of_all() == []


def test_a_changed_option_redoes_that_command_and_what_reads_its_output(work: Path) -> None:
    assert done("score", "--enroll", "mean-score")
    assert done("evaluate")
    assert done_of_all() == ["score", "evaluate"]
    assert done("embeddings", "--joined-models")
    assert done_of_all() == []


def test_a_changed_configuration_trains_anew_only_when_asked_to(work: Path) -> None:
    before = (work / "exp/cls/network.safetensors").read_bytes()
    (work / "conf.yaml").write_text((work / "conf.yaml").read_text().replace("epochs: 2", "epochs: 1"))
    result = CliRunner().invoke(svtok, CHAIN["train"])
    assert result.exit_code != 0
    assert "training.epochs: was 2, now 1" in str(result.exception)
    assert (work / "exp/cls/network.safetensors").read_bytes() == before
    assert done("train", "--anew")
    assert done_of_all() == ["embeddings", "score", "evaluate"]


def test_a_configuration_written_otherwise_is_the_same(work: Path) -> None:
    (work / "conf.yaml").write_text("# a comment\n" + (work / "conf.yaml").read_text())
    assert done_of_all() == []


def test_a_changed_list_redoes_what_depends_on_it(work: Path) -> None:
    lines = (work / "mine.csv").read_text().splitlines(keepends=True)
    (work / "mine.csv").write_text("".join(line for line in lines if not line.startswith("4-no-2")))
    assert done_of_all() == ["prepare", "features", "embeddings", "score", "evaluate"]


def test_a_recording_written_again_with_the_same_content_redoes_features_alone(work: Path) -> None:
    os.utime(work / "0-no-0.wav", (1, 1))
    assert done_of_all() == ["prepare", "features"]


def test_removed_output_is_made_again_and_what_used_it_is_kept(work: Path) -> None:
    for output in ("exp/cls/scores.tsv", "exp/cls/embeddings/eval/embeddings.npy", "feats/mine/dev/features.npy"):
        (work / output).unlink()
    assert done_of_all() == ["features", "embeddings", "score"]


def test_output_changed_by_others_is_made_again(work: Path) -> None:
    scores = work / "exp/cls/scores.tsv"
    before = scores.read_text()
    scores.write_text(before.replace("0", "1"))
    assert done("score")
    assert scores.read_text() == before


def test_output_of_before_there_were_notes_is_made_again_but_a_network_is_kept(work: Path) -> None:
    for note in work.rglob(".*made.json"):
        note.unlink()
    assert done_of_all() == ["prepare", "embeddings", "score", "evaluate"]


def test_embeddings_of_a_set_without_features_go_by_its_recordings(work: Path) -> None:
    shutil.rmtree(work / "feats/mine/eval")
    assert done("embeddings")
    assert not done("embeddings")
    os.utime(work / "5-no-0.wav", (1, 1))
    assert done("embeddings")


def test_an_error_is_no_output_and_keeps_what_was_there(work: Path) -> None:
    before = (work / "exp/cls/scores.tsv").read_text()
    wrong = CliRunner().invoke(svtok, [*CHAIN["score"], "--norm", "s-norm"])
    assert wrong.exit_code != 0
    assert (work / "exp/cls/scores.tsv").read_text() == before
    assert not done("score")


def test_others_can_ask_whether_a_call_would_find_its_output_up_to_date(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work.parent)
    assert is_up_to_date(CHAIN["score"], work)
    assert is_up_to_date([*CHAIN["train"], "--out", "exp/cls"], work)
    assert not is_up_to_date([*CHAIN["score"], "--enroll", "mean-score"], work)
    assert not is_up_to_date([*CHAIN["score"], "--no-such-option"], work)
    assert not is_up_to_date(["compare", "a=b.json"], work)
    assert not is_up_to_date(["fuse", "apply", "x.yaml", "--scores", "a", "--scores", "b", "--out", "c"], work)
    assert Path.cwd() == work.parent


OTHERWISE = {
    "extract-features": "its library compares, part by part",
    "submit": "a copy of scores",
    "export data": "a copy of a set",
    "export trials": "a copy of trials",
    "export scores": "a copy of scores",
    "export features": "a copy of features",
    "export embeddings": "a copy of embeddings",
    "voices export": "what the store holds at the time",
}
"""Commands with --out that leave no note, and why."""


def test_every_command_that_writes_leaves_a_note() -> None:
    assert {name for name, command in commands_of(svtok) if not hasattr(command.callback, "made")} == set(OTHERWISE)


def commands_of(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """The commands with --out, by the last two words of what they are called."""
    context = click.Context(group)
    for own in group.list_commands(context):
        command = group.get_command(context, own)
        if isinstance(command, click.Group):
            yield from commands_of(command, own)
        elif command is not None and any(parameter.name == "out" for parameter in command.params):
            yield f"{name} {own}".strip(), command
