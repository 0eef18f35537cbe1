"""svtok train, train-teacher, train-student, train-phonetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from svtok.cli.fresh import Options, makes
from svtok.cli.options import each, together, training_options
from svtok.cli.values import FILE, FOLDER
from svtok.places import EXPERIMENTS, dev_folder, stored_features

if TYPE_CHECKING:
    from svtok.trained.config import Config
    from svtok.training.data import StoredTeacher

_speaker_network_options = together(
    training_options("exp/HEAD", several=True),
    click.option("--head", help="avg, stats, attentive-stats, cls, cls-sampled, cls-dist or cls-sampled-dist."),
    click.option(
        "--classes", help="What the classes are: speaker, speaker-phrase, phrase or both; sets training.classes."
    ),
    click.option(
        "--init",
        type=FOLDER,
        help="Folder of a trained network to begin with: all its weights of the same name and shape, and class vectors "
        "where the classes are the same.",
    ),
)
"""The options that the three commands share."""


def _folder_of_head(given: Options) -> Path | None:
    return EXPERIMENTS / given["head"] if given["head"] else None  # or what the configuration says


def _sets_read(given: Options) -> list[Path | None]:
    """What --data and --dev stand for: the dev set beside, and the features of all."""
    sets = each(given["data"])
    dev = given["dev"] or dev_folder(sets[0])
    features = each(given["features"]) or [stored_features(folder) for folder in sets]
    return [dev, *features, given["dev_features"] or stored_features(dev)]


@click.command()
@_speaker_network_options
@makes("out", default=_folder_of_head, reads=_sets_read)
def train(**options: Any) -> None:
    """Train a network with one of the heads avg, stats, attentive-stats, cls, cls-sampled.

    The folder --out gets config.yaml, classes.tsv, training.jsonl and, at the end, network.safetensors.
    Interrupted and called again, it goes on after the last whole epoch and ends in the same weights. A network that has
    ended is kept, and one of other data or options is an error, unless --anew gives it up.

    Several sets are trained on as one; no name of a speaker or utterance may be in two of them. Of free text, which
    training.free_phrases names, the classes are the speakers alone.

    \b
    Examples:
      svtok train --data data/my/train --head cls-sampled --config conf/train.yaml --out exp/cls-sampled
      svtok train --data data/my/train --data data/speechocean762/train --set training.free_phrases=free
      svtok train --data data/my/train --head cls --init exp/both --out exp/tuned
    """
    _train(options, default_head=None)


@click.command("train-teacher")
@_speaker_network_options
@makes("out", default=_folder_of_head, reads=_sets_read)
def train_teacher(**options: Any) -> None:
    """Train a teacher: as `svtok train`, with the head cls-sampled by default.

    \b
    Example:
      svtok train-teacher --data data/my/train --config conf/train.yaml --out exp/teacher
    """
    _train(options, default_head="cls-sampled")


@click.command("train-student")
@_speaker_network_options
@click.option(
    "--teacher",
    "teachers",
    type=FOLDER,
    multiple=True,
    help="Folder of a trained network to learn from. May be repeated: what all teachers say is averaged.",
)
@click.option(
    "--teacher-embeddings",
    "embeddings",
    type=FOLDER,
    multiple=True,
    help="Folder of embeddings of --data, by any network, to learn (objective.distillation is then cosine). May be "
    "repeated: folders of one network that have no utterance in common are one teacher, others are several.",
)
@click.option("--joint", is_flag=True, help="Train a teacher beside the student; it is written to OUT/teacher.")
@click.option(
    "--teacher-head",
    help="Head of the joint teacher; default: that of --teacher-config, else cls-sampled.",
)
@click.option(
    "--teacher-config",
    type=FILE,
    help="YAML file with the joint teacher's own sections network and objective; default: the student's.",
)
@makes("out", default=_folder_of_head, reads=_sets_read)
def train_student(
    teachers: tuple[Path, ...],
    embeddings: tuple[Path, ...],
    joint: bool,
    teacher_head: str | None,
    teacher_config: Path | None,
    **options: Any,
) -> None:
    """Train a student whose distillation token learns from teachers: frozen ones, stored ones, or one beside it.

    Its head is cls-sampled-dist by default. A teacher must know the same classes, from the same features, and may
    be made of anything else; its hash is kept in the student's config.yaml. Stored embeddings may come from another
    toolkit (svtok kaldi import embeddings) or a public encoder (svtok extract-embeddings --encoder); with
    objective.class_weight=0, speakers and phrases need not be known: the embedding is that of the distillation token.

    \b
    Examples:
      svtok train-student --data data/my/train --teacher exp/teacher --config conf/train.yaml --out exp/student
      svtok train-student --data data/my/train --joint --teacher-head avg --config conf/train.yaml --out exp/joint
      svtok train-student --data data/my/train --teacher-embeddings emb/train --out exp/student
    """
    if not teachers and not embeddings and not joint:
        raise click.UsageError(
            "name a teacher (--teacher DIR or --teacher-embeddings DIR, may be repeated), or train one beside (--joint)"
        )
    if not joint and (teacher_config or teacher_head):
        raise click.UsageError("--teacher-head and --teacher-config are of a teacher trained beside (--joint)")

    def joint_config(student: Config) -> Config:
        from svtok.trained.config import joint_teacher_config

        return joint_teacher_config(student, teacher_config, teacher_head)

    stored = _stored_teachers(embeddings)
    _train(options, "cls-sampled-dist", teachers, stored, joint_config if joint else None)


def _stored_teachers(folders: Sequence[Path]) -> tuple[StoredTeacher, ...]:
    """The teachers whose embeddings lie in some folders: folders of one network are one, each of some utterances."""
    from svtok.embeddings.store import ARRAY, INDEX, read_embeddings
    from svtok.files import sha256_of_files
    from svtok.training.data import StoredTeacher

    teachers: list[StoredTeacher] = []
    networks: list[str] = []
    for folder in folders:
        stored = read_embeddings(folder)
        teacher = StoredTeacher(folder, stored.utts, stored.vectors, sha256_of_files([folder / INDEX, folder / ARRAY]))
        places = [place for place, network in enumerate(networks) if network == stored.network_hash]
        whole = next((place for place in places if teachers[place].goes_on_in(teacher)), None)
        if whole is None:
            teachers.append(teacher)
            networks.append(stored.network_hash)
        else:
            teachers[whole] = teachers[whole].with_more(teacher)
    return tuple(teachers)


def _train(
    options: dict[str, Any],
    default_head: str | None,
    teachers: tuple[Path, ...] = (),
    stored: tuple[StoredTeacher, ...] = (),
    joint_config: Callable[[Config], Config] | None = None,
) -> None:
    from svtok.features.store import open_dev, open_sources
    from svtok.ranks import current_ranks
    from svtok.report.evaluate import make_measure
    from svtok.trained.config import read_config
    from svtok.trained.inference import pick_device
    from svtok.training.run import Run, train_network

    settings = list(options["settings"])
    if options["classes"]:
        settings.append(f"training.classes={options['classes']}")
    config = read_config(
        options["config_file"], settings, options["head"], default_head=default_head, learns_stored=bool(stored)
    )
    out, sets = options["out"] or EXPERIMENTS / config.network.head, each(options["data"])
    run = Run(
        out=out,
        config=config,
        train=open_sources(sets, each(options["features"])),
        dev=open_dev(options["dev"], options["dev_features"], beside=sets[0]),
        seed=options["seed"],
        device=pick_device(options["device"]),
        anew=options["anew"],
        teachers=teachers,
        stored=stored,
        joint=joint_config(config) if joint_config else None,
        init=options["init"],
        ranks=(ranks := current_ranks()),
    )
    measure = make_measure(run.dev, config.training.nontarget, run.device) if run.dev else None
    with nullcontext() if options["out"] else ranks.locked(out):  # which a folder that is named is already
        click.echo(f"{out}: {'trained' if train_network(run, measure) else 'up to date'}")


@click.command("train-phonetic")
@training_options("exp/phonetic")
@click.option(
    "--text-from",
    type=click.Choice(["text", "phrase"]),
    default="text",
    show_default=True,
    help="Column that says what was spoken: each word of the text, or the whole name of the phrase.",
)
@click.option(
    "--lexicon", type=FILE, help="File with a word (or phrase) and its phones a line; else: espeak-ng's rules."
)
@click.option("--language", help="Language of espeak-ng's rules, such as en or ar; default: the column 'lang'.")
@click.option("--phones", type=FILE, help="File with a phone a line, all that may be; default: those of --data.")
@makes("out", default=lambda given: EXPERIMENTS / "phonetic", reads=_sets_read)
def train_phonetic(
    text_from: Literal["text", "phrase"],
    lexicon: Path | None,
    language: str | None,
    phones: Path | None,
    **options: Any,
) -> None:
    """Train a network that recognises phones, whose bottleneck svtok extract-features --phonetic stores.

    The phones of what was said come from a lexicon, or from espeak-ng's rules (pip install 'svtok[synth]'). The folder
    --out gets config.yaml, phones.txt, training.jsonl and, at the end, network.safetensors. Called again, it goes on
    where it was.

    \b
    Examples:
      svtok train-phonetic --data data/my/train --language en
      svtok train-phonetic --data data/sdsv/train --text-from phrase --lexicon transcriptions.txt --out exp/phonetic
    """
    from svtok.features.store import open_dev, open_source
    from svtok.trained.config import read_phonetic_config
    from svtok.trained.inference import pick_device
    from svtok.training.phonetic import PhoneticRun
    from svtok.training.phonetic import train_phonetic as train
    from svtok.training.pronounce import Spelling

    run = PhoneticRun(
        out=options["out"],
        config=read_phonetic_config(options["config_file"], options["settings"]),
        train=open_source(options["data"], options["features"]),
        dev=open_dev(options["dev"], options["dev_features"], beside=options["data"]),
        spelling=Spelling(text_from, lexicon, language),
        phones=phones,
        seed=options["seed"],
        device=pick_device(options["device"]),
        anew=options["anew"],
    )
    click.echo(f"{run.out}: {'trained' if train(run) else 'up to date'}")
