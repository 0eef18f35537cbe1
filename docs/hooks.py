"""What MkDocs cannot do by itself: pages that are made from the code, and formulas as MathML, without a script.

MkDocs calls the functions `on_...` by their names.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import latex2mathml.converter
from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from svtok.cli.config import KINDS, configuration_file
from svtok.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md", "security.md": "SECURITY.md"}
"""Pages of the site that are files of the checkout."""
RECIPES = sorted(path.parent.name for path in ROOT.glob("egs/*/RESULTS.md"))
PACKAGES = sorted(path.parent.name for path in ROOT.glob("svtok/*/__init__.py") if path.parent.name != "cli")
MODULES = sorted(path.stem for path in ROOT.glob("svtok/*.py") if not path.stem.startswith("__"))
"""Those that stand in no package."""


def on_config(config: MkDocsConfig) -> None:
    """Fill the sections of the navigation that are empty in mkdocs.yml, and fence the examples of commands."""
    pages = {
        "Results": [f"results/{name}.md" for name in RECIPES],
        "Commands": [{f"svtok {name}": f"commands/{name}.md"} for name in COMMANDS],
        "Modules": [{f"svtok.{package}": f"api/{package}.md"} for package in (*MODULES, *PACKAGES)],
    }
    for section in config.nav or []:
        for page in _entries(section):
            for title, value in page.items():
                if value == []:
                    page[title] = pages[title]
    config.markdown_extensions.append(_FencedExamples())  # type: ignore[arg-type]


def _entries(section: dict[str, Any]) -> list[dict[str, Any]]:
    return [page for pages in section.values() if isinstance(pages, list) for page in pages]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are made from the code and from files of the checkout."""
    for path, text in _pages():
        files.append(File.generated(config, path, content=text))


def _pages() -> Iterator[tuple[str, str]]:
    for path, source in ROOT_PAGES.items():
        yield path, _plain_links((ROOT / source).read_text(encoding="utf-8"), ".")
    for name in RECIPES:
        results = (ROOT / "egs" / name / "RESULTS.md").read_text(encoding="utf-8")
        yield f"results/{name}.md", _plain_links(results, f"egs/{name}")
    for name, command in COMMANDS.items():
        yield f"commands/{name}.md", COMMAND.format(name=name, module=command.module, command=command.attribute)
    for module in MODULES:
        yield f"api/{module}.md", f"# svtok.{module}\n\n::: svtok.{module}\n"
    for package in PACKAGES:
        modules = (path for path in (ROOT / "svtok" / package).rglob("*.py") if path.stat().st_size)
        names = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules)
        blocks = [f"::: {name.removesuffix('.__init__')}\n" for name in names]
        yield f"api/{package}.md", "\n".join([f"# svtok.{package}\n", *blocks])


COMMAND = """\
::: mkdocs-click
    :module: {module}
    :command: {command}
    :prog_name: svtok {name}
    :depth: 0
"""


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The page of the configuration ends with what `svtok config` prints of each kind."""
    if page.file.src_uri != "configuration.md":
        return markdown
    kinds = (f"## svtok config {kind}\n\n```yaml\n{configuration_file(kind)}```\n" for kind in KINDS)
    return "\n".join([markdown, *kinds])


def _plain_links(text: str, folder: str) -> str:
    """Links to files of the checkout, which are no pages of the site, as the names of these files."""

    def plain(match: re.Match[str]) -> str:
        label, target = match.groups()
        path = (ROOT / folder / target).resolve().relative_to(ROOT).as_posix()
        return f"`{path}`" if label.strip("`") in (target, path) else f"{label} (`{path}`)"

    return re.sub(r"\[([^\]]+)\]\((?![a-z]+:|#)([^)#]+)\)", plain, text)


def on_page_content(html: str, **_: Any) -> str:
    """Formulas, which arithmatex has marked, as MathML."""
    return re.sub(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', _mathml, html, flags=re.S)


def _mathml(match: re.Match[str]) -> str:
    block = match[1] == "div"
    formula = latex2mathml.converter.convert(html.unescape(match[2]), display="block" if block else "inline")
    return f'<div class="formula">{formula}</div>' if block else formula


class _FencedExamples(Extension):
    """The examples in the help of commands, which mkdocs-click leaves as text, become blocks of the shell."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (its name in Markdown)
        md.preprocessors.register(_FenceExamples(md), "svtok_examples", 140)  # just after mkdocs-click, 141


class _FenceExamples(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        return re.sub(r"^Example:\n((?:  .*\n|\n(?=  ))+)", _fenced, text, flags=re.M).split("\n")


def _fenced(match: re.Match[str]) -> str:
    lines = [line.removeprefix("  ") for line in match[1].splitlines()]
    return "**Example:**\n\n```sh\n" + "\n".join(lines) + "\n```\n"
