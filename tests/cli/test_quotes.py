"""A corpus whose phrases and texts hold quotation marks, on the whole road from a CSV to error rates."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from svtok.cli.main import svtok

PHRASES = ('say "yes"', '"no', "it's")
TINY = (
    "network.front_end.channels=6",
    "network.front_end.blocks=[8]",
    "network.attention_heads=2",
    "network.memory.slots=4",
    "network.memory.key_dim=4",
    "training.epochs=1",
    "training.batch_size=8",
)


def called(*arguments: str) -> str:
    result = CliRunner().invoke(svtok, arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.output


@pytest.mark.slow
def test_quotation_marks_come_through_from_the_csv_to_the_error_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    with open("recordings.csv", "w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "spk", "phrase", "text", "set"])
        for part, speakers in (("train", "ab"), ("dev", "cd"), ("eval", "ef")):
            for spk in speakers:
                for number, phrase in enumerate(PHRASES):
                    for take in range(4):
                        path = f"{spk}{number}{take}.wav"
                        soundfile.write(path, 0.1 * random.standard_normal(4000), 16000)
                        table.writerow([path, f'{spk}"', phrase, f'{phrase}, "quoted"', part])
    called("prepare", "table", "--csv", "recordings.csv", "--out", "data/mine")
    called("validate", "data/mine")
    called("extract-features", "--data", "data/mine", "--jobs", "1")
    settings = [part for setting in TINY for part in ("--set", setting)]
    called("train", "--data", "data/mine/train", "--head", "cls", "--out", "exp/cls", *settings)
    called("extract-embeddings", "--network", "exp/cls", "--data", "data/mine/eval")
    called("score", "--embeddings", "exp/cls/embeddings/eval", "--data", "data/mine/eval", "--out", "scores.tsv")
    output = called("evaluate", "--scores", "scores.tsv", "--data", "data/mine/eval", "--by", "phrase")
    assert 'say_"yes"' in output
    rows = [line.split("\t") for line in Path("data/mine/eval/utterances.tsv").read_text().splitlines()]
    utterances = pd.DataFrame(rows[1:], columns=rows[0])
    assert set(utterances["phrase"]) == {'say_"yes"', '"no', "it's"}
    assert set(utterances["text"]) == {f'{phrase}, "quoted"' for phrase in PHRASES}
    assert set(utterances["spk"]) == {'e"', 'f"'}
