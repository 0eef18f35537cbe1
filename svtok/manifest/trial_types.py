"""The type of a trial: is it the model's speaker, and is it the model's phrase?

TC target-correct, TW target-wrong (phrase), IC impostor-correct, IW impostor-wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.names import TARGET_TYPES, TRIAL_TYPES
from svtok.manifest.schema import TRIAL_LABELS, UNKNOWN, codes_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "TARGET_TYPES",
    "TRIAL_TYPES",
    "UnknownTypesError",
    "agree",
    "derive_types",
    "is_unknown",
    "rows_in",
    "trials_as_categories",
    "types_of",
    "types_or_labels",
]


class UnknownTypesError(SvtokError):
    """The types of the trials are not known: a challenge without its keys."""


def types_of(trials: pd.DataFrame, models: pd.DataFrame, utterances: pd.DataFrame) -> pd.Categorical[str]:
    """The type TC TW IC IW of each trial, as the trials say, or else as `derive_types` finds.

    Args:
        trials: N rows with model, utt and, where it is known, type.
        models: with model, spk, phrase.
        utterances: with utt, spk, phrase.

    Returns:
        (N,), with the categories TRIAL_TYPES.
    """
    import pandas as pd

    if "type" in trials and set(trials["type"].unique()) <= set(TRIAL_TYPES):
        return pd.Categorical(trials["type"], categories=list(TRIAL_TYPES))
    return derive_types(trials, models, utterances)


def types_or_labels(trials: pd.DataFrame, models: pd.DataFrame, utterances: pd.DataFrame) -> pd.Categorical[str]:
    """As `types_of`, but where the trials say only target or nontarget, this.

    Args:
        trials: N rows, as for `types_of`.
        models: as for `types_of`.
        utterances: as for `types_of`.

    Returns:
        (N,), with the types or the labels as categories.
    """
    import pandas as pd

    return pd.Categorical(trials["type"]) if "type" in trials else derive_types(trials, models, utterances)


def derive_types(trials: pd.DataFrame, models: pd.DataFrame, utterances: pd.DataFrame) -> pd.Categorical[str]:
    """The type of each trial, from the speaker and phrase of its model and of its test utterance.

    Args:
        trials: N rows with model and utt.
        models: with model, spk, phrase.
        utterances: with utt, spk, phrase.

    Returns:
        (N,), with the categories TRIAL_TYPES.

    Raises:
        ProblemsError: that names each model and utterance that is in no table.
        UnknownTypesError: where a speaker or a phrase is not known.
    """
    import pandas as pd

    model, utt = rows_in(trials["model"], models["model"]), rows_in(trials["utt"], utterances["utt"])
    raise_problems(
        [
            Problem(f"unknown {what} '{name}' in a trial")
            for what, rows, column in (("model", model, "model"), ("utterance", utt, "utt"))
            for name in pd.unique(trials[column][rows < 0])
        ]
    )
    unknown = np.count_nonzero(is_unknown(models)[model] | is_unknown(utterances)[utt])
    if unknown:
        raise UnknownTypesError(
            f"the types of {unknown} of {len(trials)} trials are not known: speaker or phrase is '{UNKNOWN}', and the "
            "trials have no column 'type'; prepare the corpus with its keys"
        )
    impostor = ~agree("spk", models, model, utterances, utt)
    wrong = ~agree("phrase", models, model, utterances, utt)
    codes = impostor.astype(np.int8) * 2 + wrong
    return pd.Categorical.from_codes(codes, categories=pd.Index(TRIAL_TYPES))


def is_unknown(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether the speaker or the phrase of each row of a table of models or utterances is not known."""
    return np.asarray((table["spk"] == UNKNOWN) | (table["phrase"] == UNKNOWN), bool)


def rows_in(names: pd.Series, table: pd.Series) -> npt.NDArray[np.int64]:
    """For each name its (first) row in the column `table`, -1 where it is not there."""
    import pandas as pd

    codes, values = codes_of(names)
    first = np.flatnonzero(~table.duplicated())
    places = pd.Index(table.iloc[first]).get_indexer(pd.Index(values, dtype=object))
    return np.append(first, -1)[places][codes]


def agree(
    column: str,
    models: pd.DataFrame,
    model: npt.NDArray[np.int64],
    utterances: pd.DataFrame,
    utt: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Whether each trial's model and utterance agree in `column`.

    Args:
        column: a column of both tables, such as spk or phrase.
        models: the table of models.
        model: (N,), the row of each trial's model.
        utterances: the table of utterances.
        utt: (N,), the row of each trial's test.

    Returns:
        (N,).
    """
    import pandas as pd

    codes, _ = pd.factorize(np.concatenate([models[column].to_numpy(object), utterances[column].to_numpy(object)]))
    return np.asarray(codes[: len(models)][model] == codes[len(models) :][utt])


def trials_as_categories(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials as categories: models and utterances in bytewise order, types in the order TC TW IC IW."""
    import pandas as pd

    columns = {name: _as_category(trials[name]) for name in ("model", "utt")}
    if "type" in trials:
        columns["type"] = _as_category(trials["type"], TRIAL_TYPES, TRIAL_LABELS)
    return pd.DataFrame(columns)


def _as_category(column: pd.Series, *orders: tuple[str, ...]) -> pd.Series:
    """The column as Categorical: its values in the first order that has them all, or else in bytewise order."""
    category = column.astype("category")
    found = list(category.cat.categories)
    wanted = next((list(order) for order in orders if set(found) <= set(order)), sorted(found))
    return category if found == wanted else category.cat.set_categories(wanted)
