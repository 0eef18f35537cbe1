from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.deepmine import prepare
from svtok.corpora.sdsv.layout import PHRASES, TDSV2024
from svtok.corpora.sdsv.prepare import prepare_release
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set
from svtok.manifest.validate import check_set

pytestmark = pytest.mark.slow

Make = Callable[..., Path]
Silence = Callable[..., None]

TRAIN = """\
train-file-id speaker-id phrase-id
trn_000002 spk_000001 01
trn_000001 spk_000001 9
trn_000003 spk_000002 10
"""
MODELS = """\
model-id phrase-id enroll-file-id1 enroll-file-id2 enroll-file-id3
model_00000 01 enr_000000 enr_000001 enr_000002
model_00001 02 enr_000003 enr_000004 enr_000005
model_00002 01 enr_000006 enr_000007 enr_000008
"""
# evl_0: phrase 01 of the speaker of models 0 and 1; evl_1: phrase 01 of the speaker of model 2
TRIALS = """\
model-id evaluation-file-id
model_00001 evl_000000
model_00000 evl_000000
model_00002 evl_000000
model_00002 evl_000001
"""
KEYS = "trial-type\nTW\nTC\nIC\nTC\n"
LISTS = {"docs/train_labels.txt": TRAIN, "docs/model_enrollment.txt": MODELS, "docs/trials.txt": TRIALS}
FILES = {
    "train": [f"trn_{number:06d}" for number in (1, 2, 3)],
    "enrollment": [f"enr_{number:06d}" for number in range(9)],
    "evaluation": ["evl_000000", "evl_000001"],
}


@pytest.fixture
def make_release(tmp_path: Path, silence: Silence) -> Make:
    """A release with these lists (None: without one) and silence, but for the files that are `absent`."""

    def make(lists: dict[str, str | None] | None = None, absent: tuple[str, ...] = ()) -> Path:
        for name, text in {**LISTS, **(lists or {})}.items():
            if text is not None:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(text)
        for folder, files in FILES.items():
            (tmp_path / "wav" / folder).mkdir(parents=True)
            for file in files:
                if file not in absent:
                    silence(tmp_path / "wav" / folder / f"{file}.wav")
        return tmp_path

    return make


def problems_of(root: Path, **options: object) -> list[str]:
    with pytest.raises(ProblemsError) as error:
        prepare(root, **options)  # type: ignore[arg-type]
    return [str(problem).removeprefix(f"{root}/") for problem in error.value.problems]


def test_training_utterances_have_language_and_text_of_their_phrase(make_release: Make) -> None:
    root = make_release()
    train = prepare(root)["train"].utterances.set_index("utt")
    assert train.loc["trn_000001"].to_dict() == {
        "path": str(root / "wav/train/trn_000001.wav"),
        "spk": "spk_000001",
        "phrase": "09",
        "lang": "en",
        "text": "Actions speak louder than words",
        "num_samples": 1600,
        "sample_rate": 16000,
    }
    assert train["lang"].to_dict() == {"trn_000001": "en", "trn_000002": "fa", "trn_000003": "en"}


def test_without_keys_trials_have_no_type_and_nobody_is_known(make_release: Make) -> None:
    evaluation = prepare(make_release())["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    assert list(evaluation.trials) == ["model", "utt"]
    assert evaluation.models["utts"][0] == "enr_000000 enr_000001 enr_000002"
    assert set(evaluation.utterances["spk"]) == {"?"}
    utterances = evaluation.utterances.set_index("utt")
    assert utterances["phrase"][["enr_000004", "evl_000000"]].tolist() == ["02", "?"]
    assert utterances["lang"].unique().tolist() == ["fa"]
    assert list(check_set(evaluation)) == []


@pytest.mark.parametrize(
    "lists",
    [
        {"keys.txt": KEYS},
        {"docs/keys.txt": KEYS.replace("\n", " progress\n")},
        {
            "docs/trials.txt": "model-id evaluation-file-id trial-type\n"
            "model_00001 evl_000000 TW\nmodel_00000 evl_000000 TC\n"
            "model_00002 evl_000000 IC\nmodel_00002 evl_000001 TC\n"
        },
    ],
)
def test_types_say_who_speaks_and_what(make_release: Make, lists: dict[str, str]) -> None:
    evaluation = prepare(make_release(lists))["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    assert evaluation.trials["type"].tolist() == ["TW", "TC", "IC", "TC"]
    assert evaluation.models["spk"].tolist() == ["spk-model_00000", "spk-model_00000", "spk-model_00002"]
    utterances = evaluation.utterances.set_index("utt")
    assert utterances.loc[["evl_000000", "evl_000001"], ["spk", "phrase"]].to_numpy().tolist() == [
        ["spk-model_00000", "01"],
        ["spk-model_00002", "01"],
    ]
    assert utterances["text"]["enr_000003"] == PHRASES["02"].text
    assert list(check_set(evaluation)) == []


def test_a_test_of_wrong_phrases_only_has_an_unknown_one(make_release: Make) -> None:
    lists = {"docs/trials.txt": "m e t\nmodel_00000 evl_000000 TW\nmodel_00002 evl_000001 IC\n"}
    evaluation = prepare(make_release(lists))["eval"]
    phrases = evaluation.utterances.set_index("utt")["phrase"]
    assert phrases[["evl_000000", "evl_000001"]].tolist() == ["?", "01"]
    assert "text" not in evaluation.utterances
    assert list(check_set(evaluation)) == []


def test_types_that_contradict_each_other_are_said(make_release: Make) -> None:
    root = make_release({"keys.txt": KEYS.replace("TW\nTC", "IC\nTC")})
    assert problems_of(root) in (
        ["docs/trials.txt:2: type is IC, but the types of other trials make it IW"],
        ["docs/trials.txt:3: type is TC, but the types of other trials make it TW"],
    )


def test_genders_come_from_the_official_list_and_reach_the_tests(make_release: Make) -> None:
    lines = ["spk_000001 f", "spk_000002 M", *(f"model_0000{number} female" for number in range(3))]
    sets = prepare(make_release({"task1_spk2gender": "\n".join(lines)}))
    assert sets["train"].utterances["gender"].tolist() == ["f", "f", "m"]
    assert sets["eval"].models is not None
    assert set(sets["eval"].models["gender"]) | set(sets["eval"].utterances["gender"]) == {"f"}


def test_a_speaker_without_gender_is_said(make_release: Make) -> None:
    root = make_release({"docs/spk2gender": "speaker gender\nspk_000001 f\n"})
    assert problems_of(root) == ["docs/train_labels.txt: speaker 'spk_000002' is not in the list of genders"]


def test_everything_that_is_wrong_is_said_at_once_with_file_and_line(make_release: Make) -> None:
    lists: dict[str, str | None] = {
        "docs/train_labels.txt": TRAIN + "trn_000003 spk_000002 11\n",
        "docs/model_enrollment.txt": MODELS + "model_00001 03 enr_000001 enr_000001 enr_000002\n",
        "docs/trials.txt": TRIALS + "model_00002 evl_000001\nmodel_00009 evl_000001\nmodel_00000 evl_000009\n",
        "keys.txt": "trial-type\nTC\nXX\n",
    }
    root = make_release(lists, absent=("enr_000008",))
    there = "there is no such recording in"
    assert sorted(problems_of(root)) == [
        f"docs/model_enrollment.txt:4: 'enr_000008': {there} {root}/wav/enrollment",
        "docs/model_enrollment.txt:5: model 'model_00001' is enrolled with one file twice",
        "docs/model_enrollment.txt:5: model 'model_00001' is there twice",
        "docs/train_labels.txt:5: 'trn_000003' is there twice",
        f"docs/train_labels.txt:5: unknown phrase '11' (known: {', '.join(PHRASES)}); did you mean '10'?",
        "docs/trials.txt:6: the trial 'model_00002 evl_000001' is there twice",
        "docs/trials.txt:7: unknown model 'model_00009' (trials with it: 1)",
        f"docs/trials.txt:8: 'evl_000009': {there} {root}/wav/evaluation",
        "keys.txt: 2 keys, but the list of trials has 7 trials",
        "keys.txt:3: unknown trial type 'XX' (known: TC, TW, IC, IW)",
    ]


@pytest.mark.parametrize(
    ("lists", "problem"),
    [
        (
            {"docs/model_enrollment.txt": MODELS + "model_00003 02\n"},
            "docs/model_enrollment.txt:5: 2 fields where there should be 5 "
            "(model-id phrase-id enroll-file-id1 enroll-file-id2 enroll-file-id3)",
        ),
        (
            {"docs/trials.txt": TRIALS.partition("\n")[2]},
            "docs/trials.txt:1: the header line is missing: the first line is 'model_00001 evl_000000'",
        ),
        ({"docs/train_labels.txt": None}, "docs/train_labels.txt: there is no such file"),
        ({"docs/trials.txt": None}, "docs/trials.txt: there is no such file"),
        (
            {"docs/trials.txt": "model-id evaluation-file-id\n"},
            "docs/trials.txt: there is nothing after the header line",
        ),
        (
            {"docs/model_enrollment.txt": None, "docs/trials.txt": None},
            "docs: there is no model_enrollment.txt and trials.txt",
        ),
        (
            {"docs/train_labels.txt": "file-id speaker-id\ntrn_000001 spk_000001\n"},
            "docs/train_labels.txt:1: 2 columns where there should be 3 (train-file-id speaker-id phrase-id)",
        ),
        (
            {"docs/model_enrollment.txt": "a b c d e f\nmodel_00000 01 f enr_000000 enr_000001 enr_000002\n"},
            "docs/model_enrollment.txt:1: 6 columns where there should be 5 (model-id phrase-id enroll-file-id1 "
            "enroll-file-id2 enroll-file-id3); this is a list for `svtok prepare tdsv2024`",
        ),
        (
            {"spk2gender": "spk_000001 f\nspk_000002 x\n"},
            "spk2gender:2: gender 'x' is not m, f, male or female",
        ),
    ],
)
def test_a_list_that_is_not_as_it_should_be_is_said(
    make_release: Make, lists: dict[str, str | None], problem: str
) -> None:
    assert problem in problems_of(make_release(lists))


def test_blanks_that_are_too_many_do_not_matter(make_release: Make) -> None:
    odd = TRIALS.replace(" ", "\t ").replace("\n", " \r\n")
    trials = prepare(make_release({"docs/trials.txt": odd}))["eval"].trials
    assert trials is not None
    assert trials.astype(str).to_numpy().tolist()[0] == ["model_00001", "evl_000000"]


def test_lists_of_one_release_with_audio_of_another_are_said(make_release: Make) -> None:
    root = make_release({"docs/train_labels.txt": TRAIN.replace("trn_000002", "trn_100002")})
    assert problems_of(root)[-1] == (
        "wav/train: 1 files that the lists name are not there, and 1 are there that no list names, such as trn_000002: "
        "are the lists and the audio of one release?"
    )


def test_missing_recordings_can_be_left_out_with_all_that_hangs_on_them(
    make_release: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = ("trn_000003", "enr_000000", "enr_000006", "enr_000007", "enr_000008")
    sets = prepare(make_release({"keys.txt": KEYS}, absent), allow_missing=True)
    assert sets["train"].utterances["utt"].tolist() == ["trn_000001", "trn_000002"]
    assert sets["eval"].models is not None
    assert sets["eval"].trials is not None
    assert sets["eval"].models["utts"].tolist() == ["enr_000001 enr_000002", "enr_000003 enr_000004 enr_000005"]
    assert sets["eval"].trials["type"].tolist() == ["TW", "TC"]
    said = capsys.readouterr().err
    assert "train_labels.txt: 1 of 3 recordings are not there: trn_000003\n" in said
    assert "4 of 9 recordings are not there: enr_000000, enr_000006, enr_000007, ...\n" in said


def test_a_folder_with_none_of_the_files_is_not_allowed(make_release: Make) -> None:
    root = make_release(absent=("evl_000000", "evl_000001"))
    assert len(problems_of(root, allow_missing=True)) == 2


def test_lists_alone_are_prepared_without_audio(tmp_path: Path) -> None:
    for name, text in LISTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    train = prepare(tmp_path, audio=False)["train"].utterances
    assert train["path"].tolist()[0] == str(tmp_path / "wav/train/trn_000002.wav")
    assert "num_samples" not in train
    assert len(problems_of(tmp_path)) == 3  # the folders of the audio


def test_a_release_with_dev_lists_needs_no_held_out_speakers(make_release: Make) -> None:
    dev = {"docs/dev_model_enrollment.txt": MODELS, "docs/dev_trials.txt": TRIALS}
    with pytest.raises(SvtokError, match="has lists of a dev set"):
        prepare(make_release(dev), hold_out=1)


def with_genders(models: str) -> str:
    return models.replace("phrase-id", "phrase-id gender").replace(" 01 ", " 01 f ").replace(" 02 ", " 02 f ")


def test_tdsv_2024_has_dev_and_eval_and_free_text(make_release: Make) -> None:
    typed = TRIALS.replace("file-id\n", "file-id trial-type\n").replace("0\n", "0 TW\n").replace("1\n", "1 TC\n")
    typed = typed.replace("model_00000 evl_000000 TW", "model_00000 evl_000000 TC")
    typed = typed.replace("model_00002 evl_000000 TW", "model_00002 evl_000000 IC")
    lists = {
        "docs/train_labels.txt": TRAIN.replace(" 10", " FT"),
        "docs/model_enrollment.txt": None,
        "docs/trials.txt": None,
        "docs/dev_model_enrollment.txt": with_genders(MODELS),
        "docs/dev_trials.txt": typed,
        "docs/eval_model_enrollment.txt": with_genders(MODELS),
        "docs/eval_trials.txt": TRIALS,
    }
    sets = prepare_release(make_release(lists), TDSV2024)
    train = sets["train"].utterances.set_index("utt")
    assert train.loc["trn_000003", ["phrase", "lang"]].tolist() == ["FT", "?"]
    assert "text" not in train
    dev, evaluation = sets["dev"], sets["eval"]
    assert dev.trials is not None
    assert dev.models is not None
    assert evaluation.trials is not None
    assert dev.trials["type"].tolist() == ["TW", "TC", "IC", "TC"]
    assert "type" not in evaluation.trials
    assert set(dev.models["gender"]) | set(dev.utterances["gender"]) == {"f"}
    assert list(check_set(dev)) == []


def test_the_command_writes_and_says_what_it_wrote(make_release: Make) -> None:
    root = make_release({"keys.txt": KEYS})
    result = CliRunner().invoke(svtok, ["prepare", "deepmine", "--root", str(root), "--out", str(root / "out")])
    assert result.exit_code == 0, result.output
    assert "eval          2        2          11       3       4   2   1   1   0" in result.output
    assert read_set(root / "out" / "eval").trials is not None


def test_the_command_writes_nothing_where_something_is_wrong(make_release: Make) -> None:
    root = make_release(absent=("trn_000001",))
    result = CliRunner().invoke(svtok, ["prepare", "deepmine", "--root", str(root), "--out", str(root / "out")])
    assert isinstance(result.exception, ProblemsError)
    assert not (root / "out").exists()
