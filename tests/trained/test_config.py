"""The configuration tree, its file and its settings."""

from pathlib import Path
from typing import Any

import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.trained.config import joint_teacher_config, read_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.yaml"
    path.write_text(
        "network:\n  front_end: {blocks: [8, 16]}\n  attention_heads: 2\ntraining:\n  learning_rate: 1e-4\n"
    )
    return path


def test_a_file_changes_the_defaults_and_settings_change_the_file(file: Path) -> None:
    config = read_config(file, ["training.epochs=7", "network.front_end.blocks=[4, 8]", "training.augment.tempo=0.1"])
    assert config.training.learning_rate == 1e-4
    assert config.training.epochs == 7
    assert config.network.dim == 8
    assert config.training.augment.tempo == 0.1


def test_the_head_of_the_command_goes_before_that_of_the_file_and_that_before_the_default(file: Path) -> None:
    assert read_config(file).network.head == "cls"
    assert read_config(file, default_head="avg").network.head == "avg"
    assert read_config(file, ["network.head=cls-dist"], default_head="avg").network.head == "cls-dist"
    assert read_config(file, ["network.head=cls-dist"], "cls-sampled").network.head == "cls-sampled"


def test_all_mistakes_are_named_at_once_with_the_nearest_names(file: Path) -> None:
    file.write_text("netwrk: {}\ntraining:\n  epocs: 3\n  batch_size: 1\n")
    with pytest.raises(ProblemsError) as caught:
        read_config(file, ["network.head=clss"])
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    for part in ("did you mean 'network'?", "did you mean 'epochs'?", "training.batch_size:", "did you mean 'cls'?"):
        assert part in text


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.epochs", "must be key=value"),
        ("=5", "must be key=value"),
        ("training.epochs.more=5", "'epochs' is a value, it has no 'more'"),
        ("training.epochs=[", "is not a YAML value"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(file: Path, setting: str, message: str) -> None:
    with pytest.raises(SvtokError, match=message):
        read_config(file, ["training.epochs=3", setting])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("objective.temperature=0", r"objective.temperature: .*greater than 0"),
        ("network.sampled.vectors=0", r"network.sampled.vectors: .*greater than or equal to 1, but it is 0"),
        ("training.augment.erase_area=[0.5, 0.2]", "must rise within"),
        ("network.memory.top_k=900", r"top_k \(900\) is over the number of slots \(512\)"),
        ("objective.margin=3.2", r"objective.margin: .*less than 3.14.* but it is 3.2"),
        ("objective.margin_warm_up=1.5", r"objective.margin_warm_up: .*less than or equal to 1, but it is 1.5"),
        ("objective.detection_cost.slope=0", r"objective.detection_cost.slope: .*greater than 0, but it is 0"),
        ("objective.loss=ams", "unknown value 'ams' .*did you mean 'aam'?"),
        ("objective.distillation=KL", "unknown value 'KL' .known: kl, hard, cosine"),
        ("training.classes=speakers", "did you mean 'speaker'?"),
        ("network.sampled_vectors=4", "network: unknown key 'sampled_vectors' .*did you mean 'sampled.vectors'?"),
        ("epochs=4", "unknown key 'epochs' .*did you mean 'training.epochs'?"),
        ("network.front_end.kind=resnet", "network.front_end: unknown kind 'resnet' .known: residual, ecapa, x-vector"),
        (
            "network.front_end={kind: ecapa, blocks: [8]}",
            r"network.front_end: unknown key 'blocks' \(known: kind, channels, dilations, [^)]*subsample\)",
        ),
        ("network.front_end={kernel: x}", "network.front_end.kernel: input should be a valid integer"),
    ],
)
def test_values_out_of_range_are_refused(setting: str, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        read_config(None, [setting])


@pytest.mark.parametrize("value", ["3", "[cls]"])
def test_a_section_that_is_no_mapping_is_refused_also_with_a_head(value: Any) -> None:
    with pytest.raises(ProblemsError, match="network: input should be a valid dictionary"):
        read_config(None, [f"network={value}"], "avg")


@pytest.mark.parametrize(
    ("one", "other"),
    [("class_weight", "distillation_weight"), ("detection_cost.miss_weight", "detection_cost.false_alarm_weight")],
)
def test_two_weights_of_zero_are_refused(one: str, other: str) -> None:
    with pytest.raises(ProblemsError, match="both 0: nothing would be learned"):
        read_config(None, [f"objective.{one}=0", f"objective.{other}=0"])


@pytest.mark.parametrize("loss", ["aam", "adcf"])
def test_losses_of_cosines_refuse_linear_logits(loss: str) -> None:
    with pytest.raises(
        ProblemsError, match=f"'{loss}' is a loss of cosines: .* must be 'cosine' or 'factored', not 'linear'"
    ):
        read_config(None, [f"objective.loss={loss}", "network.classifier=linear"])


def test_a_detection_cost_refuses_smoothed_labels() -> None:
    with pytest.raises(ProblemsError, match=r"label_smoothing \(0.1\) has no meaning with loss 'adcf'"):
        read_config(None, ["objective.loss=adcf", "objective.label_smoothing=0.1"])


def test_a_joint_teacher_is_as_its_student_but_for_the_head(file: Path) -> None:
    student = read_config(file, ["network.head=cls-dist", "network.embedding=concat", "objective.loss=aam"])
    for head, wanted in ((None, "cls-sampled"), ("avg", "avg")):
        teacher = joint_teacher_config(student, None, head)
        assert teacher.network.head == wanted
        assert teacher.network.embedding == "cls"
        assert teacher.network.front_end == student.network.front_end
        assert teacher.objective.loss == "aam"
        assert teacher.training == student.training


def test_a_joint_teachers_file_has_its_own_network_and_objective(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "teacher.yaml"
    own.write_text("network: {head: avg, layers: 3}\nobjective: {loss: aam}\n")
    student = read_config(file, ["network.head=cls-dist"])
    teacher = joint_teacher_config(student, own, None)
    assert (teacher.network.head, teacher.network.layers, teacher.objective.loss) == ("avg", 3, "aam")
    assert teacher.network.front_end != student.network.front_end
    assert teacher.training == student.training
    assert joint_teacher_config(student, own, "cls").network.head == "cls"


def test_a_joint_teachers_file_with_other_sections_is_refused(file: Path) -> None:
    with pytest.raises(ProblemsError, match=r"train.yaml: training: is the student's"):
        joint_teacher_config(read_config(None, ["network.head=cls-dist"]), file, None)


def test_a_waveform_section_has_defaults_and_takes_one_name_of_noises() -> None:
    assert read_config(None).training.waveform is None
    waveform = read_config(None, ["training.waveform={}"]).training.waveform
    assert waveform is not None
    assert (waveform.speeds, waveform.noise) == ((), ())
    waveform = read_config(None, ["training.waveform.noise=musan/noise"]).training.waveform
    assert waveform is not None
    assert waveform.noise == ("musan/noise",)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("noise_snr=[20, 5]", "noise_snr must not fall, as from 20"),
        ("reverberation_time=[0, 1]", "must be above 0"),
        ("band=[3400, 300]", "band must rise"),
        ("speeds=[0.9, 0.9]", "speeds must differ"),
        ("speeds=[1.0]", "speeds must differ from one another and from 1"),
        ("codecs=[amr]", "codecs"),
        ("gian=[0, 1]", "did you mean 'gain'"),
    ],
)
def test_a_waveform_section_with_wrong_values_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        read_config(None, [f"training.waveform.{setting}"])
