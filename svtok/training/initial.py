"""Beginning with the weights of another network: whether they fit, and which are taken over."""

from __future__ import annotations

from pathlib import Path

from svtok.errors import Problem
from svtok.features.config import FeaturesConfig, differences
from svtok.nets.network import Network, is_of_classes
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import TrainedNetwork


def unfit_initial(folder: Path, initial: TrainedNetwork, config: Config, features: FeaturesConfig) -> list[Problem]:
    """A problem for each way in which a network cannot begin with another's weights: other features or front-end.

    Args:
        folder: of the other network, for messages.
        initial: the other network.
        config: of the network that begins.
        features: that it is trained on.
    """
    problems = differences(initial.features, features, f"that of {folder}", "the training set's")
    theirs, mine = (each.network.front_end.model_dump() for each in (initial.config, config))
    names = ["kind"] if theirs["kind"] != mine["kind"] else [name for name in mine if mine[name] != theirs[name]]
    mend = f"begin without --init, or with its front-end (--config {folder}/config.yaml has it)"
    reads, should_read = (each.network.streams[0] for each in (initial.config, config))
    if reads != should_read:
        problems.append(Problem(f"network.streams: that of {folder} is {reads} first, not {should_read}; {mend}"))
    return problems + [
        Problem(
            f"network.front_end.{name}: that of {folder} is {theirs[name]}, the configuration's {mine[name]}; {mend}"
        )
        for name in names
    ]


def begin_with(network: Network, classes: ClassList, folder: Path, initial: TrainedNetwork) -> str:
    """Give a network all weights of another one that have the same name and shape there.

    Class vectors are taken over where all classes are the same. Nothing is drawn.

    Args:
        network: gets the weights.
        classes: its own.
        folder: of the other network, for the message.
        initial: the other network.

    Returns:
        What was taken over and what begins anew, in a line.
    """
    own, other = network.state_dict(), initial.network.state_dict()
    same_classes = initial.classes == classes
    taken = {
        name: weights
        for name, weights in other.items()
        if name in own and own[name].shape == weights.shape and (same_classes or not is_of_classes(name))
    }
    network.load_state_dict({**own, **taken})
    anew = dict.fromkeys(".".join(name.split(".")[:2]) for name in own if name not in taken)
    why = "" if same_classes else f" (the classes differ: {len(initial.classes)} there, {len(classes)} here)"
    rest = f"; anew: {', '.join(anew)}{why}" if anew else ""
    return f"begins with {len(taken)} of its {len(own)} tensors from {folder}{rest}"
