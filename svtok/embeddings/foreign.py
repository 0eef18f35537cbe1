"""Embeddings of other toolkits: Kaldi's archives of vectors (`.ark`, `.scp`), and a `.npy` with a table of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.store import write_embeddings
from svtok.errors import Problem, ProblemsError, SvtokError, first_few, raise_problems
from svtok.files import read_array
from svtok.manifest.kaldi.archives import Named, read_named
from svtok.manifest.sets import read_set
from svtok.manifest.tables import Lines, read_rows


def import_embeddings(file: Path, table: Path | None, data: Path | None, network: str, out: Path) -> tuple[int, int]:
    """Write the embeddings of another toolkit as a folder of ours.

    Args:
        file: `.ark`, `.scp`, or `.npy` of an array (N, D).
        table: of `.npy`: a table with a column `utt`, the name of each row.
        data: a prepared set, whose utterances are written, and each must have a vector; None: all that there are.
        network: what made them; only embeddings of one network are scored together.
        out: the folder to write.

    Returns:
        How many embeddings there are, and of how many dimensions.

    Raises:
        ProblemsError: utterances are missing or named twice, dimensions differ, or a value is not finite; with all.
        SvtokError: a file is of another kind, or damaged.
    """
    if (file.suffix == ".npy") != (table is not None):
        raise SvtokError(f"{file}: a .npy, and nothing else, has a table of the utterances of its rows (--table)")
    wanted = None if data is None else read_set(data).utterances["utt"].tolist()
    kept, problems = _checked(_read(file, table), table or file, None if wanted is None else set(wanted))
    if missing := [utt for utt in wanted or () if utt not in kept]:
        problems.append(Problem(f"{len(missing)} utterances of {data} have no vector: {first_few(missing)}", file))
    raise_problems(problems)
    if not kept:
        raise SvtokError(f"{file}: has no vectors")
    vectors = np.stack(list(kept.values()))
    write_embeddings(out, list(kept), vectors, network)
    return len(kept), vectors.shape[1]


def _read(file: Path, table: Path | None) -> Iterable[Named]:
    if table is not None:
        return _read_rows(file, table)
    if file.suffix not in (".ark", ".scp"):
        raise SvtokError(f"{file}: embeddings are imported from .ark, .scp or .npy, by the end of the name")
    return read_named(file, 1)


def _checked(
    named: Iterable[Named], where: Path, wanted: set[str] | None
) -> tuple[dict[str, NDArray[np.float32]], list[Problem]]:
    """The vectors of the utterances that are wanted (None: of all), and all that is wrong with them."""
    kept: dict[str, NDArray[np.float32]] = {}
    problems = []
    dim = None
    for utt, vector, line in named:
        if wanted is not None and utt not in wanted:
            continue
        dim = len(vector) if dim is None else dim
        faults = {
            "is there twice": utt in kept,
            f"has {len(vector)} dimensions, the first {dim}": len(vector) != dim,
            "holds NaN or infinity": not np.isfinite(vector).all(),
        }
        problems += [Problem(f"the vector of '{utt}' {what}", where, line) for what, holds in faults.items() if holds]
        kept.setdefault(utt, vector)
    return kept, problems


def _read_rows(file: Path, table: Path) -> Iterator[Named]:
    """The rows of a `.npy`, named by the column `utt` of a tab-separated table."""
    array = read_array(file, "write it with numpy.save", any_float=True)
    lines = Lines.open(table)
    names = lines.header.split("\t")
    if "utt" not in names:
        raise ProblemsError([Problem("the header has no 'utt'; it names the columns, with tabs between", table, 1)])
    utts = read_rows(lines, names, delimiter="\t")["utt"].to_pylist()
    if len(utts) != len(array):
        raise SvtokError(f"{table}: names {len(utts)} utterances, but {file} has {len(array)} rows")
    for row, utt in enumerate(utts):
        yield Named(utt, array[row].astype(np.float32), row + 2)
