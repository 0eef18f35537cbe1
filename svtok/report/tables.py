"""Tables as aligned plain text and as Markdown, from a header and rows of cells."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def text_table(header: Sequence[str], rows: Rows, *, left: int = 1) -> str:
    """Columns aligned by blanks, the first `left` of them to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [_aligned(cells, widths, left) for cells in (header, ["-" * width for width in widths], *rows)]
    return "\n".join("  ".join(cells).rstrip() for cells in lines)


def markdown_table(header: Sequence[str], rows: Rows, *, left: int = 1) -> str:
    """A Markdown table, also aligned as text, the first `left` columns to the left and the others to the right."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width if place < left else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    lines = [_aligned(cells, widths, left) for cells in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [
        cell.ljust(width) if place < left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def percent(share: float, interval: tuple[float, float] | None = None) -> str:
    """A fraction in percent, with its interval behind it: `1.23 [0.91, 1.60]`."""
    return number(100 * share, interval and (100 * interval[0], 100 * interval[1]), decimals=2)


def number(value: float, interval: tuple[float, float] | None = None, *, decimals: int = 3) -> str:
    """A number, with its interval behind it: `0.123 [0.101, 0.145]`."""
    text = f"{value:.{decimals}f}"
    return text if interval is None else f"{text} [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]"
