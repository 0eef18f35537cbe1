from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError, model_validator

import svtok.config
from svtok.config import Section, load_yaml, read_yaml, validated, write_yaml
from svtok.config_file import describe
from svtok.errors import ProblemsError


class Part(Section):
    rate: float = 0.1
    name: Literal["adam", "sgd"] = "adam"


class Tree(Section):
    steps: int = Field(default=1, ge=1)
    part: Part = Part()
    maybe: Part | None = None
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> "Tree":
        if self.steps == 13:
            raise ValueError("'steps' brings bad luck")
        return self


def problems_of(mapping: dict[str, object]) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        validated(Tree, mapping, "conf/a.yaml")
    return [str(problem) for problem in caught.value.problems]


def yaml_file(folder: Path, text: str) -> Path:
    path = folder / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_mapping_becomes_the_model() -> None:
    assert validated(Tree, {"steps": 3, "part": {"rate": 1}}, "x") == Tree(steps=3, part=Part(rate=1.0))


def test_an_unknown_key_gives_the_known_and_the_nearest() -> None:
    assert problems_of({"stesp": 3}) == [
        "conf/a.yaml: unknown key 'stesp' (known: steps, part, maybe, parts); did you mean 'steps'?"
    ]


@pytest.mark.parametrize(
    ("mapping", "inside"),
    [
        ({"part": {"rat": 1}}, "part"),
        ({"maybe": {"rat": 1}}, "maybe"),
        ({"parts": [{}, {"rat": 1}]}, "parts.1"),
    ],
)
def test_an_unknown_key_further_down_gives_the_keys_of_its_place(mapping: dict[str, object], inside: str) -> None:
    assert problems_of(mapping) == [
        f"conf/a.yaml: {inside}: unknown key 'rat' (known: rate, name); did you mean 'rate'?"
    ]


def test_all_mistakes_are_listed_at_once() -> None:
    assert problems_of({"steps": 0, "part": {"rate": "fast", "name": "adm"}, "maybe": 5}) == [
        "conf/a.yaml: steps: input should be greater than or equal to 1, but it is 0",
        "conf/a.yaml: part.rate: input should be a valid number, unable to parse string as a number, but it is 'fast'",
        "conf/a.yaml: part.name: unknown value 'adm' (known: adam, sgd); did you mean 'adam'?",
        "conf/a.yaml: maybe: input should be a valid dictionary or instance of Part, but it is 5",
    ]


def test_a_rule_between_keys_speaks_in_its_own_words() -> None:
    assert problems_of({"steps": 13}) == ["conf/a.yaml: 'steps' brings bad luck"]


def test_numbers_with_an_exponent_are_numbers(tmp_path: Path) -> None:
    text = "{a: 1e-3, b: 2E5, c: -1.5e+2, d: .5e1, e: 1e3x, f: 12, g: 0.5, h: '1e3', i: e5}"
    assert load_yaml(yaml_file(tmp_path, text)) == {
        "a": 1e-3, "b": 2e5, "c": -150.0, "d": 5.0, "e": "1e3x", "f": 12, "g": 0.5, "h": "1e3", "i": "e5"
    }  # fmt: skip


def test_a_mapping_can_be_merged_into_another(tmp_path: Path) -> None:
    text = "a: &base {x: 1, y: 2}\nb:\n  <<: *base\n  y: 3\n"
    assert load_yaml(yaml_file(tmp_path, text))["b"] == {"x": 1, "y": 3}


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    assert load_yaml(yaml_file(tmp_path, "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1, 2\n", "a.yaml:3: not valid YAML"),
        ("a: 1\nb: {c: 1,\n    c: 2}\n", "a.yaml:3: not valid YAML: the key 'c' is given twice"),
        ("- a\n- b\n", "must hold keys and values"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("a: 1\n? [1, 2]\n: 3\n", "a.yaml:2: not valid YAML: a key must be text"),
        ("on: 3\n", "a.yaml:1: not valid YAML: a key must be text"),
        ("a: \x07\n", "not valid YAML"),
    ],
)
def test_what_is_not_a_yaml_mapping_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        load_yaml(yaml_file(tmp_path, text))


def test_a_missing_file_and_one_that_is_not_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="there is no such file"):
        load_yaml(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ProblemsError, match="is not UTF-8 text"):
        load_yaml(tmp_path / "latin.yaml")


class Note(Section):
    name: str
    rate: float = 1e-5
    phrases: dict[str, int] = Field(default_factory=dict)


def test_what_is_written_is_read_again_whatever_the_text(tmp_path: Path) -> None:
    """PyYAML writes the text 1e3 without quotes, and we read that as a number."""
    for name in ("1e3", "on", "12", "null", "Ärger: #1", "افتح الباب", "a\nb", "~", "\u2028"):
        note = Note(name=name, phrases={name: 1})
        write_yaml(tmp_path / "a.yaml", note, header="# a note\n")
        assert read_yaml(Note, tmp_path / "a.yaml") == note, name
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8").startswith("# a note\nname:")


def test_a_section_stays_as_it_is() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Part().rate = 0.2  # type: ignore[misc]


def test_only_config_py_reads_or_writes_yaml_and_only_sections_are_configurations() -> None:
    package = Path(svtok.config.__file__).parent
    for path in set(package.rglob("*.py")) - {package / "config.py"}:
        forbidden = ["import yaml", "yaml.safe"]
        if path.parent.name != "nets":  # which may import nothing else of svtok
            forbidden += ["(BaseModel", "model_config ="]
        text = path.read_text(encoding="utf-8")
        assert [name for name in forbidden if name in text] == [], path


class Square(Section):
    """Four sides."""

    kind: Literal["square"] = "square"
    side: float = Field(default=2.0, gt=0, description="Length of a side, m.")


class Circle(Section):
    """No side.

    This paragraph is for programmers.
    """

    kind: Literal["circle"]
    radius: float = Field(default=1.0, ge=0, le=9)


class Drawing(Section):
    """What is drawn."""

    title: str | None = Field(None, description="Above it.")
    shape: Square | Circle = Square(side=3)
    frame: Circle | None = None
    sizes: tuple[int, ...] = Field((1, 2), min_length=1)
    author: str
    layers: dict[str, Square] = Field(description="By their names.")


def test_a_description_is_yaml_of_all_fields_and_what_else_may_stand_there() -> None:
    assert describe(Drawing, commented=["title"]).splitlines() == [
        "# What is drawn.",
        "",
        "# # Above it.",
        "# title: null  # text or null",
        "# Four sides.",
        "shape:",
        "  kind: square  # square",
        "  # Length of a side, m.",
        "  side: 3.0  # number above 0",
        "# or:",
        "# # No side.",
        "# shape:",
        "#   kind: circle  # circle",
        "#   radius: 1.0  # number from 0 to 9",
        "frame: null  # section or null",
        "# or:",
        "# # No side.",
        "# frame:",
        "#   kind: circle  # circle",
        "#   radius: 1.0  # number from 0 to 9",
        "sizes: [1, 2]  # list of 1 or more, each whole number",
        "# author:  # must be given: text",
        "# By their names.",
        "layers:",
        "  # Four sides.",
        "  NAME:",
        "    kind: square  # square",
        "    # Length of a side, m.",
        "    side: 2.0  # number above 0",
    ]
