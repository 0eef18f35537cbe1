"""svtok config KIND: a file that can be saved and read, with every field."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.config import KINDS, configuration_file
from svtok.cli.main import svtok
from svtok.config import Section
from svtok.experiments.plan import System, read_plan
from svtok.features.config import FeaturesConfig, read_features_config
from svtok.nets.config import EcapaConfig, NetworkConfig, XVectorConfig
from svtok.trained.config import Config, PhoneticConfig, read_config, read_phonetic_config


def printed(folder: Path, kind: str) -> Path:
    """The file that `svtok config KIND > FILE` makes."""
    result = CliRunner().invoke(svtok, ["config", kind])
    assert result.exit_code == 0, result.output
    path = folder / f"{kind}.yaml"
    path.write_text(result.output, encoding="utf-8")
    return path


def uncommented(path: Path, kind: str) -> str:
    """The file with a commented front-end in place of the default one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    default = lines.index("  front_end:")
    end = next(row for row, line in enumerate(lines[default + 1 :], default + 1) if not line.startswith("    "))
    mark = next(row for row, line in enumerate(lines) if line.startswith(f"  #   kind: {kind}"))
    block = [lines[mark - 1]]
    for line in lines[mark:]:
        if not line.startswith("  #   "):
            break
        block.append(line)
    return "\n".join([*lines[:default], *(line.replace("# ", "", 1) for line in block), *lines[end:]])


def test_each_file_is_read_by_its_command_and_equals_the_defaults(tmp_path: Path) -> None:
    assert read_features_config(printed(tmp_path, "features")) == FeaturesConfig()
    assert read_config(printed(tmp_path, "train")) == Config()
    assert read_phonetic_config(printed(tmp_path, "phonetic")) == PhoneticConfig()
    plan = read_plan(printed(tmp_path, "plan"))
    assert plan.systems == {"NAME": System()}
    assert (plan.folds, plan.seeds, plan.test_set) == ((1,), (0,), "eval")
    assert set(KINDS) == {"features", "train", "phonetic", "plan"}


def test_the_head_is_left_to_the_command(tmp_path: Path) -> None:
    """A file that named cls would train a teacher of that head, not of train-teacher's own default."""
    config = read_config(printed(tmp_path, "train"), default_head="cls-sampled-dist")
    assert config.network == NetworkConfig(head="cls-sampled-dist")
    assert "  # head: cls  # avg, stats" in configuration_file("train")


def test_features_are_those_of_the_data_unless_they_are_given(tmp_path: Path) -> None:
    assert read_config(printed(tmp_path, "train")).features is None


@pytest.mark.parametrize("front_end", [EcapaConfig(kind="ecapa"), XVectorConfig(kind="x-vector")])
def test_another_front_end_is_there_to_be_uncommented(tmp_path: Path, front_end: EcapaConfig | XVectorConfig) -> None:
    path = printed(tmp_path, "train")
    path.write_text(uncommented(path, front_end.kind), encoding="utf-8")
    assert read_config(path).network.front_end == front_end


@pytest.mark.parametrize("section", [FeaturesConfig, NetworkConfig])
def test_every_field_has_its_description(section: type[Section]) -> None:
    text = re.sub(r"\s*\n[# ]*", " ", configuration_file("train"))
    for name, field in section.model_fields.items():
        assert f" {name}:" in text, name
        assert (field.description or "") in text, name


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(svtok, ["config", "trian"])
    assert result.exit_code == 2
    assert "'features', 'train', 'phonetic', 'plan'" in result.output
