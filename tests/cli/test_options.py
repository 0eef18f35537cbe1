"""Lists on the command line, and that no command defines what options.py has."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import svtok.cli.values
from svtok.cli.fresh import Made
from svtok.cli.main import svtok as program
from svtok.cli.options import each, list_option, several_sets_options
from svtok.cli.values import Weighted

FOLDER = Path(svtok.cli.options.__file__).parent


def result_of(*arguments: str, **settings: Any) -> Result:
    @click.command()
    @list_option("--items", **settings)
    def command(items: tuple[Any, ...]) -> None:
        click.echo(repr(items))

    return CliRunner().invoke(command, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "()"),
        (["--items", ""], "()"),
        (["--items", "1,2"], "(1, 2)"),
        (["--items", "1, 2"], "(1, 2)"),
        (["--items", "1 2"], "(1, 2)"),  # the older form of svtok ablate, which is not shown
        (["--items", "1,2", "--items", "3"], "(1, 2, 3)"),
    ],
)
def test_a_list_is_comma_separated_and_goes_on_where_its_option_is_given_again(
    arguments: list[str], expected: str
) -> None:
    assert result_of(*arguments, item=click.INT).output.strip() == expected


def test_names_have_weights() -> None:
    assert (
        result_of("--items", "IC=8,TW", item=Weighted(["IC", "TW"], weight=1.0)).output
        == "(('IC', 8.0), ('TW', 1.0))\n"
    )


@pytest.mark.parametrize(
    ("text", "item", "message"),
    [
        ("one,2,two", click.INT, "'one' is not a valid integer; 'two' is not a valid integer (it is a comma-separated"),
        ("1,,2", click.INT, "nothing beside a comma"),
        ("1,2,1", click.INT, "'1' is given twice"),
        ("IC=8,IC=9", Weighted(), "'IC' is given twice"),
        ("IC,TW=0", Weighted(), "the weight of 'IC' must be a number above 0, not ''; the weight of 'TW' must be"),
        ("IX=1", Weighted(["IC", "TW"]), "unknown name 'IX' (known: IC, TW)"),
    ],
)
def test_all_that_is_wrong_with_a_list_is_a_usage_error(text: str, item: Any, message: str) -> None:
    result = result_of("--items", text, item=item)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def options_of(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[str, click.Option]]:
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            found += options_of(command, (*words, name))
        elif command is not None:
            found += [(" ".join((*words, name)), one) for one in command.params if isinstance(one, click.Option)]
    return found


def test_only_files_folders_and_settings_repeat_their_option() -> None:
    for command, option in options_of(program):
        if option.multiple and not isinstance(option.type, svtok.cli.values.CommaList):
            assert isinstance(option.type, click.Path) or "=" in (option.metavar or ""), f"{command} {option.name}"
        assert "blank" not in (option.help or ""), f"{command} {option.name}"


def test_types_of_paths_and_numbers_are_defined_in_one_place() -> None:
    for path in FOLDER.rglob("*.py"):
        if path.name != "values.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"click\.Path\(|IntRange\(min=[01]\)|FloatRange\(0, 1\)", text), path


def test_an_option_of_commands_in_two_files_is_defined_in_options() -> None:
    """The same line of help in two files is the same option written twice."""
    texts = [re.sub(r"\s+", " ", path.read_text(encoding="utf-8")) for path in FOLDER.rglob("*.py")]
    for command, option in options_of(program):
        if option.help and len(option.help) > 20:
            assert sum(f'"{option.help}"' in text for text in texts) <= 1, f"{command} {option.name}"


def test_one_set_is_itself_and_several_are_a_list_so_that_what_was_made_of_one_stays_up_to_date() -> None:
    given: list[Any] = []

    @click.command()
    @several_sets_options
    def command(data: Any, features: Any) -> None:
        given.append((data, features))

    for arguments in (["--data", "a"], ["--data", "a", "--data", "b", "--features", "f", "--features", "g"]):
        assert CliRunner().invoke(command, arguments).exit_code == 0
    assert given == [(Path("a"), None), ((Path("a"), Path("b")), (Path("f"), Path("g")))]
    assert [each(data) for data, _ in given] == [(Path("a"),), (Path("a"), Path("b"))]
    assert each(None) == ()


def test_an_option_that_came_later_changes_nothing_where_it_is_not_given(tmp_path: Path) -> None:
    made = Made(("out",), 1, default=lambda options: None, reads=lambda options: None)
    before = made.made_of("train", {"out": None, "seed": 0})
    assert made.made_of("train", {"out": None, "seed": 0, "init": None}) == before
    assert made.made_of("train", {"out": None, "seed": 0, "init": tmp_path}) != before
