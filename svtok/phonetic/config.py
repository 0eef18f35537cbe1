"""The configuration of a phonetic network: one typed tree, one YAML file (`network`, `training`, `features`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from svtok.config_errors import validated
from svtok.features.config import FeaturesConfig
from svtok.nets.phone_network import PhoneNetworkConfig
from svtok.training.config import StepsConfig, read_tree


class PhoneticTrainingConfig(StepsConfig):
    """As that of a speaker network, with some defaults of its own; and utterances are never cropped."""

    epochs: int = Field(15, ge=1, description="passes over the training set")
    batch_size: int = Field(32, ge=2, description="utterances a step")
    learning_rate: float = Field(3e-3, gt=0, description="largest learning rate of AdamW")

    @model_validator(mode="after")
    def _check(self) -> PhoneticTrainingConfig:
        if self.crop_frames:
            raise ValueError(f"crop_frames must be 0, not {self.crop_frames}: a part of a phrase lacks phones")
        return self


class PhoneticConfig(BaseModel):
    """The whole tree. `features`, where given, must be what the features were extracted with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: FeaturesConfig | None = None
    network: PhoneNetworkConfig = PhoneNetworkConfig()
    training: PhoneticTrainingConfig = PhoneticTrainingConfig()


def read_phonetic_config(path: Path | None, settings: Iterable[str] = ()) -> PhoneticConfig:
    """The configuration of a YAML file (the defaults without one), changed by `key=value` settings.

    Raises ProblemsError with every unknown key and wrong value, SvtokError for a setting without `=`.
    """
    tree, where = read_tree(path, settings)
    return validated(PhoneticConfig, tree, where)
