"""svtok extract-features, extract-embeddings."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.fresh import Options, features_read, makes
from svtok.cli.options import data_option, device_option, features_option, jobs_option, only_corpus
from svtok.cli.values import FILE, FOLDER, NETWORK, LayerType
from svtok.embeddings import FORMAT
from svtok.errors import SvtokError
from svtok.fresh import recordings
from svtok.places import EXPERIMENTS
from svtok.pretrained import PRETRAINED, pretrained_folder
from svtok.trained import ENCODERS
from svtok.trained.onnx_folder import is_onnx_folder


@click.command("extract-features")
@click.argument("folders", nargs=-1, type=FOLDER, metavar="")  # the old form of --data, not shown
@click.option(
    "--data",
    multiple=True,
    type=FOLDER,
    show_default="data/CORPUS with all its sets, where one corpus is prepared",
    help="Prepared set, or a corpus with all its sets. May be repeated.",
)
@click.option(
    "--config",
    type=FILE,
    help="YAML file with a section 'features'; default: those that --phonetic was trained with, else the defaults.",
)
@click.option("--phonetic", type=FOLDER, help="Folder of a phonetic network, whose bottleneck is added to each frame.")
@click.option(
    "--out",
    type=FOLDER,
    show_default="feats/CORPUS/SET beside data/CORPUS/SET",
    help="Folder of the features; for one set only.",
)
@jobs_option
def extract_features(
    folders: tuple[Path, ...],
    data: tuple[Path, ...],
    config: Path | None,
    phonetic: Path | None,
    out: Path | None,
    jobs: int,
) -> None:
    """Compute the features of prepared sets, each into one memory-mapped array with an index.

    Finished work is kept: an interrupted run goes on, and features whose recordings and configuration have not changed
    are not computed again. Every recording that cannot be used is named at the end, and nothing is written for its set.

    \b
    Examples:
      svtok extract-features --data data/rsr2015 --config conf/features.yaml --jobs 4
      svtok extract-features --data data/rsr2015/train --phonetic exp/phonetic --out feats/rsr2015-phonetic/train
    """
    from svtok.features.config import FeaturesConfig, read_features_config
    from svtok.features.extract import extract_features as extract
    from svtok.features.store import FeatureStore
    from svtok.manifest.sets import read_set, set_folders
    from svtok.places import features_folder
    from svtok.ranks import current_ranks

    sets = [found for folder in data + folders or (only_corpus(),) for found in set_folders(folder)]
    if out is not None and len(sets) > 1:
        raise SvtokError(f"--out names the folder of one set, but {len(sets)} are given; leave it out")
    settings = read_features_config(config) if config else None
    embedder = None
    if phonetic is not None:
        from svtok.trained.phones import PhoneticEmbedder

        embedder = PhoneticEmbedder.open(phonetic, settings)
        settings = embedder.features
    ranks = current_ranks()
    for folder in sets:
        target = out or features_folder(folder)
        done = extract(read_set(folder), settings or FeaturesConfig(), target, jobs, embedder, ranks)
        store = FeatureStore.open(target)
        click.echo(f"{target}: {len(store)} utterances, {store.dim} dimensions{'' if done else ': up to date'}")


def _embeddings_folder(given: Options) -> Path | None:
    name = given["data"].name
    if (given["network"] is None) == (given["encoder"] is None):
        return None  # which the command refuses
    network = Path(given["network"] or EXPERIMENTS / given["encoder"])
    if network == pretrained_folder():
        network = EXPERIMENTS / PRETRAINED  # nothing is written beside it
    if given["frame_states"]:
        return network / "states" / name
    return network / "embeddings" / (f"{name}-joined" if given["joined_models"] else name)


def _embedded(given: Options) -> object:
    """What is read beside the set: of an encoder its weights, where they are installed, and the recordings."""
    if given["encoder"] is None:
        exported = given["network"] is not None and is_onnx_folder(given["network"])
        return recordings(given["data"]) if exported else features_read(given)
    from svtok.trained.encoders import weights_file

    try:
        return weights_file(given["encoder"]), recordings(given["data"])
    except SvtokError:
        return None  # the command itself says what is wrong


@click.command("extract-embeddings")
@click.option(
    "--network",
    type=NETWORK,
    help="Folder of a trained network, or of one that `svtok export` wrote; `pretrained`: that which comes with svtok.",
)
@click.option(
    "--encoder",
    type=click.Choice(ENCODERS),
    help="In place of --network, a public speaker encoder, which reads the recordings at 16 kHz; resemblyzer: "
    "pip install 'svtok[resemblyzer]'.",
)
@data_option("eval")
@features_option
@click.option(
    "--out", type=FOLDER, help="Folder of the embeddings; default: NETWORK/embeddings/SET (exp/ENCODER/embeddings/SET)."
)
@click.option(
    "--joined-models",
    is_flag=True,
    help="One embedding for each enrollment model, of its utterances joined in time; --out is by default "
    "NETWORK/embeddings/SET-joined.",
)
@click.option(
    "--frame-states",
    is_flag=True,
    help="The states of all frames in place of embeddings, for `svtok score --backend dtw`; of the network of `svtok "
    "train-phonetic`, the posteriors of its phones. --out is by default NETWORK/states/SET.",
)
@click.option(
    "--layer",
    type=LayerType(),
    show_default="the last",
    help="With --frame-states: after which layer of the encoder; 0: after the front-end; features: before it.",
)
@device_option
@makes("out", format=FORMAT, default=_embeddings_folder, reads=_embedded)
def extract_embeddings(
    network: Path | None,
    encoder: str | None,
    data: Path,
    features: Path | None,
    out: Path,
    joined_models: bool,
    frame_states: bool,
    layer: int | None,
    device: str,
) -> None:
    """Compute the embedding of each utterance of a prepared set.

    With --joined-models, the features of a model's utterances, which are normalised an utterance at a time, are joined
    before the network reads them: `svtok score --enroll joined-audio` takes such embeddings. Where the set has
    no features stored, they are computed as the network was trained with, and not kept.

    \b
    Example:
      svtok extract-embeddings --network exp/cls --data data/my/eval --out exp/cls/embeddings/eval
      svtok extract-embeddings --network exp/cls --data data/my/eval --joined-models
      svtok extract-embeddings --network exp/cls --data data/my/eval --frame-states
      svtok extract-embeddings --network exp/cls-onnx --data data/my/eval
      svtok extract-embeddings --encoder resemblyzer --data data/my/eval --out exp/resemblyzer/embeddings/eval
    """
    if (network is None) == (encoder is None):
        raise click.UsageError("name a network (--network DIR) or a public encoder (--encoder NAME), and only one")
    if encoder is not None and (features or joined_models or frame_states):
        raise click.UsageError("--features, --joined-models and --frame-states are of a --network, not of an --encoder")
    if frame_states and joined_models:
        raise click.UsageError("--frame-states are of utterances, --joined-models of models: ask for one")
    if layer is not None and not frame_states:
        raise click.UsageError("--layer is of --frame-states")
    if network is not None and is_onnx_folder(network) and (features or joined_models or frame_states):
        raise click.UsageError(
            f"{network} is an exported network, which reads recordings alone: --features, --joined-models and "
            "--frame-states are of the network that it was made of"
        )
    from svtok.embeddings.extract import extract_embeddings as extract
    from svtok.embeddings.extract import extract_encoder_embeddings, extract_exported_embeddings
    from svtok.ranks import current_ranks
    from svtok.trained.inference import pick_device

    ranks = current_ranks()
    if ranks.world > 1 and (encoder or frame_states or (network is not None and is_onnx_folder(network))):
        raise click.UsageError(
            "--encoder, --frame-states and exported networks are the work of one process: start it without torchrun"
        )
    if encoder is not None:
        count = extract_encoder_embeddings(encoder, data, out, pick_device(device))
        click.echo(f"{out}: embeddings of {count} utterances")
        return
    assert network is not None
    if is_onnx_folder(network):
        count = extract_exported_embeddings(network, data, out)
        click.echo(f"{out}: embeddings of {count} utterances")
        return
    if frame_states:
        from svtok.embeddings.states import extract_frame_states

        count = extract_frame_states(network, data, features, out, pick_device(device), layer=layer)
        click.echo(f"{out}: frame states of {count} utterances")
        return
    count = extract(network, data, features, out, pick_device(device), joined=joined_models, ranks=ranks)
    click.echo(f"{out}: embeddings of {count} {'models' if joined_models else 'utterances'}")
