"""A corpus split by phrase as well as by speaker: dev and eval say what no training heard."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from svtok.errors import Problem, SvtokError, first_few, raise_problems, unknown_name
from svtok.manifest.sets import PreparedSet, without_utterances
from svtok.manifest.tables import fields_of_lines


def hold_out_phrases(
    where: Path, sets: Mapping[str, PreparedSet], new: int | Path, seed: int
) -> dict[str, PreparedSet]:
    """The sets split by phrase as well: train says no new phrase, the others nothing else.

    Args:
        where: the corpus, which errors name.
        sets: train and others, of other speakers, that say the same phrases.
        new: how many phrases are new, drawn from those that all sets say; or a file that names them, one a line.
        seed: of the draw.

    Raises:
        ProblemsError: with every line of the file that is not a phrase of the other sets.
        SvtokError: where there is no train set, or a set would have nothing left to say or to test.
    """
    said = {name: set(prepared.utterances["phrase"]) for name, prepared in sets.items()}
    if set(said) <= {"train"} or "train" not in said:
        raise SvtokError(
            f"{where}: phrases are new to dev and eval where train lacks them; there is only {', '.join(said)}"
        )
    if isinstance(new, Path):
        chosen = _named_phrases(new, set().union(*(said[name] for name in said if name != "train")))
    else:
        shared = sorted(set.intersection(*said.values()))
        if not 0 < new < len(shared):
            raise SvtokError(
                f"{where}: {new} new phrases of the {len(shared)} that all sets say: at least 1 must be new, and 1 be "
                "left to train on"
            )
        chosen = set(np.random.default_rng(seed).permutation(np.array(shared, object))[:new])
    out = {}
    for name, prepared in sets.items():
        utterances = prepared.utterances
        gone = utterances["phrase"].isin(chosen) == (name == "train")
        left = without_utterances(prepared, set(utterances["utt"][gone]))
        if left.utterances.empty or (left.trials is not None and left.trials.empty):
            raise SvtokError(
                f"{where}: the set {name} has nothing left with these new phrases: {first_few(sorted(chosen))}"
            )
        out[name] = left
    return out


def _named_phrases(file: Path, known: Collection[str]) -> set[str]:
    """The phrases that a file names, of those that are known."""
    chosen, problems = set(), []
    for number, fields in fields_of_lines(file):
        phrase = " ".join(fields)
        if phrase in known:
            chosen.add(phrase)
        else:
            problems.append(
                Problem(f"{unknown_name('phrase', phrase, known)}; dev and eval do not say it", file, number)
            )
    raise_problems(problems)
    if not chosen:
        raise SvtokError(f"{file}: names no phrase; a line is a phrase")
    return chosen
