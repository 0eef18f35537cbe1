from pathlib import Path

import pytest

from svtok.errors import SvtokError
from svtok.manifest.sets import CorpusInfo, read_corpus_info, write_corpus_info


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    info = CorpusInfo(name="rsr2015-part2", synthetic=True, description="spoken by espeak-ng: ä")
    write_corpus_info(tmp_path, info)
    assert read_corpus_info(tmp_path) == info


def test_a_folder_without_the_file_has_no_info(tmp_path: Path) -> None:
    assert read_corpus_info(tmp_path) is None


def test_the_caption_of_synthetic_speech_says_so() -> None:
    assert CorpusInfo(name="x").caption == "x"
    assert CorpusInfo(name="x", synthetic=True).caption == "x (SYNTHETIC speech)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "corpus.yaml:1: not valid YAML"),
        ("just words", "must hold keys and values"),
        ("synthetic: true", "name: this key is missing"),
        ("name: x\nsynthetc: true", "did you mean 'synthetic'"),
        ("name: x\nsynthetic: 'yes'", "synthetic: input should be a valid boolean"),
    ],
)
def test_a_wrong_file_is_refused_with_its_path(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "corpus.yaml").write_text(text)
    with pytest.raises(SvtokError, match=message) as caught:
        read_corpus_info(tmp_path)
    assert "corpus.yaml" in str(caught.value)
