from pathlib import Path

import numpy as np
import pytest
import soundfile

from svtok.corpora.kaldi import prepare
from svtok.errors import ProblemsError, SvtokError


def data_dir(folder: Path, **recordings: str) -> None:
    folder.mkdir(parents=True)
    (folder / "wav.scp").write_text("".join(f"{utt} {path}\n" for utt, path in recordings.items()))
    (folder / "utt2spk").write_text("".join(f"{utt} {utt[0]}\n" for utt in recordings))


def test_the_data_directories_that_are_there_become_sets_with_lengths(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "1.wav", np.zeros(800), 8000)
    data_dir(tmp_path / "data" / "train", a1="1.wav")
    data_dir(tmp_path / "data" / "eval", b1="1.wav", c1="1.wav")
    (tmp_path / "data" / "eval" / "trials").write_text("b1 c1 nontarget\n")
    sets = prepare(tmp_path / "data", phrase="hello", wav_root=tmp_path)
    assert list(sets) == ["train", "eval"]
    assert sets["train"].utterances.to_dict("records") == [
        {"utt": "a1", "path": str(tmp_path / "1.wav"), "spk": "a", "phrase": "hello"}
        | {"num_samples": 800, "sample_rate": 8000}
    ]
    assert sets["eval"].trials is not None
    assert sets["eval"].trials["type"].tolist() == ["IC"]


def test_problems_of_all_directories_are_said_at_once(tmp_path: Path) -> None:
    data_dir(tmp_path / "train", a1="nix.wav")
    data_dir(tmp_path / "dev", a1="cat |")
    with pytest.raises(ProblemsError) as error:
        prepare(tmp_path, phrase="hello", wav_root=tmp_path)
    said = [str(problem) for problem in error.value.problems]
    assert len(said) == 2
    assert "nix.wav: there is no such file" in said[0]
    assert "dev/wav.scp:1: 'cat |' is not a plain file" in said[1]


def test_a_folder_without_data_directories_is_said(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="there is no data directory train, dev, eval"):
        prepare(tmp_path)
