"""What a file or folder of svtok's is, and what it holds, in a few facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svtok.errors import SvtokError

if TYPE_CHECKING:
    import pandas as pd

Facts = dict[str, Any]
"""By their names: values that JSON can hold, None where something is not known."""
SHOWN_OF_HASH = 12
SQLITE = b"SQLite format 3\0"


def describe(path: Path) -> Facts:
    """What a file or folder is, under `kind`, and what it holds.

    Args:
        path: a network, an exported one, features, embeddings, frame states, a scorer, a prepared corpus or set, a
            table, a store of voices, a calibration or fusion, a plan, results or an evaluation.

    Raises:
        SvtokError: there is nothing, or nothing that svtok knows; or it is damaged, as its own reader says.
    """
    if not path.exists():
        raise SvtokError(f"{path}: there is no such file or folder")
    if path.is_dir():
        for mark, (_, facts) in FOLDERS.items():
            if (path / mark).is_file():
                return facts(path)
        raise SvtokError(f"{path}: not a folder that svtok knows; {_known()}")
    found = next((facts(path) for (suffix, _), facts in FILES.items() if path.suffix == suffix), None)
    if found is not None:
        return found
    with open(path, "rb") as stream:
        if stream.read(len(SQLITE)) == SQLITE:
            return _voices(path)
    if path.name in FOLDERS or path.name in PARTS:
        raise SvtokError(f"{path}: is a part of a folder; give the folder, {path.parent}")
    raise SvtokError(f"{path}: not a file that svtok knows; {_known()}")


def info_text(path: Path, facts: Mapping[str, Any]) -> str:
    """The facts as lines under the path and the kind; what is not known is left out.

    >>> print(info_text(Path("exp/cls"), {"kind": "network", "head": "cls", "teacher": None}))
    exp/cls: network
      head  cls
    """
    shown = {name: value for name, value in facts.items() if name != "kind" and value is not None}
    width = max(map(len, shown), default=0)
    return "\n".join([f"{path}: {facts['kind']}", *(f"  {name:<{width}}  {_text(shown[name])}" for name in shown)])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)


def _known() -> str:
    kinds = [kind for kind, _ in FOLDERS.values()]
    files = [f"{kind} ({suffix})" for suffix, kind in FILES]
    return f"known are folders of {', '.join(kinds)}; and files: {', '.join(files)}, a store of voices"


def _network(folder: Path) -> Facts:
    from svtok.config import load_yaml
    from svtok.trained.folder import CLASSES, CONFIG, LOG, WEIGHTS, read_training_log, weights_hash
    from svtok.trained.phones import PHONES

    tree = load_yaml(folder / CONFIG)
    network, features, run = (_section(tree, name) for name in ("network", "features", "run"))
    ended, phonetic = (folder / WEIGHTS).is_file(), (folder / PHONES).is_file()
    lines = (folder / (PHONES if phonetic else CLASSES)).is_file()
    log = read_training_log(folder) if (folder / LOG).is_file() else None
    measured = log is not None and "dev_eer" in log and log["dev_eer"].notna().any()
    teacher = run.get("teacher")
    train = run.get("train")
    return {
        "kind": "phonetic network" if phonetic else "network",
        "head": network.get("head"),
        "layers": network.get("layers"),
        "parameters": _parameters(folder / WEIGHTS) if ended else None,
        "training": "ended" if ended else "has not ended",
        "epochs": None if log is None else len(log),
        "lowest dev EER": float(log["dev_eer"].min()) if log is not None and measured else None,
        "phones" if phonetic else "classes": _rows(folder / (PHONES if phonetic else CLASSES)) if lines else None,
        "features": features.get("kind"),
        "sample rate": features.get("sample_rate"),
        "trained on": train.get("data") if isinstance(train, dict) else None,
        "teacher": str(teacher)[:SHOWN_OF_HASH] if isinstance(teacher, str) else None if teacher is None else "yes",
        "seed": run.get("seed"),
        "hash": weights_hash(folder) if ended else None,
        "svtok": run.get("svtok"),
    }


def _exported(folder: Path) -> Facts:
    from svtok.config import load_yaml
    from svtok.trained.onnx_folder import CONFIG, GRAPH, load_onnx

    exported, network = load_onnx(folder), _section(load_yaml(folder / CONFIG), "network")
    about, features = exported.about, exported.features
    return {
        "kind": "exported network",
        "head": network.get("head"),
        "layers": network.get("layers"),
        "dimensions": about.dim,
        "states after layer": about.layer,
        "features": features.kind,
        "sample rate": features.sample_rate,
        "longest recording, s": None if about.longest is None else about.longest / features.sample_rate,
        "bytes": (folder / GRAPH).stat().st_size,
        "8-bit weights": about.int8,
        "differs from torch by": about.deviation,
        "lowest cosine with torch": about.cosine,
        "scorer": (folder / "scorer").is_dir(),
        "network": about.network,
        "svtok": about.svtok,
    }


def _section(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def _parameters(weights: Path) -> int:
    """How many numbers a file of weights holds."""
    from math import prod

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "np") as stream:
            return sum(prod(stream.get_slice(name).get_shape()) for name in stream.keys())  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise SvtokError(f"{weights}: damaged ({error}); train the network again") from None


def _rows(table: Path) -> int:
    """The rows of a table, or the phones of a list, below a first line."""
    return max(0, table.read_bytes().count(b"\n") - 1)


def _features(folder: Path) -> Facts:
    from svtok.features.store import FeatureStore

    store = FeatureStore.open(folder)
    return {
        "kind": "features",
        "of": store.config.kind,
        "utterances": len(store),
        "frames": sum(map(store.frames, store.utts)),
        "dimensions": store.dim,
        "sample rate": store.sample_rate,
        "normalisation": store.config.normalise,
    }


def _embeddings(folder: Path) -> Facts:
    from svtok.embeddings.store import read_embeddings

    found = read_embeddings(folder)
    size, dim = found.vectors.shape
    facts = {"utterances": size, "dimensions": dim, "parts": found.parts, "network": found.network_hash}
    return {"kind": "embeddings", **facts}


def _states(folder: Path) -> Facts:
    from svtok.embeddings.states import FrameStates

    states = FrameStates(folder)
    frames = sum(map(states.frames, states.utts))
    about = states.about
    facts = {"utterances": len(states.utts), "frames": frames, "layer": about.layer, "network": about.network}
    return {"kind": "frame states", **facts}


def _scorer(folder: Path) -> Facts:
    from svtok.config import load_yaml
    from svtok.scoring.store import ABOUT, load_scorer

    scorer, tree = load_scorer(folder), load_yaml(folder / ABOUT)
    return {
        "kind": "scorer",
        "back-end": tree.get("backend"),
        "dimensions": scorer.dim,
        "parts": tree.get("parts", 1),
        "phrases": scorer.phrases,
        "normalised by a cohort": scorer.scorer.norm is not None,
        "warps frame states": scorer.warping is not None,
        "normalises warping by a cohort": scorer.warping is not None and scorer.warping.cohort is not None,
        "decides": list(scorer.decisions),
        "thresholds": {name: one.fusion.threshold for name, one in scorer.decisions.items()},
        "network": scorer.network,
        "svtok": tree.get("svtok"),
    }


def _set(folder: Path) -> Facts:
    from svtok.audio.packed import ABOUT
    from svtok.manifest.sets import read_set
    from svtok.manifest.validate import count_set

    prepared, kind = read_set(folder), "packed set" if (folder / ABOUT).is_file() else "prepared set"
    return {"kind": kind, **count_set(prepared), "columns": list(prepared.utterances.columns)}


def _corpus(folder: Path) -> Facts:
    from svtok.manifest.sets import read_corpus_info, read_set, set_folders
    from svtok.manifest.validate import count_set

    info = read_corpus_info(folder)
    assert info is not None
    counts = {one.name: count_set(read_set(one)) for one in set_folders(folder)}
    return {
        "kind": "prepared corpus",
        "name": info.name,
        "synthetic": info.synthetic,
        "description": info.description or None,
        **counts,
    }


def _table(path: Path) -> Facts | None:
    from svtok.manifest.schema import MODELS, TRIALS, UTTERANCES
    from svtok.manifest.tables import Lines, read_models, read_trials, read_utterances
    from svtok.scoring.scores import COLUMNS, read_scores

    names = Lines.open(path).header.split("\t")
    if names == COLUMNS:
        score = read_scores(path)["score"]
        spread = {"from": float(score.min()), "to": float(score.max()), "mean": float(score.mean())}
        return {"kind": "scores", "trials": len(score), "scores": spread}
    tables: tuple[tuple[str, Any, Callable[[Path], Any]], ...] = (
        ("utterances", UTTERANCES, read_utterances),
        ("enrollment models", MODELS, read_models),
        ("trials", TRIALS, read_trials),
    )
    for kind, schema, read in tables:
        if names[: len(schema.key)] == list(schema.key) and set(names) <= set(schema.names):
            table = read(path)
            types = table["type"].value_counts() if "type" in table else {}
            return {
                "kind": kind,
                "rows": len(table),
                "columns": names,
                **{str(name): int(n) for name, n in types.items()},
            }
    return None


def _parquet(path: Path) -> Facts:
    from svtok.manifest.tables import read_trials

    table = read_trials(path)
    return {"kind": "trials", "rows": len(table), "columns": list(table.columns), **_types(table)}


def _types(table: pd.DataFrame) -> dict[str, int]:
    """How many rows there are of each type of trials, where the table has them."""
    return {str(name): int(number) for name, number in table["type"].value_counts().items()} if "type" in table else {}


def _json(path: Path) -> Facts | None:
    from svtok.config import load_json
    from svtok.experiments.results import read_results
    from svtok.report.evaluate import read_evaluation

    content = load_json(path)
    if isinstance(content, dict) and {"scores", "conditions"} <= content.keys():
        evaluation = read_evaluation(path)
        rates = {row.name: f"EER {100 * row.eer:.2f} %" for row in evaluation.conditions if row.by is None}
        return {"kind": "evaluation", "scores": evaluation.scores, "corpus": evaluation.corpus, **rates}
    if isinstance(content, list) and content and isinstance(content[0], dict) and "system" in content[0]:
        rows = read_results(path)
        return {
            "kind": "results of an ablation",
            "systems": list(dict.fromkeys(row.system for row in rows)),
            "folds": len({row.fold for row in rows}),
            "seeds": len({row.seed for row in rows}),
            "runs": len({row.run for row in rows}),
            "failed": sum(row.condition is None for row in rows),
            "corpora": [name for name in dict.fromkeys(row.corpus for row in rows) if name],
        }
    return None


def _yaml(path: Path) -> Facts | None:
    from svtok.config import load_yaml
    from svtok.experiments.plan import read_plan
    from svtok.scoring.fusion import read_fusion

    tree = load_yaml(path)
    if "systems" in tree:
        plan = read_plan(path)
        facts = {"systems": list(plan.systems), "folds": list(plan.folds), "seeds": list(plan.seeds)}
        return {"kind": "plan of an ablation", **facts, "test set": plan.test_set}
    if {"scores", "parts", "threshold"} <= tree.keys():
        fusion = read_fusion(path)
        kind = "calibration" if len(fusion.scores) == 1 else "fusion"
        return {"kind": kind, "scores": list(fusion.scores), "threshold": fusion.threshold, "trials": fusion.trials}
    return None


def _voices(path: Path) -> Facts:
    from svtok.embeddings.voices import Voices

    voices = Voices(path).list()
    return {
        "kind": "store of voices",
        "voices": len(voices),
        "speakers": len({voice.speaker for voice in voices}),
        "phrases": len({voice.phrase for voice in voices}),
        "takes": sum(voice.takes for voice in voices),
        "last added": max((voice.added for voice in voices), default=None),
    }


def as_json(described: Mapping[Path, Facts]) -> str:
    """The facts of several paths, a list of objects that begin with `path`."""
    return json.dumps([{"path": str(path), **facts} for path, facts in described.items()], indent=2, ensure_ascii=False)


FOLDERS: dict[str, tuple[str, Callable[[Path], Facts]]] = {
    "network.safetensors": ("a network", _network),
    "training.jsonl": ("a network in training", _network),
    "network.onnx": ("an exported network", _exported),
    "features.yaml": ("features", _features),
    "embeddings.yaml": ("embeddings", _embeddings),
    "states.yaml": ("frame states", _states),
    "scorer.yaml": ("a scorer", _scorer),
    "utterances.tsv": ("a prepared set", _set),
    "corpus.yaml": ("a prepared corpus", _corpus),
}
"""By the file that shows what kind of folder it is: what it is of, and what describes it."""
PARTS = (
    "features.npy",
    "embeddings.npy",
    "states.npy",
    "scorer.safetensors",
    "config.yaml",
    "checkpoint.pt",
    "export.yaml",
)
FILES: dict[tuple[str, str], Callable[[Path], Facts | None]] = {
    (".tsv", "scores, utterances, models or trials"): _table,
    (".parquet", "trials"): _parquet,
    (".json", "an evaluation or results"): _json,
    (".yaml", "a plan, calibration or fusion"): _yaml,
}
"""By the end of the name, and what such files are: what describes one, or gives None where it is none of those."""
