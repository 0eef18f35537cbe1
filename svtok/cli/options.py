"""The options that several commands share; no other file of `cli` defines such a one.

Lists have one form: words and numbers are comma-separated (`--folds 1,2`). Several files, folders or settings
(`--teacher A --teacher B`, `--set KEY=VALUE`) repeat their option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from svtok.audio import CHANNELS
from svtok.cli.values import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    EXISTING_FOLDER,
    FILE,
    FOLDER,
    NETWORK,
    POSITIVE,
    CommaList,
    NumberOrFile,
    ParamType,
    Weighted,
)
from svtok.parallel import default_jobs
from svtok.places import DATA, prepared_sets
from svtok.pretrained import PRETRAINED

if TYPE_CHECKING:
    from svtok.metrics import Cost

Command = TypeVar("Command", bound=Callable[..., Any])

NONTARGETS = ("IC", "TW", "IW", "nontarget")
COSTS = ("miss", "false-alarm", "prior")


def list_option(*names: str, item: ParamType = click.STRING, **settings: Any) -> Callable[[Command], Command]:
    """An option that takes a list; given again, it goes on. The command gets one tuple."""
    return click.option(*names, type=CommaList(item), multiple=True, callback=_as_one_list, **settings)


def _as_one_list(_: click.Context, __: click.Parameter, lists: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    items = [item for one in lists for item in one]
    names = [item[0] if isinstance(item, tuple) else item for item in items]
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        raise click.BadParameter("; ".join(f"'{name}' is given twice" for name in twice))
    return tuple(items)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator; --help lists them in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


# Prepared sets, networks and their files


def data_option(set_name: str) -> Callable[[Command], Command]:
    """--data, a prepared set; by default that of the one corpus prepared under data/."""
    return click.option(
        "--data",
        type=FOLDER,
        default=lambda: only_prepared(set_name),
        show_default=f"data/CORPUS/{set_name}, where one corpus is prepared",
        help="Prepared set.",
    )


def only_prepared(set_name: str) -> Path:
    """data/CORPUS/SET of the only corpus under data/ that has it; a usage error where there is none, or several."""
    return _only(prepared_sets(set_name), f"data/*/{set_name}")


def only_corpus() -> Path:
    """The only corpus under data/; a usage error where there is none, or several."""
    return _only(sorted({folder.parent for folder in prepared_sets("*")}), "data/*/*")


def _only(found: Sequence[Path], wanted: str) -> Path:
    if not found:
        raise click.UsageError(f"no corpus is prepared under data/ (no {wanted}); name a set with --data")
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise click.UsageError(f"several corpora are prepared: {names}; name one with --data")
    return found[0]


features_option = click.option(
    "--features", type=FOLDER, help="Features of --data; default: feats/CORPUS/SET beside data/CORPUS/SET."
)
scores_out_option = click.option(
    "--out",
    type=FILE,
    required=True,
    help="Table of scores to write: model, utt, score, in the order of the trials.",
)
markdown_option = click.option("--markdown", type=FILE, help="Write the table here as Markdown, as well.")


def network_option(what: str = "a trained network") -> Callable[[Command], Command]:
    """--network, the folder of a network."""
    return click.option(
        "--network", type=NETWORK, required=True, help=f"Folder of {what}; `{PRETRAINED}`: that which comes with svtok."
    )


# Costs and thresholds

fitted_for_options = together(
    list_option(
        "--nontargets",
        item=Weighted(NONTARGETS, weight=1.0),
        metavar="TYPE[=WEIGHT],...",
        show_default="each non-target trial counts alike",
        help="Types of non-targets that count, and how much: IC=8,TW=1,IW=1 for impostors who mostly know the "
        "phrase; IC,TW,IW for all types alike.",
    ),
    click.option("--c-miss", type=POSITIVE, default=10.0, show_default=True, help="Cost of a miss."),
    click.option("--c-fa", type=POSITIVE, default=1.0, show_default=True, help="Cost of a false acceptance."),
    click.option(
        "--p-target",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.01,
        show_default=True,
        help="Probability that a trial is a target. The fit is weighted at it and the costs, and the "
        "threshold is the best for them.",
    ),
)
"""--nontargets, --c-miss, --c-fa and --p-target: for what a calibration is to be best."""

threshold_options = together(
    click.option(
        "--false-accept-rate",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Accept so that at most this part of the trials of the fit would be, of each type of non-targets: 0.01 is "
        "1 %.",
    ),
    list_option(
        "--cost",
        item=Weighted(COSTS),
        metavar="miss=1,false-alarm=1,prior=0.01",
        show_default="that of the fit",
        help="Accept where it costs least: of a miss, of a false acceptance, and the probability of a target.",
    ),
)
"""A threshold is asked for by what it is to do; see `asked_cost`."""


def asked_cost(cost: Sequence[tuple[str, float]], false_accept_rate: float | None) -> Cost | None:
    """The cost that --cost gives, or None; a usage error where it lacks a part, or is given beside a rate."""
    from svtok.metrics import Cost

    if not cost:
        return None
    if false_accept_rate is not None:
        raise click.UsageError("--false-accept-rate and --cost are two ways to ask for a threshold; give one of them")
    given = dict(cost)
    if lacking := [name for name in COSTS if name not in given]:
        raise click.UsageError(f"--cost lacks {', '.join(lacking)}: it is miss=1,false-alarm=1,prior=0.01")
    if not given["prior"] < 1:
        raise click.UsageError(f"--cost: the prior is a probability below 1, not {given['prior']:g}")
    return Cost(c_miss=given["miss"], c_fa=given["false-alarm"], p_target=given["prior"])


# The machine, and chance

resamples_option = click.option(
    "--resamples",
    type=AT_LEAST_ZERO,
    default=1000,
    show_default=True,
    help="Draws of the speakers for the confidence intervals; 0: no intervals.",
)

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto: a GPU where there is one.",
)
jobs_option = click.option(
    "--jobs", type=AT_LEAST_ONE, default=default_jobs, show_default="all processors", help="Processes to use."
)


def seed_option(what: str, default: int = 0) -> Callable[[Command], Command]:
    """--seed of all that is drawn."""
    return click.option("--seed", type=AT_LEAST_ZERO, default=default, show_default=True, help=what)


def anew_option(what: str) -> Callable[[Command], Command]:
    """--anew, without which nothing that took long is given up."""
    return click.option("--anew", is_flag=True, help=f"Where --out holds {what}, give it up and begin anew.")


# Training


Sets = Path | tuple[Path, ...]
"""What an option that may be repeated gives: one folder is itself, and not a list of one, as it was when there could be
no others, so that what was made of it is still up to date."""


def _one_or_several(_: click.Context, __: click.Parameter, folders: Sequence[Path]) -> Sets | None:
    return (folders[0] if len(folders) == 1 else tuple(folders)) if folders else None


def each(sets: Sets | None) -> tuple[Path, ...]:
    """The folders of an option that may be repeated."""
    return () if sets is None else (sets,) if isinstance(sets, Path) else sets


several_sets_options = together(
    click.option(
        "--data",
        type=FOLDER,
        multiple=True,
        default=lambda: (only_prepared("train"),),
        show_default="data/CORPUS/train, where one corpus is prepared",
        callback=_one_or_several,
        help="Prepared set. May be repeated: all are trained on as one.",
    ),
    click.option(
        "--features",
        type=FOLDER,
        multiple=True,
        callback=_one_or_several,
        help="Features of --data, of each in the same order; default: feats/CORPUS/SET beside data/CORPUS/SET.",
    ),
)


def training_options(default_out: str, *, several: bool = False) -> Callable[[Command], Command]:
    """What every training is asked for: data (`several` sets), configuration, folder of the network, seed, device."""
    beside = "--data (the first)" if several else "--data"
    return together(
        several_sets_options if several else together(data_option("train"), features_option),
        click.option(
            "--dev",
            type=FOLDER,
            help=f"Prepared dev set, for its error rate each epoch; default: 'dev' beside {beside}.",
        ),
        click.option("--dev-features", type=FOLDER, help="Features of the dev set; default: as for --features."),
        click.option(
            "--config",
            "config_file",
            type=FILE,
            help="YAML file with the sections of the configuration: network, training, features and others.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Change a value of the configuration, such as training.epochs=5. May be repeated.",
        ),
        click.option("--out", type=FOLDER, help=f"Folder of the network; default: {default_out}."),
        seed_option("Fixes everything."),
        device_option,
        anew_option("a network of other data or options"),
        click.option("--resume", is_flag=True, hidden=True, expose_value=False, help="What is done anyway."),
    )


# Corpora

allow_missing_option = click.option(
    "--allow-missing",
    is_flag=True,
    help="Prepare what is there where it is not the whole corpus, and say what is missing.",
)
cross_session_option = click.option(
    "--cross-session",
    is_flag=True,
    help="Where sessions are known: no trial of a model's own speaker with a test of a session that enrolled it.",
)
new_phrases_option = click.option(
    "--new-phrases",
    type=NumberOrFile(),
    metavar="N|FILE",
    show_default="none",
    help="Phrases that train lacks, and that dev and eval say alone: so many, drawn by the seed, or those that a file "
    "names, one a line.",
)
channel_option = click.option(
    "--channel",
    type=click.Choice(CHANNELS),
    show_default="an error",
    help="What to read of recordings of several channels: the first, the second, or the mean of all.",
)
kaldi_options = together(
    click.option(
        "--phrase", metavar="ID", help="The one phrase that all utterances say, where there is no utt2phrase."
    ),
    click.option(
        "--wav-root", type=EXISTING_FOLDER, show_default="working folder", help="What wav.scp's paths are relative to."
    ),
)
"""--phrase and --wav-root, for what a Kaldi data directory does not say."""


def root_option(what: str, envvar: str | None = None) -> Callable[[Command], Command]:
    """--root, the folder of the corpus, or the environment variable that names it."""
    help_text = f"Folder of {what}."
    return click.option(
        "--root", type=FOLDER, required=True, envvar=envvar, show_envvar=envvar is not None, help=help_text
    )


def corpus_out_option(name: str, *, varies: bool = False) -> Callable[[Command], Command]:
    """--out, by default data/NAME; where the name `varies` with other options, None, and the command names it."""
    folder = DATA / name
    default, shown = (None, str(folder)) if varies else (folder, True)
    return click.option(
        "--out", type=FOLDER, default=default, show_default=shown, help="Folder of the prepared corpus."
    )


def part_option(default: str, what: str) -> Callable[[Command], Command]:
    """--part of a corpus of three parts."""
    return click.option("--part", type=click.Choice(["1", "2", "3"]), default=default, show_default=True, help=what)


def enroll_takes_option(takes: int, what: str) -> Callable[[Command], Command]:
    """--enroll-takes, how many recordings a model is made of."""
    return click.option("--enroll-takes", type=AT_LEAST_ONE, default=takes, show_default=True, help=what)
