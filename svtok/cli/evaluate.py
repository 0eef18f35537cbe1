"""svtok evaluate, compare, submit: what becomes of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.fresh import Options, always, makes
from svtok.cli.lazy import confirm
from svtok.cli.options import list_option, markdown_option, only_prepared, resamples_option, seed_option
from svtok.cli.values import AT_LEAST_ONE, EXISTING_FILE, FILE, FOLDER
from svtok.report import FORMAT

if TYPE_CHECKING:
    from svtok.report.evaluate import Arithmetic


def _trials_read(given: Options) -> Path | None:
    return only_prepared("eval") if given["data"] is None and given["trials"] is None else None


@click.command("evaluate")
@click.option("--scores", type=FILE, required=True, help="Table of scores.")
@click.option(
    "--data",
    type=FOLDER,
    show_default="data/CORPUS/eval, where one corpus is prepared",
    help="Prepared set of the trials, with their types, genders and speakers.",
)
@click.option("--trials", type=FILE, help="Instead of --data: a list of trials with their types, and nothing else.")
@list_option(
    "--by",
    metavar="COLUMN,...",
    show_default="gender, where models have it",
    help="Rows for each value of these columns of models.tsv or, if it is not there, of utterances.tsv (then the test "
    "utterance's value): gender, lang, phrase, session, ...",
)
@click.option(
    "--official",
    type=click.Choice(["sdsv"]),
    help="EER and detection costs by the arithmetic of the SdSV challenges' script: tied scores one by one, as listed.",
)
@click.option("--json", "json_path", type=FILE, help="Write the numbers here as well.")
@click.option("--det", "det_path", type=FILE, help="Draw the DET curves into this PNG.")
@click.option(
    "--reliability",
    "reliability_path",
    type=FILE,
    help="Draw into this PNG whether scores that are log likelihood ratios are what they say.",
)
@resamples_option
@seed_option("Seed of these draws.")
@makes("json_path", "det_path", "reliability_path", format=FORMAT, reads=_trials_read, shows=always)
def evaluate(
    scores: Path,
    data: Path | None,
    trials: Path | None,
    by: tuple[str, ...],
    official: Arithmetic | None,
    json_path: Path | None,
    det_path: Path | None,
    reliability_path: Path | None,
    resamples: int,
    seed: int,
) -> None:
    """Print error rates by trial type (which non-targets are counted) and by gender or other columns, with 95 %
    confidence intervals.

    Scores and trials must be of the very same trials, in any order. A trial has the value that its model has: a trial
    of a woman's model is counted under female, whoever speaks in the test utterance.

    \b
    Example:
      svtok evaluate --scores exp/cls/scores.tsv --data data/my/eval --json exp/cls/eval.json --det exp/cls/det.png
      svtok evaluate --scores exp/cls/scores.tsv --data data/my/eval --by gender,phrase
      svtok evaluate --scores exp/cls/llr.tsv --data data/my/eval --reliability exp/cls/reliability.png
    """
    if data and trials:
        raise click.UsageError("--data and --trials are two ways to give the trials; give one of them")
    if trials and by:
        raise click.UsageError("--by needs the tables of the prepared set: give --data, not --trials")

    from svtok.manifest.kaldi.lists import read_any_trials
    from svtok.manifest.sets import read_corpus_info, read_set
    from svtok.places import corpus_folder
    from svtok.report.evaluate import Evaluation, reliabilities, write_evaluation
    from svtok.report.evaluate import evaluate as evaluate_scores
    from svtok.report.labelled import label_with_set, label_with_trials
    from svtok.report.tables import evaluation_table
    from svtok.scoring.scores import read_scores

    if trials:
        corpus = corpus_folder(trials.parent)
        labelled = label_with_trials(scores, read_any_trials(trials), trials)
    else:
        data = data or only_prepared("eval")
        corpus = corpus_folder(data)
        # the scores first, which take the most memory while they are read, and neither table is kept
        labelled = label_with_set(scores, scores=read_scores(scores), prepared=read_set(data), by=by or None)
    arithmetic = official or "svtok"
    conditions, curves = evaluate_scores(labelled, resamples=resamples, seed=seed, arithmetic=arithmetic)
    info = read_corpus_info(corpus)
    evaluation = Evaluation(
        scores=str(scores),
        corpus=info.caption if info else None,
        synthetic=bool(info and info.synthetic),
        resampled=labelled.resampled,
        resamples=resamples,
        seed=seed,
        arithmetic=arithmetic,
        conditions=conditions,
    )
    click.echo(evaluation_table(evaluation))
    if json_path:
        write_evaluation(json_path, evaluation)
    title = evaluation.corpus or str(scores)
    if det_path:
        from svtok.report.plots import draw_det

        draw_det(curves, det_path, title=title)
    if reliability_path:
        from svtok.report.plots import draw_reliability

        draw_reliability(reliabilities(labelled), reliability_path, title=title)


@click.command("compare")
@click.argument("systems", nargs=-1, required=True, metavar="NAME=FILE...")
@markdown_option
def compare(systems: tuple[str, ...], markdown: Path | None) -> None:
    """Print one table of several systems; FILE is what `svtok evaluate --json` wrote of the system NAME.

    \b
    Example:
      svtok compare avg=exp/avg/eval.json cls=exp/cls/eval.json --markdown RESULTS.md
    """
    files = dict(_named(system) for system in systems)
    if len(files) < len(systems):
        raise click.UsageError("each system needs a name of its own")

    from svtok.files import write_text
    from svtok.report.evaluate import read_evaluation
    from svtok.report.tables import comparison_markdown, comparison_text

    evaluations = {name: read_evaluation(file) for name, file in files.items()}
    click.echo(comparison_text(evaluations))
    if markdown:
        write_text(markdown, comparison_markdown(evaluations))


def _named(system: str) -> tuple[str, Path]:
    name, equals, file = system.partition("=")
    if not (name and equals and file):
        raise click.UsageError(f"'{system}' is not NAME=FILE, such as cls=exp/cls/eval.json")
    return name, Path(file)


@click.command("submit")
@click.option(
    "--scores", type=EXISTING_FILE, help="Table of scores of the trials, as `svtok score` writes it, in any order."
)
@click.option(
    "--trials",
    type=EXISTING_FILE,
    required=True,
    help="The challenge's own list, docs/trials.txt: prepared trials may have another order.",
)
@click.option("--out", type=FILE, help="ZIP file to write.")
@click.option("--description", help="What the challenge may publish of the system: one line of text.")
@click.option(
    "--fused-systems", type=AT_LEAST_ONE, default=1, show_default=True, help="Systems whose scores were fused."
)
@click.option("--check", type=EXISTING_FILE, metavar="FILE", help="Write nothing: check this ZIP file.")
def submit(
    scores: Path | None, trials: Path, out: Path | None, description: str | None, fused_systems: int, check: Path | None
) -> None:
    """Write the submission for an SdSV challenge or TdSV 2024 (answer.txt and metadata in a ZIP), or check one.

    Every trial of the list must have a finite score, and no other trial may have one. --check says what is wrong with
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
    confirm(f"wrote {out}: {number} trials")
