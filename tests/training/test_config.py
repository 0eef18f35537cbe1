"""The configuration tree, its file and its settings."""

import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.training.config import read_config


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(
        "network:\n  front_end: {blocks: [8, 16]}\n  attention_heads: 2\ntraining:\n  learning_rate: 1e-4\n"
    )
    return path


def test_a_file_changes_the_defaults_and_settings_change_the_file(file):
    config = read_config(file, ["training.epochs=7", "network.front_end.blocks=[4, 8]", "training.augment.tempo=0.1"])
    assert config.training.learning_rate == 1e-4
    assert config.training.epochs == 7
    assert config.network.dim == 8
    assert config.training.augment.tempo == 0.1


def test_the_head_of_the_command_goes_before_that_of_the_file_and_that_before_the_default(file):
    assert read_config(file).network.head == "cls"
    assert read_config(file, default_head="avg").network.head == "avg"
    assert read_config(file, ["network.head=cls-dist"], default_head="avg").network.head == "cls-dist"
    assert read_config(file, ["network.head=cls-dist"], "cls-sampled").network.head == "cls-sampled"


def test_all_mistakes_are_told_at_once_with_the_nearest_names(file):
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
def test_settings_that_cannot_be_read_are_refused(file, setting, message):
    with pytest.raises(SvtokError, match=message):
        read_config(file, ["training.epochs=3", setting])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("objective.temperature=0", r"objective.temperature: .*greater than 0"),
        ("network.sampled_vectors=0", r"network.sampled_vectors: .*greater than or equal to 1"),
        ("training.augment.erase_area=[0.5, 0.2]", "must rise within"),
        ("network.memory.top_k=900", r"top_k \(900\) is over the number of slots \(512\)"),
    ],
)
def test_values_out_of_range_are_refused(setting, message):
    with pytest.raises(ProblemsError, match=message):
        read_config(None, [setting])


def test_two_weights_of_zero_are_refused():
    with pytest.raises(ProblemsError, match="nothing would be learned"):
        read_config(None, ["objective.class_weight=0", "objective.distillation_weight=0"])
