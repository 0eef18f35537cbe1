"""Run a benchmark by its name, or all of them for the table."""

from __future__ import annotations

import click

from benchmarks.table import modules, run_all, write_table
from svtok.cli.lazy import LazyCommand, LazyGroup

BENCHMARKS = {name: LazyCommand(f"benchmarks.{name}", name, says) for name, says in modules("")}


@click.group(cls=LazyGroup, lazy=BENCHMARKS, invoke_without_command=True)
@click.pass_context
def benchmarks(context: click.Context) -> None:
    """Speed, beside peers that do the same work: one benchmark, or, without a name, all of them on one thread, in less
    than ten minutes on two processors that do nothing else. The table that they make is printed and written into
    benchmarks/README.md."""
    if context.invoked_subcommand is None:
        write_table(*run_all([name for name, _ in modules("rows")]))


if __name__ == "__main__":
    benchmarks(prog_name="python -m benchmarks")
