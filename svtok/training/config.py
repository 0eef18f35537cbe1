"""The configuration of a training run: one typed tree, one YAML file (`network`, `objective`, `training`, `features`).

Values that the paper does not tell (see the README) are fields here; their defaults are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from svtok.config_errors import load_yaml, parse_yaml_value, validated
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.nets.config import NetworkConfig


class AugmentConfig(BaseModel):
    """What is done to the features of a training utterance, anew in each epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tempo: float = Field(0.0, ge=0, lt=1, description="largest relative change of duration, by linear interpolation")
    erasings: int = Field(1, ge=0, description="random erasing: rectangles of time x dimension filled with noise")
    erase_probability: float = Field(0.5, ge=0, le=1, description="chance of each of them")
    erase_area: tuple[float, float] = Field((0.02, 0.2), description="least and largest share of the area erased")
    time_masks: int = Field(1, ge=0, description="SpecAugment: runs of frames set to the mean")
    time_mask_share: float = Field(0.15, ge=0, le=1, description="largest share of the frames that a run covers")
    dim_masks: int = Field(1, ge=0, description="SpecAugment: runs of dimensions set to the mean")
    dim_mask_share: float = Field(0.12, ge=0, le=1, description="largest share of the dimensions that a run covers")

    @model_validator(mode="after")
    def _check(self) -> AugmentConfig:
        least, largest = self.erase_area
        if not 0 < least <= largest <= 1:
            raise ValueError(f"erase_area must rise within (0, 1], not {self.erase_area}")
        return self


class ObjectiveConfig(BaseModel):
    """What is minimised. The distillation fields belong to heads with a distillation token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the label given to all classes alike")
    class_weight: float = Field(0.5, ge=0, description="weight of the class token's cross-entropy on the labels")
    distillation_weight: float = Field(0.5, ge=0, description="weight of the distillation token's divergence")
    temperature: float = Field(1.0, gt=0, description="both posteriors are softened by it before they are compared")
    teacher_sees: Literal["augmented", "clean"] = Field(
        "augmented", description="the teacher reads the student's own augmented features, or the untouched ones"
    )

    @model_validator(mode="after")
    def _check(self) -> ObjectiveConfig:
        if self.class_weight + self.distillation_weight == 0:
            raise ValueError("class_weight and distillation_weight are both 0: nothing would be learned")
        return self


class TrainingConfig(BaseModel):
    """How it is minimised: classes, batches, steps, precision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: Literal["speaker", "speaker-phrase"] = Field(
        "speaker-phrase", description="what is told apart: speakers, or each speaker's each phrase"
    )
    epochs: int = Field(25, ge=1, description="passes over the training set")
    batch_size: int = Field(64, ge=2, description="utterances a step")
    crop_frames: int = Field(0, ge=0, description="longer utterances are cropped to so many frames; 0: never")
    learning_rate: float = Field(1e-3, gt=0, description="largest learning rate of AdamW")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the end of the cosine")
    warm_up: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises from 0")
    weight_decay: float = Field(0.05, ge=0, description="AdamW's decay of matrices; vectors are not decayed")
    clip_gradient: float = Field(1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["bf16", "fp32"] = Field("bf16", description="arithmetic of the forward and backward pass")
    keep: Literal["last", "best"] = Field(
        "last", description="weights kept: of the last epoch, or of that with the lowest dev-set EER"
    )
    workers: int = Field(0, ge=0, description="processes that read and augment; 0: the training process itself")
    augment: AugmentConfig = AugmentConfig()


class Config(BaseModel):
    """The whole tree. `features`, where given, must be what the features were extracted with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: FeaturesConfig | None = None
    network: NetworkConfig = NetworkConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()


def read_config(
    path: Path | None, settings: Iterable[str] = (), head: str | None = None, *, default_head: str | None = None
) -> Config:
    """The configuration of a YAML file (the defaults without one), changed by `key=value` settings and a head.

    Args:
        settings: such as `training.epochs=5`; values are read as YAML.
        head: overrides `network.head`.
        default_head: for a file and settings that name none.

    Raises:
        ProblemsError: unknown keys (with the nearest known) and wrong values, all at once.
        SvtokError: a setting without `=`.
    """
    tree = load_yaml(path) if path else {}
    where = str(path) if path else "configuration"
    for setting in settings:
        _set(tree, setting)
        where = f"{path} with --set" if path else "--set"
    network = tree.get("network") or {}
    chosen = head or (network.get("head", default_head) if isinstance(network, dict) else None)
    if chosen is not None:
        tree["network"] = {**network, "head": chosen}
    return validated(Config, {key: value for key, value in tree.items() if value is not None}, where)


def _set(tree: dict[str, Any], setting: str) -> None:
    """Put the value of a `a.b.c=value` setting in its place."""
    dotted, equals, value = setting.partition("=")
    if not equals or not dotted:
        raise SvtokError(f"--set {setting}: must be key=value, such as training.epochs=5")
    *parents, last = dotted.strip().split(".")
    for name in parents:
        inner = tree.setdefault(name, {})
        if inner is None:
            inner = tree[name] = {}
        if not isinstance(inner, dict):
            raise SvtokError(f"--set {setting}: '{name}' is a value, it has no '{last}'")
        tree = inner
    tree[last] = parse_yaml_value(value)
