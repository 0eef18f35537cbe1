"""svtok export --hub: the options of a folder for the Hugging Face hub, and what writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import Command, list_option, together
from svtok.cli.values import FILE, FOLDER

if TYPE_CHECKING:
    from svtok.trained.hub import Result


def hub_options(command: Command) -> Command:
    """--hub, what a model card says, and what of the classes goes along."""
    add: Callable[[Command], Command] = together(
        click.option(
            "--hub",
            type=FOLDER,
            help="Folder to write for the Hugging Face hub: model card, weights, configuration. It is called as the "
            "repository is to be, and svtok reads it as a network.",
        ),
        click.option("--license", "license_name", metavar="ID", help="With --hub: its licence, such as apache-2.0."),
        list_option("--language", "languages", metavar="CODE,...", help="With --hub: languages, such as en,fa."),
        list_option("--tag", "tags", metavar="WORD,...", help="With --hub: more tags."),
        click.option(
            "--evaluation",
            "evaluations",
            type=FILE,
            multiple=True,
            help="With --hub: error rates for the card, which `svtok evaluate --json` wrote. May be repeated.",
        ),
        click.option(
            "--about",
            type=FILE,
            help="With --hub: Markdown for the card: the data and their licences, what the network is for.",
        ),
        click.option(
            "--forget-classes",
            is_flag=True,
            help="With --hub: leave out the vectors of the training's speakers and phrases, which nothing but training "
            "and score-phrases needs. The network's hash becomes another one; a scorer that goes along follows.",
        ),
        click.option("--keep-names", is_flag=True, help="With --hub: keep the names of the training's speakers."),
    )
    return add(command)


def write_hub(
    network: Path,
    hub: Path,
    scorer: Path | None,
    *,
    license_name: str | None,
    languages: tuple[str, ...],
    tags: tuple[str, ...],
    evaluations: Sequence[Path],
    about: Path | None,
    keep_names: bool,
    forget_classes: bool,
) -> None:
    """Write the folder, with the scorer where there is one, and print so."""
    if license_name is None:
        raise click.UsageError("--hub needs --license: under which licence may others use the network?")

    from svtok.scoring.store import load_scorer
    from svtok.trained.folder import load_network
    from svtok.trained.hub import Card, write_hub_folder

    results = tuple(result for path in evaluations for result in _results(path))
    card = Card(hub.resolve().name, license_name, languages, tags, results, _text(about) if about else "")
    trained = load_network(network)
    if scorer is not None:
        load_scorer(scorer).refuse_other(trained.hash, str(network))
    write_hub_folder(trained, hub, card, scorer=scorer, keep_names=keep_names, forget_classes=forget_classes)
    click.echo(f"wrote {hub}: a model card and the network{', with its scorer' if scorer else ''}")


def _text(path: Path) -> str:
    from svtok.errors import SvtokError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SvtokError(f"{path}: cannot be read as text in UTF-8 ({error})") from None


def _results(path: Path) -> list[Result]:
    from svtok.report.evaluate import read_evaluation
    from svtok.trained.hub import Result

    evaluation = read_evaluation(path)
    corpus = evaluation.corpus or path.stem
    return [
        Result(corpus, row.name, row.targets, row.nontargets, row.eer, row.eer_ci, row.dcf08)
        for row in evaluation.conditions
        if row.by is None and not row.macro_averaged
    ]
