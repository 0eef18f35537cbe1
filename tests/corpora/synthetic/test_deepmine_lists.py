"""The lists of a synthetic release, small and of full size; no speech is needed for them."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.deepmine import prepare
from svtok.corpora.sdsv.layout import PHRASES
from svtok.corpora.synthetic.deepmine_lists import FULL_TRIALS, Settings, full_release, small_release
from svtok.errors import SvtokError
from svtok.manifest.validate import check_set

TINY = Settings(speakers=4, eval_speakers=4, phrases=4, sessions=5)


def test_a_small_release_has_every_trial_within_gender_and_language_but_iw() -> None:
    release = small_release(TINY)
    assert len(release.train) == 4 * 4 * 5
    subset = release.subsets["eval"]
    assert len(subset.models) == 4 * 4
    assert len(subset.tests) == 4 * 4 * 2
    # a model meets 2 tests of its own, 2 of its speaker's other phrase in its language, 2 of the other of its gender
    assert subset.trials["type"].value_counts().to_dict() == {"TC": 32, "TW": 32, "IC": 32, "IW": 0}


def test_numbers_of_files_say_nothing_and_are_all_there() -> None:
    subset = small_release(TINY).subsets["eval"]
    enrolled = subset.models[["file1", "file2", "file3"]].to_numpy().ravel()
    assert sorted(enrolled) == [f"enr_{number:06d}" for number in range(48)]
    assert subset.models["spk"].tolist() != sorted(subset.models["spk"])


def test_tdsv_2024_has_dev_lists_and_free_text_tests() -> None:
    release = small_release(Settings(speakers=4, dev_speakers=4, eval_speakers=4, phrases=2, sessions=4, tdsv2024=1))
    assert release.subsets["dev"].models["model"][0] == "dev_model_000000"
    for subset in release.subsets.values():
        trials = subset.trials.assign(phrase=subset.tests["phrase"].to_numpy()[subset.trials["test"]])
        assert set(trials[trials["phrase"] == "FT"]["type"]) == {"TW"}


@pytest.mark.parametrize("options", [("--layout", "sdsv"), ("--layout", "tdsv2024", "--dev-speakers", "4")])
@pytest.mark.slow
def test_what_is_written_is_prepared_with_the_same_types(tmp_path: Path, options: tuple[str, ...]) -> None:
    command = ["synthesize", "deepmine", "--out", str(tmp_path / "c"), "--lists-only", *options]
    command += ["--speakers", "4", "--eval-speakers", "4", "--phrases", "4", "--sessions", "4"]
    assert CliRunner().invoke(svtok, command).exit_code == 0
    assert not (tmp_path / "c" / "wav").exists()
    name = "tdsv2024" if "tdsv2024" in options else "deepmine"
    command = ["prepare", name, "--root", str(tmp_path / "c"), "--no-audio", "--out", str(tmp_path / "data")]
    result = CliRunner().invoke(svtok, command)
    assert result.exit_code == 0, result.output
    assert "eval" in result.output
    assert "synthetic: true" in (tmp_path / "data" / "corpus.yaml").read_text()


def test_genders_and_keys_make_everything_known(tmp_path: Path) -> None:
    command = ["synthesize", "deepmine", "--out", str(tmp_path), "--lists-only", "--speakers", "8", "--sessions", "4"]
    assert CliRunner().invoke(svtok, command).exit_code == 0
    sets = prepare(tmp_path, audio=False, hold_out=4)
    for name in ("dev", "eval"):
        assert {"gender", "lang", "text"} <= set(sets[name].utterances)
        assert list(check_set(sets[name])) == []
    assert not set(sets["train"].utterances["spk"]) & set(sets["dev"].utterances["spk"])


@pytest.mark.slow
def test_the_full_release_has_the_numbers_of_sdsv_2020() -> None:
    release = full_release(seed=1)
    assert len(release.train) == 101_063
    genders = release.train.drop_duplicates("spk")["gender"].value_counts()
    assert genders.to_dict() == {"f": 489, "m": 474}
    subset = release.subsets["eval"]
    assert (len(subset.models), len(subset.tests), len(subset.trials)) == (12_404, 69_542, 8_306_700)
    langs = subset.models["phrase"].map({name: phrase.lang for name, phrase in PHRASES.items()})
    cells = (langs + " " + subset.models["gender"]).astype("category")
    cell = pd.Categorical.from_codes(cells.cat.codes.to_numpy()[subset.trials["model"]], cells.cat.categories)
    counts = pd.crosstab(cell, subset.trials["type"])
    for (lang, gender), wanted in FULL_TRIALS.items():
        assert counts.loc[f"{lang} {gender}"].to_dict() == wanted
    pairs = subset.trials["model"] * len(subset.tests) + subset.trials["test"]
    assert (pairs.diff().dropna() > 0).all()  # sorted, and each there once


@pytest.mark.parametrize(
    ("setting", "number", "what"),
    [
        ("speakers", 5, "even"),
        ("dev_speakers", -2, "0 or more"),
        ("phrases", 12, "2 to 10"),
        ("phrases", 3, "even"),
        ("sessions", 3, "4 to 9"),
        ("seed", -1, "seed must be 0 or more"),
    ],
)
def test_sizes_that_cannot_be_are_refused(setting: str, number: int, what: str) -> None:
    with pytest.raises(SvtokError, match=what):
        Settings(**{setting: number})


def test_full_scale_is_for_lists_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(svtok, ["synthesize", "deepmine", "--out", str(tmp_path / "c"), "--scale", "full"])
    assert result.exit_code == 2
    assert "--scale full is for --lists-only" in result.output
