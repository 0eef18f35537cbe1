"""An exported network verifies voices where neither torch nor pandas is installed, and they are those of torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.embeddings.store import read_embeddings
from svtok.info import describe
from svtok.trained.folder import load_network, weights_hash
from svtok.verifier import Verifier

pytest.importorskip("onnxruntime")
ROOT = Path(__file__).resolve().parents[2]
Recordings = Callable[[str, str, range], list[Path]]
ABSENT = ("torch", "torchaudio", "pandas", "pyarrow", "matplotlib", "tqdm", "jinja2", "PIL", "onnx", "onnxscript")
"""What the requirements of svtok bring and an exported network needs not; and what only an export needs."""
WITHOUT = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def without_torch(code: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", WITHOUT + code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(call, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


def command(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return without_torch("from svtok.cli.main import main; main()", *arguments, folder=folder)


@pytest.fixture(scope="session")
def onnx(work: Path) -> Path:
    """exp/net, exported with its scorer by the command."""
    call = ["export", "--network", str(work / "exp/net"), "--out", str(work / "exp/onnx")]
    result = CliRunner().invoke(svtok, call, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "embeddings of 16 dimensions, within " in result.output
    assert result.output.endswith("of torch's, with its scorer\n")
    again = CliRunner().invoke(svtok, call, catch_exceptions=False)
    assert again.output == f"{work / 'exp/onnx'}: up to date\n"
    return work / "exp/onnx"


@pytest.mark.slow
def test_the_commands_need_no_torch_and_a_store_serves_both_networks(
    onnx: Path, work: Path, recordings: Recordings, tmp_path: Path
) -> None:
    network = ("--network", onnx)
    takes, [own] = recordings("anna", "open", range(3)), recordings("anna", "open", range(5, 6))
    [other] = recordings("cleo", "open", range(5, 6))
    enrolled = command("enroll", *network, "--speaker", "anna", "--phrase", "open", *takes, folder=tmp_path)
    assert enrolled.returncode == 0, enrolled.stderr
    rate = ("--false-accept-rate", "0.05", "--json")
    accepted = command("verify", *network, "--speaker", "anna", *rate, own, folder=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    rejected = command("identify", *network, *rate, other, folder=tmp_path)
    assert rejected.returncode == 3, rejected.stderr
    by_torch = Verifier.load(work / "exp/net", store=tmp_path / "voices.db").verify("anna", own, false_accept_rate=0.05)
    aspects = json.loads(accepted.stdout)["aspects"]
    for of, judgement in by_torch.judgements.items():
        assert aspects[of]["llr"] == pytest.approx(judgement.llr, abs=2e-3)
        assert aspects[of]["threshold"] == judgement.threshold.value


def test_a_program_and_svtok_info_need_no_torch(onnx: Path, work: Path, tmp_path: Path) -> None:
    copy = tmp_path / "onnx"
    shutil.copytree(onnx, copy)
    config = (copy / "config.yaml").read_text().replace("resample: false", "resample: true")
    (copy / "config.yaml").write_text(config)
    code = """
import numpy as np, svtok
wave = np.random.default_rng(0).normal(0, 0.1, 16000)
network = svtok.load_network("onnx")
print(*network.embed((wave, 11025)))
print(*svtok.Verifier.load("onnx").embed((wave, 11025)))
from svtok.cli.main import main
sys.argv[1:] = ["info", "--json", "onnx"]
main()
"""
    done = without_torch(code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    one, other, *described = done.stdout.splitlines()
    lines = [[float(word) for word in line.split()] for line in (one, other)]
    assert lines[0] == lines[1]
    trained = load_network(work / "exp/net")
    resampling = trained.features.model_copy(update={"resample": True})
    object.__setattr__(trained, "features", resampling)
    expected = trained.embed((np.random.default_rng(0).normal(0, 0.1, 16000), 11025))
    np.testing.assert_allclose(lines[0], expected, atol=2e-3)
    [facts] = json.loads("\n".join(described))
    assert facts == {"path": "onnx", **describe(copy)}
    known = {"kind": "exported network", "head": "avg", "sample rate": 8000, "8-bit weights": False, "scorer": True}
    assert facts | known == facts
    assert facts["network"] == weights_hash(work / "exp/net")


def test_what_needs_torch_says_so(work: Path, tmp_path: Path) -> None:
    code = """
from svtok import SvtokError, load_network
try:
    load_network(sys.argv.pop())
except SvtokError as error:
    print(error)
from svtok.cli.main import main
main()
"""
    done = without_torch(code, "train", "--data", "x", "--out", "y", work / "exp/net", folder=tmp_path)
    assert done.returncode == 1
    assert re.search(r"net: not an exported network, and (torch|pandas|pyarrow) is not installed, without", done.stdout)
    assert re.search(
        r"(torch|pandas|pyarrow) is not installed, and this command needs it: run pip install svtok", done.stderr
    )


def test_a_set_is_embedded_from_its_recordings(onnx: Path, work: Path, tmp_path: Path) -> None:
    data = work / "data/my/dev"
    out = tmp_path / "embeddings"
    call = ["extract-embeddings", "--network", str(onnx), "--data", str(data), "--out", str(out)]
    result = CliRunner().invoke(svtok, call, catch_exceptions=False)
    assert result.output == f"{out}: embeddings of 96 utterances\n"
    found, expected = read_embeddings(out), read_embeddings(work / "exp/net/embeddings/dev")
    assert (found.utts, found.network_hash) == (expected.utts, expected.network_hash)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-3)
    refused = CliRunner().invoke(svtok, [*call[:-1], str(tmp_path / "other"), "--frame-states"])
    assert refused.exit_code == 2
    assert "is an exported network, which reads recordings alone" in refused.output


@pytest.mark.slow
def test_an_environment_of_few_packages_verifies_voices(onnx: Path, recordings: Recordings, tmp_path: Path) -> None:
    """A venv with what docs/export.md names, where a registry can be reached."""
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    line = next(one for one in (ROOT / "docs/export.md").read_text().splitlines() if one.startswith("pip install num"))
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    install = [*pip, "install", "-q", "--no-compile", "--retries", "0"]
    packages = subprocess.run(
        [*install, "-c", ROOT / "constraints.txt", *line.split()[2:]], capture_output=True, text=True
    )
    if packages.returncode:
        pytest.skip(f"no registry can be reached: {packages.stderr.strip().splitlines()[-1]}")
    shutil.copytree(ROOT / "svtok", tmp_path / "source/svtok", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "source")
    subprocess.run([*install, "--no-deps", tmp_path / "source"], check=True)
    run: list[str | Path] = [python, "-m", "svtok"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    installed = subprocess.run([*pip, "list"], capture_output=True, text=True, check=True).stdout
    assert "torch" not in installed
    assert "pandas" not in installed
    network = ["--network", str(onnx), "--speaker", "anna"]
    takes, [own] = recordings("anna", "open", range(3)), recordings("anna", "open", range(5, 6))
    calls: list[list[str | Path]] = [
        ["enroll", *network, "--phrase", "open", *takes],
        ["verify", *network, "--false-accept-rate", "0.05", own],
    ]
    for words in calls:
        done = subprocess.run([*run, *words], capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr + done.stdout
