"""The command `svtok`: the list of its commands, and how an error ends it."""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
from typing import NoReturn

import click

from svtok import __version__
from svtok.cli.lazy import QUIET, LazyCommand, LazyGroup
from svtok.errors import RED, SvtokError, coloured
from svtok.ranks import ALONE, FirstFailedError, current_ranks, leave

COMMANDS = {
    "synthesize": LazyCommand("svtok.cli.synthesize", "synthesize", "Speak a synthetic corpus in a real one's layout."),
    "prepare": LazyCommand("svtok.cli.prepare", "prepare", "Turn a corpus into manifests."),
    "validate": LazyCommand("svtok.cli.validate", "validate", "Check prepared sets; print every problem."),
    "disturb": LazyCommand("svtok.cli.disturb", "disturb", "Add noise, voices, rooms or lines to a set's recordings."),
    "pack": LazyCommand("svtok.cli.pack", "pack", "Put a set's recordings into one memory-mapped file."),
    "extract-features": LazyCommand("svtok.cli.extract", "extract_features", "Compute a set's features."),
    "train": LazyCommand("svtok.cli.train", "train", "Train a network."),
    "train-teacher": LazyCommand("svtok.cli.train", "train_teacher", "Train a teacher network."),
    "train-student": LazyCommand("svtok.cli.train", "train_student", "Train a student from a frozen teacher."),
    "train-phonetic": LazyCommand("svtok.cli.train", "train_phonetic", "Train a network that recognises phones."),
    "extract-embeddings": LazyCommand("svtok.cli.extract", "extract_embeddings", "Compute a set's embeddings."),
    "score": LazyCommand("svtok.cli.score", "score", "Score a set's trials."),
    "fit-scorer": LazyCommand("svtok.cli.fit_scorer", "fit_scorer", "Fit back-end, cohort and calibration; save them."),
    "score-phrases": LazyCommand("svtok.cli.score", "score_phrases", "Score whether the phrase was spoken."),
    "calibrate": LazyCommand("svtok.cli.fuse", "calibrate", "Scores to log likelihood ratios; a threshold."),
    "fuse": LazyCommand("svtok.cli.fuse", "fuse", "One log likelihood ratio of several systems' scores."),
    "evaluate": LazyCommand("svtok.cli.evaluate", "evaluate", "Error rates by trial type, from scores."),
    "compare": LazyCommand("svtok.cli.evaluate", "compare", "One table of several systems' evaluations."),
    "report": LazyCommand("svtok.cli.report", "report", "One HTML file on several systems and their errors."),
    "ablate": LazyCommand("svtok.cli.ablate", "ablate", "Run every system of a plan on every fold with every seed."),
    "ablation-table": LazyCommand("svtok.cli.ablate", "ablation_table", "The table of an ablation."),
    "ablation-choose": LazyCommand("svtok.cli.ablate", "ablation_choose", "Choose a system by the folds' dev sets."),
    "attend": LazyCommand("svtok.cli.plot", "attend", "Draw what a network's tokens attend to in a recording."),
    "token-spread": LazyCommand("svtok.cli.plot", "token_spread", "Measure how far a sampled token spreads."),
    "plot": LazyCommand("svtok.cli.plot", "plot", "Draw training curves, or a map of embeddings."),
    "submit": LazyCommand(
        "svtok.cli.evaluate", "submit", "Write or check a submission to the SdSV and TdSV challenges."
    ),
    "info": LazyCommand("svtok.cli.info", "info", "Say what files and folders are, and what they hold."),
    "config": LazyCommand("svtok.cli.config", "config", "Print a configuration file with every field and default."),
    "export": LazyCommand("svtok.cli.export", "export", "Write a network for others: an ONNX graph, a hub's folder."),
    "enroll": LazyCommand("svtok.cli.voices", "enroll", "Add recordings of a speaker to the store of voices."),
    "verify": LazyCommand("svtok.cli.voices", "verify", "Accept or reject a recording as an enrolled speaker's."),
    "identify": LazyCommand("svtok.cli.voices", "identify", "Rank the enrolled voices for a recording."),
    "voices": LazyCommand("svtok.cli.voices", "voices", "List, remove or export the enrolled voices."),
    "completion": LazyCommand("svtok.cli.completion", "completion", "Print a shell's script that completes commands."),
    "kaldi": LazyCommand("svtok.cli.kaldi", "kaldi", "Files of Kaldi and its relatives in and out."),
}

SHARED = (
    *("extract-features", "train", "train-teacher", "train-student", "extract-embeddings", "ablate"),
    *("info", "config"),
)
"""The commands that several processes may do together, started by torchrun; or that do no harm there."""

OBJECTS_UNLOOKED = 50_000
"""New objects after which Python looks for those that nobody needs; of its own accord after 700, an eighth of the time
that importing torch takes."""


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="svtok")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    show_default="info",
    help="Least of what is printed on stderr. info: progress, warnings and errors. debug: also the log of the library, "
    "and the traceback of an error.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print errors, and the numbers or facts asked for, and nothing else.")
@click.pass_context
def svtok(context: click.Context, log_level: str | None, quiet: bool) -> None:
    """Text-dependent speaker verification: was this pass-phrase spoken, and by this speaker?

    \b
    A corpus walks through the commands in this order:
      prepare -> extract-features -> train -> extract-embeddings -> score -> evaluate

    Lists of words or numbers are comma-separated (--folds 1,2). Several files, folders or settings repeat their option
    (--teacher A --teacher B). Options of svtok itself stand before the command: svtok --quiet train ...
    Several processes extract and train together under torchrun: torchrun --nproc-per-node 2 -m svtok train ...
    """
    command, ranks = context.invoked_subcommand, current_ranks()
    if ranks.world > 1 and command not in SHARED:
        raise click.UsageError(
            f"svtok {command} is the work of one process: start it without torchrun (RANK and WORLD_SIZE are set)"
        )
    if not ranks.is_first:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  the first prints
    context.meta[QUIET] = quiet
    if os.environ.get("NO_COLOR"):
        context.color = False
    if quiet or log_level:
        _show(context, "error" if quiet else str(log_level))


def _show(context: click.Context, level: str) -> None:
    """Let the logger `svtok` have this level until the command has ended."""
    import logging

    logger, handler = logging.getLogger("svtok"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s: %(message)s"))
    before = logger.level
    logger.setLevel(level.upper())
    if level == "debug":
        logger.addHandler(handler)

    def restore() -> None:
        logger.setLevel(before)
        logger.removeHandler(handler)

    context.call_on_close(restore)


def _fail(message: str, code: int) -> NoReturn:
    try:
        ranks = current_ranks()
    except SvtokError:  # which is then what failed
        ranks = ALONE
    where = f"{ranks}: " if ranks.world > 1 else ""
    print(f"{coloured('error:', RED)} {where}{message}", file=sys.stderr, flush=True)
    sys.exit(code)


def main() -> None:
    """Run the command line. Exit code 0 only when all of the asked work is done."""
    gc.set_threshold(OBJECTS_UNLOOKED)
    debug = "--log-level debug" in " ".join(sys.argv).replace("=", " ")
    try:
        svtok.main(prog_name="svtok", standalone_mode=False)
        leave()
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.option_name in ("--quiet", "-q", "--log-level"):
            error = click.UsageError(f"{error.option_name} is svtok's own: it stands before the command", error.ctx)
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _fail("interrupted; finished work is kept, run the same command again to go on", 130)
    except FirstFailedError:
        sys.exit(1)
    except SvtokError as error:
        if debug:
            traceback.print_exc()
        _fail(str(error), 1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "svtok":
            raise
        _fail(
            f"{error.name} is not installed, and this command needs it: run pip install svtok (without torch, exported "
            "networks verify voices, and no more)",
            1,
        )
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            _fail(f"the disk is full while writing {error.filename or 'a file'}; free space and run again", 1)
        if error.errno is not None and error.filename is not None:
            _fail(f"{error.filename}: {error.strerror}", 1)
        raise
