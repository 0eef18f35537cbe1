"""svtok submit."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("submit")
@click.option("--scores", type=FILE, help="Table of scores of the trials, as `svtok score` writes it, in any order.")
@click.option(
    "--trials",
    type=FILE,
    required=True,
    help="The challenge's own list, docs/trials.txt: prepared trials may have another order.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="ZIP file to write.")
@click.option("--description", help="What the challenge may publish of the system: one line of text.")
@click.option(
    "--fused-systems", type=click.IntRange(min=1), default=1, show_default=True, help="Systems whose scores were fused."
)
@click.option("--check", type=FILE, metavar="FILE", help="Write nothing: check this ZIP file.")
def submit(
    scores: Path | None, trials: Path, out: Path | None, description: str | None, fused_systems: int, check: Path | None
) -> None:
    """Write the submission for an SdSV challenge or TdSV 2024 (answer.txt and metadata in a ZIP), or check one.

    Every trial of the list must have a finite score, and no other trial may have one. --check tells what is wrong with
    a submission and, given --scores, whether it holds these in the right order.

    \b
    Example:
      svtok submit --scores exp/cls/scores.tsv --trials /corpora/sdsv2020/task1/docs/trials.txt \\
        --out submission.zip --description "class token"
      svtok submit --check submission.zip --trials /corpora/sdsv2020/task1/docs/trials.txt
    """
    from svtok.scoring.submission import check_submission, write_submission

    if check is not None:
        if out is not None or description is not None:
            raise click.UsageError("--check writes nothing: leave out --out and --description")
        number = check_submission(check, trials, scores)
        click.echo(f"{check}: a submission of {number} trials, no problem")
        return
    if scores is None or out is None or description is None:
        raise click.UsageError("a submission needs --scores, --out and --description (or --check to check one)")
    number = write_submission(out, scores, trials, description=description, fused_systems=fused_systems)
    check_submission(out, trials)
    click.echo(f"wrote {out}: {number} trials")
