"""A network as a folder for the Hugging Face hub: its model card, its weights as safetensors, its configuration.

The folder is that of a network like any other: `load_network` and `Verifier.load` read it, wherever it was fetched to.
What it does not hold are the names of the speakers that the network was trained on, and where its data lay.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import torch

import svtok
from svtok.config import load_yaml, write_yaml, yaml_text
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.store import PHONETIC
from svtok.files import write_text, writing_folder
from svtok.manifest.sets import refuse_other_files
from svtok.nets.network import Network, is_of_classes
from svtok.trained.classes import NONE, ClassList
from svtok.trained.folder import CLASSES, CONFIG, WEIGHTS, TrainedNetwork, weights_hash, write_weights

CARD, SCORER = "README.md", "scorer"
SCORER_FILES = ("scorer.yaml", "scorer.safetensors")
LICENSE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|multilingual")
REPOSITORY = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Result:
    """Error rates of one condition: fractions; the interval of the EER where it is known."""

    corpus: str
    condition: str
    targets: int
    nontargets: int
    eer: float
    eer_ci: tuple[float, float] | None
    dcf08: float


@dataclass(frozen=True)
class Card:
    """What a model card says that a network does not know of itself.

    Raises ProblemsError where a field is not as the hub wants it.
    """

    name: str
    """Of the repository: `anna/door` or `door`."""
    license: str
    """The hub's name of a licence, such as apache-2.0 or cc-by-4.0."""
    languages: tuple[str, ...] = ()
    """Codes of ISO 639, such as en."""
    tags: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    about: str = ""
    """Markdown ahead of the results: its data and their licences, what it is for and what not."""

    def __post_init__(self) -> None:
        """Refuse what the hub would not take."""
        problems = [
            Problem(f"{what} '{value}' is not of the hub's form, such as {such}")
            for what, values, form, such in (
                ("the name", (self.name,), REPOSITORY, "anna/door"),
                ("the licence", (self.license,), LICENSE, "apache-2.0, cc-by-4.0 or other"),
                ("the language", self.languages, LANGUAGE, "en or fa"),
            )
            for value in values
            if not form.fullmatch(value)
        ]
        raise_problems(problems)


def write_hub_folder(
    trained: TrainedNetwork,
    out: Path,
    card: Card,
    *,
    scorer: Path | None = None,
    keep_names: bool = False,
    forget_classes: bool = False,
) -> None:
    """Write the folder, in place of one that was there, all or nothing.

    Args:
        trained: a network that was loaded from a folder.
        out: where to.
        card: what its README.md is to say.
        scorer: folder of a scorer fitted on the network, which goes along.
        keep_names: whether classes.tsv keeps the speakers' names; else they are numbered in their order.
        forget_classes: whether the vectors of the classes, which training alone needs and which are as telling as
            voice prints of its speakers, are left out. The network is then another one by its hash, and so is the
            scorer's; its embeddings are the same.

    Raises:
        SvtokError: `out` holds other files, or a file of the network cannot be read.
    """
    if trained.folder is None:
        raise SvtokError("the network lies in no folder: load it from one")
    refuse_other_files(out, (CARD, CONFIG, CLASSES, WEIGHTS, SCORER, PHONETIC))
    with writing_folder(out) as temporary:
        if forget_classes:
            _write_without_classes(trained, temporary)
        else:
            shutil.copyfile(trained.folder / WEIGHTS, temporary / WEIGHTS)  # to the byte: its hash stays
            (trained.classes if keep_names else _numbered(trained.classes)).write(temporary / CLASSES)
        write_yaml(temporary / CONFIG, _without_places(load_yaml(trained.folder / CONFIG)))
        if trained.features.phonetic:
            shutil.copytree(trained.folder / PHONETIC, temporary / PHONETIC)
        hash_ = weights_hash(temporary)
        if scorer is not None:
            (temporary / SCORER).mkdir()
            for name in SCORER_FILES:
                shutil.copyfile(scorer / name, temporary / SCORER / name)
            about = temporary / SCORER / "scorer.yaml"
            write_text(about, about.read_text(encoding="utf-8").replace(trained.hash, hash_))
        write_text(temporary / CARD, _card(trained, card, hash_, scorer is not None))


def _write_without_classes(trained: TrainedNetwork, folder: Path) -> None:
    """The weights and classes of a network with one class in place of all, which no utterance was of."""
    one = ClassList((("speaker-1", ""),))
    config, features = trained.config.network, trained.features
    with torch.device("meta"):
        shapes = Network(config, features.dim, len(one), features.phonetic_dim, one.factors).state_dict()
    weights = {
        name: torch.zeros(shapes[name].shape) if is_of_classes(name) else tensor
        for name, tensor in trained.network.state_dict().items()
    }
    write_weights(folder, weights)
    one.write(folder / CLASSES)


def _numbered(classes: ClassList) -> ClassList:
    """The classes with numbers for the names of speakers, in the order of the names, which groups of classes need."""
    names = sorted({speaker for speaker, _ in classes.names} - {NONE})
    digits = len(str(len(names)))
    numbers = {name: f"speaker-{place:0{digits}}" for place, name in enumerate(names, start=1)}
    return ClassList(tuple((numbers.get(speaker, NONE), phrase) for speaker, phrase in classes.names))


def _without_places(value: Any) -> Any:
    """The configuration with absolute paths, which are of the machine of the training, cut to their last two parts."""
    if isinstance(value, dict):
        return {name: _without_places(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_places(inner) for inner in value]
    if isinstance(value, str) and value.startswith("/"):
        return "/".join(PurePath(value).parts[-2:])
    return value


def _card(trained: TrainedNetwork, card: Card, hash_: str, has_scorer: bool) -> str:
    about = {
        "license": card.license,
        **({"language": list(card.languages)} if card.languages else {}),
        "library_name": "svtok",
        "tags": list(dict.fromkeys(["svtok", "speaker-verification", "text-dependent", "speaker", *card.tags])),
        **({"metrics": ["eer"], "model-index": [_index(card)]} if card.results else {}),
    }
    front = yaml_text(about)
    name = card.name.rpartition("/")[2]
    network, features = trained.config.network, trained.features
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    phrases = len({phrase for _, phrase in trained.classes.names} - {NONE})
    speakers = len({speaker for speaker, _ in trained.classes.names} - {NONE})
    verify = USE_WITH_SCORER if has_scorer else USE_WITHOUT_SCORER
    return BODY.format(
        front=front,
        name=name,
        facts="\n".join(
            f"| {what} | {value} |"
            for what, value in {
                "head": f"`{network.head}`",
                "layers of self-attention": network.layers,
                "parameters": f"{parameters:,}",
                "input": f"recordings at {features.sample_rate:,} Hz",
                "features": f"{features.kind}, {features.dim} dimensions a frame",
                "trained on": f"{speakers} speakers, {phrases} phrases" if speakers else f"{phrases} phrases",
                "SHA-256 of the weights": f"`{hash_}`",
                "svtok": svtok.__version__,
            }.items()
        ),
        about=f"{card.about.strip()}\n\n" if card.about.strip() else "",
        results=_table(card.results),
        use=verify.format(name=name),
    )


def _index(card: Card) -> dict[str, Any]:
    corpora = dict.fromkeys(result.corpus for result in card.results)
    return {
        "name": card.name.rpartition("/")[2],
        "results": [
            {
                "task": {"type": "speaker-verification", "name": "Text-dependent speaker verification"},
                "dataset": {"type": re.sub(r"[^a-z0-9]+", "-", corpus.lower()).strip("-"), "name": corpus},
                "metrics": [
                    {"type": "eer", "name": f"EER {result.condition}", "value": result.eer}
                    for result in card.results
                    if result.corpus == corpus
                ],
            }
            for corpus in corpora
        ],
    }


def _table(results: Sequence[Result]) -> str:
    if not results:
        return "No error rates come with this network. Measure it on recordings of your own before you rely on it."
    lines = ["| corpus | trials | targets | non-targets | EER % | minDCF08 |", "|---|---|---|---|---|---|"]
    for result in results:
        interval = "" if result.eer_ci is None else " [{:.2f}, {:.2f}]".format(*(100 * end for end in result.eer_ci))
        rates = f"{100 * result.eer:.2f}{interval} | {result.dcf08:.3f}"
        counts = f"{result.targets:,} | {result.nontargets:,}"
        lines.append(f"| {result.corpus} | {result.condition} | {counts} | {rates} |")
    note = (
        "Targets say the right phrase (TC), impostors the right (IC) or a wrong one (IW); TW: the speaker, a wrong one."
    )
    return "\n".join([*lines, "", note])


BODY = """\
---
{front}---

# {name}

A network for text-dependent speaker verification: was this pass-phrase spoken, and by this speaker? It was trained with
[svtok](https://pypi.org/project/svtok/), which loads it from this folder.

| | |
|---|---|
{facts}

{about}## Results

{results}

## Use

{use}
## Limits

It is no defence against spoofing: a replayed recording, or a synthetic voice, that says the phrase is accepted like
the speaker. Error rates hold for recordings like those that it was measured on. An embedding is of a person's voice:
keep it as you keep other personal data.
"""
USE_WITHOUT_SCORER = """\
```python
import svtok

network = svtok.load_network("{name}")
network.embed("anna.wav")  # its embedding
```

To accept and reject, fit a scorer on recordings of your own (`svtok fit-scorer`).

"""
USE_WITH_SCORER = """\
```sh
svtok enroll --network {name} --speaker anna --phrase "open the door" a.wav b.wav c.wav
svtok verify --network {name} --speaker anna d.wav
```

```python
import svtok

verifier = svtok.Verifier.load("{name}")
verifier.enroll("anna", "open the door", ["a.wav", "b.wav", "c.wav"])
verifier.verify("anna", "d.wav").accepted
```

"""
