"""svtok export: a network for others, as an ONNX graph or a folder for the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from svtok.cli.fresh import Options, makes
from svtok.cli.hub import hub_options, write_hub
from svtok.cli.options import network_option
from svtok.cli.values import FOLDER

FORMAT = 1
"""Of the graph; another one where that of the same network changes."""


def _scorer(given: Options) -> Path | None:
    """The scorer that goes along: the one named, or that of the network's folder."""
    if given["scorer"] is not None:
        return Path(given["scorer"])
    beside = Path(given["network"]) / "scorer"
    return beside if beside.is_dir() else None


@click.command("export")
@network_option()
@click.option("--out", type=FOLDER, help="Folder to write for programs without torch: an ONNX graph.")
@click.option(
    "--scorer", type=FOLDER, show_default="NETWORK/scorer, if it is there", help="Folder of a scorer to go along."
)
@click.option(
    "--int8", is_flag=True, help="With --out: round the weights to 8 bits, for half the size and a little accuracy."
)
@hub_options
@makes("out", "hub", format=FORMAT, reads=_scorer)
def export(network: Path, out: Path | None, scorer: Path | None, int8: bool, hub: Path | None, **card: Any) -> None:
    """Write a network, with its features, as a folder that needs neither torch nor torchaudio (--out): an ONNX graph
    that takes samples and gives embeddings. Or write it as a folder for the Hugging Face hub (--hub).

    The graph is compared with torch on noise like speech of several lengths, and nothing is written where they differ.
    `svtok enroll`, `verify` and `identify` take either folder as their --network, and voices enrolled with the one
    network verify with the others.

    \b
    Example:
      svtok export --network exp/cls --out exp/cls-onnx
      svtok verify --network exp/cls-onnx --speaker anna d.wav
      svtok export --network exp/cls --out exp/cls-int8 --int8
      svtok export --network exp/cls --hub hub/door --license cc-by-4.0 --language en --evaluation exp/cls/eval.json
    """
    if hub is None and (given := [name for name, value in card.items() if value]):
        raise click.UsageError(f"--{given[0].removesuffix('_name').replace('_', '-')} is of --hub")
    if out is None and int8:
        raise click.UsageError("--int8 is of --out")
    if out is None and hub is None:
        raise click.UsageError("name the folder to write: --out DIR for an ONNX graph, --hub DIR for the hub")
    beside = _scorer({"network": network, "scorer": scorer})
    if hub is not None:
        write_hub(network, hub, beside, **card)
    if out is not None:
        _write_graph(network, out, beside, int8=int8)


def _write_graph(network: Path, out: Path, scorer: Path | None, *, int8: bool) -> None:
    from svtok.scoring.store import load_scorer
    from svtok.trained.folder import load_network
    from svtok.trained.onnx_export import export_onnx
    from svtok.trained.onnx_folder import GRAPH

    trained = load_network(network)
    layer = max(trained.layers)
    if scorer is not None:
        fitted = load_scorer(scorer)
        fitted.refuse_other(trained.hash, str(network))
        layer = fitted.warping.layer if fitted.warping else layer
    about = export_onnx(trained, out, layer=layer, scorer=scorer, int8=int8).about
    size = (out / GRAPH).stat().st_size / 1e6
    exact = f"cosine with torch's at least {about.cosine:.4f}" if int8 else f"within {about.deviation:.1g} of torch's"
    with_scorer = ", with its scorer" if scorer else ""
    click.echo(f"{out}: a graph of {size:.1f} MB, embeddings of {about.dim} dimensions, {exact}{with_scorer}")
