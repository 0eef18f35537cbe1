"""The messages that docs/errors.md explains are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = re.findall(r"^```text\n(.*?)\n```", (ROOT / "docs/errors.md").read_text(encoding="utf-8"), re.M | re.S)


def texts_of_the_code() -> list[str]:
    """The constant parts of every string in svtok/, and the text of bin/setup with its lines joined."""
    files = sorted((ROOT / "svtok").rglob("*.py"))
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [*texts, (ROOT / "bin/setup").read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return texts_of_the_code()


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.slow
def test_every_part_of_a_message_stands_in_the_code(message: str, texts: list[str]) -> None:
    parts = [part.strip() for part in message.replace("\n", " ").split("…") if part.strip(" '():;,")]
    assert parts
    assert [part for part in parts if not any(part in text for text in texts)] == []
