"""The synthetic RSR2015: its tree and lists, going on after an interruption, what is refused."""

import hashlib
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.rsr2015.layout import PARTS, SPEAKERS, TRIALS, UtteranceName
from svtok.corpora.synthetic import rsr2015_lists as lists
from svtok.corpora.synthetic import rsr2015_lists as settings_module
from svtok.corpora.synthetic.marker import read_marker
from svtok.corpora.synthetic.phrases import text_of
from svtok.corpora.synthetic.rsr2015 import synthesize
from svtok.corpora.synthetic.rsr2015_lists import FullScale, Settings, write_lists
from svtok.errors import SvtokError

pytestmark = pytest.mark.slow

TINY = Settings(speakers=2, dev_speakers=4, eval_speakers=4, phrases=2, sessions=4)
EVAL_M = ("m004", "m005")
FLAGGED = ((True, True), (True, False), (False, True), (False, False))  # speaker and phrase equal: TC, TW, IC, IW


def contents(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "corpus"
    assert synthesize(root, TINY, audio=True, jobs=1) == 10 * 2 * 4
    return root


def test_the_tree_is_that_of_rsr2015(corpus: Path) -> None:
    recordings = sorted(path.relative_to(corpus).as_posix() for path in (corpus / "sph").rglob("*.sph"))
    assert len(recordings) == 80
    assert recordings[0] == "sph/female/f001/f001_01_031.sph"
    info = soundfile.info(corpus / recordings[0])
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("NIST", "PCM_16", 16000, 1)
    assert (corpus / recordings[0]).read_bytes().startswith(b"NIST_1A\n   1024\n")
    keys = sorted(path.relative_to(corpus / "key").as_posix() for path in (corpus / "key").rglob("*.*"))
    assert keys == [
        *(f"part2/ndx/3sess-pwd_{subset}_{gender}.ndx" for subset in ("dev", "eval") for gender in "fm"),
        *(f"part2/trn/3sesspwd_{subset}_{gender}.trn" for subset in ("dev", "eval") for gender in "fm"),
    ]


def test_enrollment_is_by_sessions_1_4_and_7(corpus: Path) -> None:
    lines = (corpus / "key/part2/trn/3sesspwd_eval_m.trn").read_text().splitlines()
    assert lines[0] == "m004_031,male/m004/m004_01_031.sph,male/m004/m004_04_031.sph,male/m004/m004_07_031.sph"
    assert [line.split(",")[0] for line in lines] == [f"{spk}_{s}" for spk in EVAL_M for s in ("031", "032")]


def test_each_trial_has_the_flag_that_its_names_make(corpus: Path) -> None:
    lines = (corpus / "key/part2/ndx/3sess-pwd_eval_m.ndx").read_text().splitlines()
    counts: Counter[str] = Counter()
    for line in lines:
        match = re.fullmatch(r"(m\d+)_(\d+),(m\d+)/(m\d+)_(\d\d)_(\d+)\.sph,([YN]),([YN]),([YN]),([YN])", line)
        assert match, line
        model_spk, model_phrase, folder, spk, session, phrase, *flags = match.groups()
        assert folder == spk
        assert session == "02"
        assert flags == ["Y" if (model_spk == spk, model_phrase == phrase) == kind else "N" for kind in FLAGGED]
        counts["".join(flags)] += 1
    # 4 models; of 2 speakers x 2 phrases one test each: 1 TC, 1 TW, 1 IC a model, and half of 4 IW
    assert counts == {"YNNN": 4, "NYNN": 4, "NNYN": 4, "NNNY": 2}


def test_the_corpus_says_that_it_is_synthetic_and_how_it_was_made(corpus: Path) -> None:
    readme = (corpus / "README.txt").read_text()
    assert readme.startswith("SYNTHETIC SPEECH")
    command = "svtok synthesize rsr2015 --out DIR --speakers 2 --dev-speakers 4 --eval-speakers 4 --phrases 2"
    assert f"{command} --sessions 4 --seed 1 --part 2\n" in readme
    assert read_marker(corpus, Settings) == TINY


def test_an_interrupted_run_gone_on_with_in_other_processes_gives_the_same_corpus(corpus: Path, tmp_path: Path) -> None:
    for path in ("synthetic.yaml", "README.txt", "sph/female/f001/f001_01_031.sph"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((corpus / path).read_bytes())
    kept = (tmp_path / "sph/female/f001/f001_01_031.sph").stat().st_mtime_ns
    synthesize(tmp_path, TINY, audio=True, jobs=2)
    assert contents(tmp_path) == contents(corpus)
    assert (tmp_path / "sph/female/f001/f001_01_031.sph").stat().st_mtime_ns == kept


def test_no_two_recordings_are_equal(corpus: Path) -> None:
    recordings = [digest for name, digest in contents(corpus).items() if name.endswith(".sph")]
    assert len(set(recordings)) == len(recordings) == 80


def test_a_corpus_of_other_settings_is_not_mixed_with_this_one(corpus: Path) -> None:
    before = contents(corpus)
    with pytest.raises(SvtokError, match=r"made with other settings \(speakers 2 there, 4 now, seed 1 there, 2 now\)"):
        synthesize(corpus, replace(TINY, speakers=4, seed=2), audio=True, jobs=1)
    assert contents(corpus) == before


def test_a_corpus_of_other_settings_is_given_up_only_where_asked_and_no_other_folder_is(tmp_path: Path) -> None:
    out, mine = tmp_path / "corpus", tmp_path / "mine.txt"
    mine.touch()
    lists = ["synthesize", "rsr2015", "--out", str(out), "--lists-only", "--speakers", "2"]
    assert CliRunner().invoke(svtok, lists).exit_code == 0
    assert CliRunner().invoke(svtok, [*lists, "--anew"]).output == f"{out}: up to date\n"
    refused = CliRunner().invoke(svtok, [*lists, "--seed", "2"])
    assert "give this one up with --anew" in str(refused.exception)
    assert CliRunner().invoke(svtok, [*lists, "--seed", "2", "--anew"]).exit_code == 0
    made = read_marker(out, Settings)
    assert made is not None
    assert made.seed == 2
    refused = CliRunner().invoke(svtok, ["synthesize", "rsr2015", "--out", str(tmp_path), "--lists-only", "--anew"])
    assert "holds other files" in str(refused.exception)
    assert mine.exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(SvtokError, match="holds other files"):
        synthesize(tmp_path, TINY, audio=True, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_without_espeak_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SvtokError, match="pip install"):
        synthesize(tmp_path / "corpus", TINY, audio=True, jobs=1)
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speakers": 3}, "speakers must be 2 or more and even .* not 3"),
        ({"dev_speakers": 2}, "dev_speakers must be 4 or more"),
        ({"eval_speakers": 0}, "eval_speakers must be 4 or more"),
        ({"phrases": 31}, "phrases must be 1 to 30, not 31"),
        ({"sessions": 3}, "sessions must be 4 to 9 .* not 3"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"part": 4}, "part must be one of 1, 2, 3, not 4"),
        ({"part": 3, "phrases": 11}, "phrases must be 1 to 10, not 11"),
    ],
)
def test_settings_that_make_no_corpus_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(SvtokError, match=message):
        replace(TINY, **change)


@pytest.mark.parametrize("text", ["speakers: [", "speakers: 2", "- 1", "speakers: two"])
def test_a_mark_that_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "synthetic.yaml").write_text(text)
    with pytest.raises(SvtokError, match=r"synthetic\.yaml"):
        read_marker(tmp_path, Settings)


def test_speakers_are_numbered_through_the_subsets_and_sessions_keep_those_that_enroll() -> None:
    settings = Settings(speakers=4, dev_speakers=4, eval_speakers=6, sessions=5)
    assert settings.speakers_of("bkg", "m") == ["m001", "m002"]
    assert settings.speakers_of("dev", "f") == ["f003", "f004"]
    assert settings.speakers_of("eval", "m") == ["m005", "m006", "m007"]
    assert settings.session_names == ("01", "02", "03", "04", "07")
    full = FullScale()
    assert (full.speakers_of("dev", "m")[0], full.speakers_of("eval", "f")[-1]) == ("m051", "f143")


def test_the_lists_of_a_larger_corpus_have_half_of_the_iw_trials(tmp_path: Path) -> None:
    settings = Settings(speakers=2, dev_speakers=4, eval_speakers=10, phrases=6, sessions=9)
    write_lists(tmp_path, settings)
    lines = (tmp_path / "key/part2/ndx/3sess-pwd_eval_f.ndx").read_text().splitlines()
    counts = Counter(line.split(",", 2)[2] for line in lines)
    tests = 5 * 6 * 6  # speakers x phrases x sessions
    assert counts == {"Y,N,N,N": tests, "N,Y,N,N": tests * 5, "N,N,Y,N": tests * 4, "N,N,N,Y": tests * 4 * 5 // 2}


def test_the_command_line_synthesizes_and_says_what_is_wrong(tmp_path: Path) -> None:
    sizes = ["--speakers", "2", "--dev-speakers", "4", "--eval-speakers", "4", "--phrases", "1", "--sessions", "4"]
    run = CliRunner().invoke(svtok, ["synthesize", "rsr2015", "--out", str(tmp_path / "c"), *sizes, "--jobs", "1"])
    assert run.exit_code == 0, run.output
    assert "40 recordings of SYNTHETIC speech" in run.output
    run = CliRunner().invoke(svtok, ["synthesize", "rsr2015", "--out", str(tmp_path / "d"), "--speakers", "5"])
    assert isinstance(run.exception, SvtokError)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(("part", "text"), [(1, "the old bridge was closed"), (2, "turn on the kitchen light")])
def test_the_phrases_of_parts_1_and_2_are_fixed(part: int, text: str) -> None:
    assert text_of(1, UtteranceName("m001", "m", "01", PARTS[part][0])).startswith(text)
    assert len({text_of(1, UtteranceName("m001", "m", "01", sentence)) for sentence in PARTS[part]}) == 30


def test_the_digits_of_part_3_are_others_in_each_session() -> None:
    said = [text_of(1, UtteranceName("m001", "m", session, s)) for session in ("01", "02") for s in ("061", "064")]
    assert [len(text.split()) for text in said] == [10, 5, 10, 5]
    assert len(set(said)) == 4
    assert (
        said[0]
        == text_of(1, UtteranceName("m001", "m", "01", "061"))
        != text_of(2, UtteranceName("m001", "m", "01", "061"))
    )


def test_in_part_3_long_strings_enroll_a_speaker_and_short_ones_are_tests(tmp_path: Path) -> None:
    write_lists(tmp_path, replace(TINY, part=3))
    models = (tmp_path / "key/part3/trn/3sesspwd_eval_m.trn").read_text().splitlines()
    files = [f"male/m004/m004_{session}_{s}.sph" for s in ("061", "062", "063") for session in ("01", "04", "07")]
    assert models[0] == ",".join(["m004", *files])
    assert len(models) == 2
    assert (tmp_path / "key/part3/ndx/3sess-pwd_eval_m.ndx").read_text().splitlines() == [
        f"{model},{spk}/{spk}_02_{sentence}.sph,{'Y,N,N,N' if model == spk else 'N,N,Y,N'}"
        for model in EVAL_M
        for spk in EVAL_M
        for sentence in ("064", "065")
    ]


def test_lists_of_full_scale_have_the_published_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published numbers of one list, at a size that is quick: three speakers, whose lists lack some trials."""
    wanted = {("dev", "m"): (500, 15_001, 1_002, 12_345), ("dev", "f"): (540, 15_660, 1_080, 15_660)}
    monkeypatch.setattr(lists, "SUBSETS", ("dev",))
    monkeypatch.setattr(lists, "TRIALS", {(1, *name): counts for name, counts in wanted.items()})
    monkeypatch.setattr(settings_module, "SPEAKERS", {"bkg": {"m": 1, "f": 1}, "dev": {"m": 3, "f": 3}})
    write_lists(tmp_path, FullScale(part=1))
    for (subset, gender), counts in wanted.items():
        lines = (tmp_path / f"key/part1/ndx/3sess-pwd_{subset}_{gender}.ndx").read_text().splitlines()
        found = Counter(line.split(",", 2)[2] for line in lines)
        assert found == dict(zip(("Y,N,N,N", "N,Y,N,N", "N,N,Y,N", "N,N,N,Y"), counts, strict=True))
        assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("part", [1, 2])
def test_the_published_counts_are_those_of_the_structure(part: int) -> None:
    for (of_part, subset, gender), counts in TRIALS.items():
        speakers = SPEAKERS[subset][gender]
        most = speakers * 30 * 6  # tests of a list without any gap
        assert of_part != part or all(
            0.98 * each * most < count <= each * most
            for count, each in zip(counts, (1, 29, speakers - 1, 14.5 * (speakers - 1)), strict=True)
        )
    assert {sum(TRIALS[2, "eval", gender]) for gender in "mf"} == {9_202_704, 6_822_036}
    assert {sum(TRIALS[1, "eval", gender]) for gender in "mf"} == {9_199_116, 6_818_940}
    assert {sum(TRIALS[2, "dev", gender]) for gender in "mf"} == {7_081_815, 6_281_322}
    assert {sum(TRIALS[1, "dev", gender]) for gender in "mf"} == {7_047_582, 6_251_948}


def test_lists_alone_need_no_espeak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    sizes = ["--speakers", "2", "--dev-speakers", "4", "--eval-speakers", "4", "--phrases", "2", "--part", "1"]
    options = ["synthesize", "rsr2015", "--out", str(tmp_path / "c"), *sizes, "--lists-only"]
    run = CliRunner().invoke(svtok, options)
    assert run.exit_code == 0, run.output
    assert sorted(path.name for path in (tmp_path / "c").glob("[!.]*")) == ["README.txt", "key", "synthetic.yaml"]
    assert "Part I," in (tmp_path / "c/README.txt").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scale", "full"], "--scale full is for --lists-only"),
        (["--scale", "full", "--lists-only", "--part", "3"], "size of the lists of part 3 is not published"),
    ],
)
def test_a_full_scale_that_cannot_be_made_is_refused(tmp_path: Path, options: list[str], said: str) -> None:
    run = CliRunner().invoke(svtok, ["synthesize", "rsr2015", "--out", str(tmp_path / "c"), *options])
    assert run.exit_code != 0
    assert said in run.output + str(run.exception)
    assert not (tmp_path / "c").exists()
