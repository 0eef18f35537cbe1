"""svtok kaldi import | export"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.fresh import Options, makes
from svtok.cli.lazy import confirm
from svtok.cli.options import jobs_option, kaldi_options
from svtok.cli.trials import format_option, set_or_list
from svtok.cli.values import EXISTING_FILE, EXISTING_FOLDER, FILE, FILE_OR_FOLDER, FOLDER
from svtok.corpora import FORMAT
from svtok.embeddings import FORMAT as EMBEDDINGS_FORMAT
from svtok.fresh import state

if TYPE_CHECKING:
    from svtok.manifest.kaldi.lists import Toolkit
    from svtok.manifest.sets import PreparedSet

_out_file = click.option("--out", type=FILE, required=True, help="File to write.")
_out_ark = click.option("--out", type=FILE, required=True, help="Archive to write, .ark.")
_out_folder = click.option("--out", type=FOLDER, required=True, help="Folder to write.")


@click.group()
def kaldi() -> None:
    """Import or export data directories, trials, scores, embeddings and features of Kaldi and its relatives.

    \b
    Example:
      svtok kaldi import data kaldi/data/eval --out data/mine/eval
      svtok kaldi export data data/mine/eval --out kaldi/data/eval
    """


@kaldi.group("import")
def import_() -> None:
    """Kaldi's files in, svtok's tables out.

    \b
    Example:
      svtok kaldi import data kaldi/data/eval --out data/mine/eval
    """


@kaldi.group("export")
def export() -> None:
    """svtok's tables in, Kaldi's files out.

    \b
    Example:
      svtok kaldi export data data/mine/eval --out kaldi/data/eval
    """


@import_.command("data")
@click.argument("folder", type=EXISTING_FOLDER, metavar="DIR")
@_out_folder
@click.option(
    "--enroll", type=EXISTING_FOLDER, metavar="DIR", help="Data directory that enrolls: its spk2utt gives the models."
)
@click.option("--trials", type=EXISTING_FILE, show_default="DIR/trials, where it is there", help="List of trials.")
@kaldi_options
@jobs_option
@makes("out", format=FORMAT)
def import_data(
    folder: Path,
    out: Path,
    enroll: Path | None,
    trials: Path | None,
    phrase: str | None,
    wav_root: Path | None,
    jobs: int,
) -> None:
    """Turn the Kaldi data directory DIR, or that of the tests and that which enrolls, into a prepared set.

    Read are wav.scp, utt2spk, utt2phrase and, where they are there, segments, text, spk2gender, utt2lang, utt2session,
    enroll_spk2utt (a model, then its utterances), model2spk, model2phrase and trials. Without models, trials are
    between utterances. They may name recordings by the end of their paths, with the label first, as VoxCeleb's do. A
    pipe in wav.scp is refused: run it, and list its output.

    \b
    Example:
      svtok kaldi import data kaldi/data/eval --out data/mine/eval
      svtok kaldi import data kaldi/data/eval_test --enroll kaldi/data/eval_enroll --phrase any --out data/sre/eval
      svtok kaldi import data kaldi/data/vox1 --trials veri_test.txt --phrase any --out data/vox1/eval
    """
    from svtok.corpora.kaldi import import_set

    prepared = import_set(folder, enroll=enroll, trials=trials, phrase=phrase, wav_root=wav_root, jobs=jobs)
    _write_set(prepared, out)


def _write_set(prepared: PreparedSet, out: Path) -> None:
    from svtok.manifest.sets import write_set
    from svtok.manifest.validate import describe_sets

    write_set(prepared, out)
    click.echo(describe_sets({out.name: prepared}))
    click.echo(f"wrote {out}")


@import_.command("trials")
@click.argument("file", type=EXISTING_FILE)
@click.option("--out", type=FILE_OR_FOLDER, required=True, help="Table to write; with --data, a set.")
@click.option(
    "--data",
    type=EXISTING_FOLDER,
    help="Prepared set of the recordings: --out is that set with these trials, and a model of each utterance that the "
    "list names first.",
)
@makes("out", format=FORMAT)
def import_trials(file: Path, out: Path, data: Path | None) -> None:
    """Turn a list `model utt [target|nontarget] [TC|TW|IC|IW]` into a table of trials (.tsv or .parquet), or a list
    `1|0 a.wav b.wav`, as VoxCeleb's and SpeechBrain's are.

    \b
    Example:
      svtok kaldi import trials kaldi/data/eval/trials --out data/mine/eval/trials.tsv
      svtok kaldi import trials veri_test.txt --data data/vox1/eval --out data/vox1-o/eval
    """
    if data is not None:
        from svtok.manifest.kaldi.reading import with_trials
        from svtok.manifest.sets import PreparedSet, read_set

        known = read_set(data)
        prepared = with_trials(PreparedSet(known.utterances, folder=known.folder), file)
        _write_set(prepared, out)
        return
    from svtok.manifest.kaldi.lists import read_trial_list
    from svtok.manifest.tables import write_trials

    trials = read_trial_list(file)
    write_trials(trials, out)
    click.echo(f"wrote {out}: {len(trials)} trials")


@import_.command("scores")
@click.argument("file", type=EXISTING_FILE)
@_out_file
@makes("out", format=FORMAT)
def import_scores(file: Path, out: Path) -> None:
    """Turn a list `model utt score` into a table of scores; a label before or behind the score is found and left out.

    \b
    Example:
      svtok kaldi import scores wespeaker/scores/trials.score --out exp/wespeaker/scores.tsv
    """
    from svtok.manifest.kaldi.lists import read_score_list
    from svtok.scoring.scores import write_scores

    scores = read_score_list(file)
    write_scores(out, scores, scores["score"].to_numpy(float))
    click.echo(f"wrote {out}: {len(scores)} scores")


def _archives(given: Options) -> list[tuple[int, int]]:
    """Sizes and times of the archives that a .scp names."""
    from svtok.manifest.kaldi.archives import archives

    return [state(path) for path in archives(given["file"])] if given["file"].suffix == ".scp" else []


@import_.command("embeddings")
@click.argument("file", type=EXISTING_FILE)
@click.option("--table", type=EXISTING_FILE, help="Of a .npy: table with a column utt, the utterance of each row.")
@click.option(
    "--data",
    type=EXISTING_FOLDER,
    help="Prepared set whose utterances are taken; each must have a vector. Default: all that FILE has.",
)
@click.option(
    "--network",
    required=True,
    metavar="NAME",
    help="Name of what made them; only embeddings with one name are scored together.",
)
@_out_folder
@makes("out", format=EMBEDDINGS_FORMAT, reads=_archives)
def import_embeddings(file: Path, table: Path | None, data: Path | None, network: str, out: Path) -> None:
    """Turn vectors of another toolkit into a folder of embeddings: a Kaldi archive (.ark), its list (.scp), or an
    array (.npy) with a table of its rows.

    \b
    Examples:
      svtok kaldi import embeddings exp/xvector.scp --network xvector --data data/my/train --out exp/xvector/train
      svtok kaldi import embeddings vectors.npy --table vectors.tsv --network titanet --out exp/titanet/train
    """
    from svtok.embeddings.foreign import import_embeddings as import_vectors

    count, dim = import_vectors(file, table, data, network, out)
    click.echo(f"wrote {out}: {count} embeddings of {dim} dimensions")


@import_.command("features")
@click.argument("file", type=EXISTING_FILE)
@click.option(
    "--config",
    type=EXISTING_FILE,
    required=True,
    help="YAML file that says what they are: kind, bands, rate and all else as Kaldi computed them.",
)
@click.option(
    "--data",
    type=EXISTING_FOLDER,
    help="Prepared set whose utterances are taken; each must have features. Default: all that FILE has.",
)
@_out_folder
@makes("out", reads=_archives)
def import_features(file: Path, config: Path, data: Path | None, out: Path) -> None:
    """Turn features of Kaldi (.ark, or a list such as feats.scp; compressed or not) into a folder of features.

    A network that is trained on them computes the features of recordings by --config: it must say of everything how
    Kaldi did it, the normalisation of utterances included.

    \b
    Example:
      svtok config features > conf/features.yaml
      svtok kaldi import features kaldi/data/train/feats.scp --config conf/features.yaml --out feats/mine/train
    """
    from svtok.features.config import read_features_config
    from svtok.features.foreign import import_features as import_matrices

    count, frames = import_matrices(file, read_features_config(config), data, out)
    click.echo(f"wrote {out}: {frames} frames of {count} utterances")


@export.command("features")
@click.argument("folder", type=EXISTING_FOLDER, metavar="DIR")
@_out_ark
def export_features(folder: Path, out: Path) -> None:
    """Write the features in DIR as a Kaldi archive of matrices, feats.ark, and its list beside it, feats.scp.

    \b
    Example:
      svtok kaldi export features feats/mine/eval --out kaldi/data/eval/feats.ark
    """
    from svtok.features.foreign import export_features as export_matrices

    count, frames = export_matrices(folder, out)
    confirm(f"wrote {out} and {out.with_suffix('.scp').name}: {frames} frames of {count} utterances")


@export.command("embeddings")
@click.argument("folder", type=EXISTING_FOLDER, metavar="DIR")
@_out_ark
def export_embeddings(folder: Path, out: Path) -> None:
    """Write the embeddings in DIR as a Kaldi archive of vectors, xvector.ark, and its list beside it, xvector.scp.

    \b
    Example:
      svtok kaldi export embeddings exp/cls/embeddings/eval --out kaldi/exp/cls/xvector.ark
    """
    from svtok.embeddings.store import read_embeddings
    from svtok.manifest.kaldi.archives import write_archive

    embeddings = read_embeddings(folder)
    count = write_archive(out, zip(embeddings.utts, embeddings.vectors, strict=True))
    confirm(f"wrote {out} and {out.with_suffix('.scp').name}: {count} embeddings")


@export.command("data")
@click.argument("folder", type=EXISTING_FOLDER, metavar="SET")
@_out_folder
@click.option("--prefix-speaker", is_flag=True, help="Put the speaker and '-' before every utterance id.")
def export_data(folder: Path, out: Path, prefix_speaker: bool) -> None:
    """Turn the prepared set SET into a data directory that passes Kaldi's validate_data_dir.sh --no-feats.

    Beside Kaldi's files it holds utt2phrase, enroll_spk2utt, model2spk, model2phrase, trials and trial_types.

    \b
    Example:
      svtok kaldi export data data/mine/eval --out kaldi/data/eval
    """
    from svtok.manifest.kaldi.writing import write_data_dir
    from svtok.manifest.sets import read_set

    prepared = read_set(folder)
    write_data_dir(prepared, out, prefix_speaker=prefix_speaker)
    confirm(f"wrote {out}: {len(prepared.utterances)} utterances")


@export.command("trials")
@click.argument("folder", type=EXISTING_FOLDER, metavar="SET")
@_out_file
@format_option("trials")
def export_trials(folder: Path, out: Path, toolkit: Toolkit) -> None:
    """Write the trials of the prepared set SET as `model utt target|nontarget`.

    --format speechbrain and voxceleb: as `1|0 recording recording`, where each model is one utterance.

    \b
    Example:
      svtok kaldi export trials data/mine/eval --out trials
      svtok kaldi export trials data/vox1-o/eval --format voxceleb --out veri_test.txt
    """
    from svtok.manifest.kaldi.lists import write_trial_list
    from svtok.manifest.kaldi.writing import by_recordings
    from svtok.manifest.sets import read_set
    from svtok.manifest.trial_types import types_or_labels

    prepared = read_set(folder)
    models, trials = prepared.protocol()
    listed = by_recordings(prepared) if toolkit in ("speechbrain", "voxceleb") else trials
    write_trial_list(listed.assign(type=types_or_labels(trials, models, prepared.utterances)), out, toolkit)
    confirm(f"wrote {out}: {len(trials)} trials")


@export.command("scores")
@click.argument("file", type=EXISTING_FILE)
@_out_file
@format_option("scores")
@click.option("--data", type=EXISTING_FOLDER, help="Prepared set of the trials, for the labels that --format needs.")
@click.option("--trials", "trial_list", type=EXISTING_FILE, help="The same as a list of trials.")
def export_scores(file: Path, out: Path, toolkit: Toolkit, data: Path | None, trial_list: Path | None) -> None:
    """Write a table of scores as `model utt score`, in its order and at full precision.

    With a label as other toolkits do, `model utt score target|nontarget` (wespeaker), `model utt target|nontarget
    score` (3d-speaker) or `model utt 1|0 score` (speechbrain), these are in the order of the trials.

    \b
    Example:
      svtok kaldi export scores exp/cls/scores.tsv --out scores
      svtok kaldi export scores exp/cls/scores.tsv --format wespeaker --data data/mine/eval --out mine.score
    """
    from svtok.manifest.kaldi.lists import write_score_list
    from svtok.manifest.trial_types import types_or_labels
    from svtok.scoring.scores import read_scores, scores_of_trials

    if (toolkit == "kaldi") != (data is None and trial_list is None) or (data and trial_list):
        raise click.UsageError("a format with labels needs the trials, --data or --trials; kaldi's has none")
    scores = read_scores(file)
    if toolkit != "kaldi":
        prepared = set_or_list(data, trial_list)
        models, trials = prepared.protocol()
        types = types_or_labels(trials, models, prepared.utterances)
        scores = trials[["model", "utt"]].assign(score=scores_of_trials(scores, trials, path=file), type=types)
    write_score_list(scores, out, toolkit)
    confirm(f"wrote {out}: {len(scores)} scores")
