"""The configuration of a training run: one typed tree, one YAML file (`network`, `objective`, `training`, `features`).

Values that the paper does not give (see the README) are fields here; their defaults are ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from svtok.audio.augment import Codec
from svtok.config import Section, load_yaml, parse_yaml_value, validated
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.nets.config import NetworkConfig
from svtok.nets.phone_network import PhoneNetworkConfig


class AugmentConfig(Section):
    """What is done to the features of a training utterance, anew in each epoch."""

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


Range = tuple[float, float]
"""The least and the largest value."""
Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
"""A list, or one name without brackets."""


class WaveformConfig(Section):
    """What is done to the recording of a training utterance, anew in each epoch, before its features are computed."""

    speeds: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = Field(
        (),
        description="speed, and pitch with it, as new speakers: with [0.9, 1.1] an epoch has each utterance three "
        "times, and the classes those of speakers such as anna#0.9 and anna#1.1 too",
    )
    noise: Names = Field(
        (), description="files of noise, and folders in which all audio files, of subfolders too, are noise"
    )
    noise_probability: float = Field(0.5, ge=0, le=1, description="chance of noise, where there are files of it")
    noise_snr: Range = Field((5.0, 20.0), description="least and largest ratio of speech to noise, dB")
    babble_probability: float = Field(0.2, ge=0, le=1, description="chance of babble: other training speakers at once")
    babble_snr: Range = Field((10.0, 20.0), description="least and largest ratio of speech to babble, dB")
    babble_voices: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        (3, 7), description="least and largest number of utterances that babble is made of"
    )
    room_probability: float = Field(0.3, ge=0, le=1, description="chance of the reverberation of a simulated room")
    reverberation_time: Range = Field(
        (0.1, 0.6), description="least and largest time in which its reverberation falls by 60 dB, seconds"
    )
    direct_to_reverberant: Range = Field(
        (0.0, 15.0), description="least and largest energy of the direct sound over the reverberation's, dB"
    )
    band_probability: float = Field(0.1, ge=0, le=1, description="chance of a line that passes only a band")
    band: Range = Field((300.0, 3400.0), description="lower and upper edge of that band, Hz; 0 as the lower: none")
    codec_probability: float = Field(0.1, ge=0, le=1, description="chance of a codec: encoded and decoded again")
    codecs: tuple[Codec, ...] = Field(
        ("mu-law", "a-law", "gsm", "mp3"),
        min_length=1,
        description="codecs of which one is drawn; the first three with a telephone's sampling rate of 8 kHz; opus "
        "takes ten times as long as another",
    )
    gain_probability: float = Field(0.5, ge=0, le=1, description="chance of another level of recording")
    gain: Range = Field((-12.0, 6.0), description="least and largest change of the level, dB; full scale cuts off")

    @model_validator(mode="after")
    def _check(self) -> WaveformConfig:
        for name in ("noise_snr", "babble_snr", "babble_voices", "reverberation_time", "direct_to_reverberant", "gain"):
            least, largest = getattr(self, name)
            if least > largest:
                raise ValueError(f"{name} must not fall, as from {least} to {largest}")
        if self.reverberation_time[0] <= 0:
            raise ValueError(f"reverberation_time must be above 0, not {self.reverberation_time[0]}")
        if not 0 <= self.band[0] < self.band[1]:
            raise ValueError(f"band must rise from 0 or more, not from {self.band[0]} to {self.band[1]}")
        if 1 in self.speeds or len(set(self.speeds)) < len(self.speeds):
            raise ValueError(f"speeds must differ from one another and from 1, which is always there: {self.speeds}")
        return self


class DetectionCostConfig(Section):
    """The loss `adcf`: costs of misses and false alarms, each utterance's cosine with each class being a trial."""

    slope: float = Field(10.0, gt=0, description="of the sigmoids that stand for the steps of a hard decision")
    miss_weight: float = Field(1.0, ge=0, description="weight of the share of own classes under the threshold")
    false_alarm_weight: float = Field(1.0, ge=0, description="weight of the share of other classes over it")
    threshold: float = Field(0.5, ge=-1, le=1, description="where the threshold starts; it is trained")

    @model_validator(mode="after")
    def _check(self) -> DetectionCostConfig:
        if self.miss_weight + self.false_alarm_weight == 0:
            raise ValueError("miss_weight and false_alarm_weight are both 0: nothing would be learned")
        return self


class ObjectiveConfig(Section):
    """What is minimised. The distillation fields belong to heads with a distillation token."""

    loss: Literal["cross-entropy", "aam", "adcf"] = Field(
        "cross-entropy",
        description="on the labels; aam: cross-entropy with an additive angular margin; adcf: a detection cost",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the label given to all classes alike")
    margin: float = Field(0.2, ge=0, lt=math.pi, description="margin of aam, in radians")
    margin_warm_up: float = Field(0.0, ge=0, le=1, description="share of the training in which it rises from 0")
    detection_cost: DetectionCostConfig = DetectionCostConfig()
    ring_weight: float = Field(0.0, ge=0, description="weight of the ring loss, which evens the lengths of the states")
    speaker_weight: float = Field(
        0.5, ge=0, le=1, description="with training.classes both: share of the speakers' loss, the pairs' has the rest"
    )
    class_weight: float = Field(0.5, ge=0, description="weight of the class token's cross-entropy on the labels")
    distillation: Literal["kl", "hard", "cosine"] = Field(
        "kl",
        description="what the distillation token learns of the teachers: their posterior, by the Kullback-Leibler "
        "divergence; their most probable class; or their embeddings, by the cosine",
    )
    distillation_weight: float = Field(0.5, ge=0, description="weight of the distillation token's loss")
    distillation_schedule: Literal["constant", "rising", "falling"] = Field(
        "constant", description="that weight over the training: as it is, from 0 up to it, or from it down to 0"
    )
    temperature: float = Field(1.0, gt=0, description="all posteriors are softened by it before they are compared")
    student_sees: Literal["augmented", "unerased"] = Field(
        "augmented", description="the student reads the augmented features, or the same without random erasing"
    )
    teacher_sees: Literal["augmented", "unerased", "clean"] = Field(
        "augmented", description="the teacher reads the same features, those without random erasing, or untouched ones"
    )

    @model_validator(mode="after")
    def _check(self) -> ObjectiveConfig:
        if self.class_weight + self.distillation_weight == 0:
            raise ValueError("class_weight and distillation_weight are both 0: nothing would be learned")
        if self.loss == "adcf" and self.label_smoothing:
            raise ValueError(f"label_smoothing ({self.label_smoothing}) has no meaning with loss 'adcf'")
        return self


class StepsConfig(Section):
    """How anything is minimised: batches, steps, precision."""

    epochs: int = Field(25, ge=1, description="passes over the training set")
    batch_size: int = Field(64, ge=2, description="utterances of a batch")
    accumulate: int = Field(
        1,
        ge=1,
        description="batches a step: their gradients are added up, as those of one batch of so many times the "
        "utterances, in the memory of one",
    )
    length_jitter: float = Field(
        0.05,
        ge=0,
        le=1,
        description="a batch holds utterances of about one length; by what share lengths are changed at random before "
        "they are sorted, so that others meet in each epoch; 1: batches at random, with more padding to compute",
    )
    crop_frames: int = Field(0, ge=0, description="longer utterances are cropped to so many frames; 0: never")
    learning_rate: float = Field(1e-3, gt=0, description="largest learning rate of AdamW")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the end of the cosine")
    warm_up: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises from 0")
    weight_decay: float = Field(
        0.05, ge=0, description="AdamW's decay of what inputs are multiplied by (not of tokens, biases ...)"
    )
    clip_gradient: float = Field(1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto",
        description="arithmetic of the forward and backward pass; auto: bf16 where the processor or GPU is fast at it, "
        "else fp32; the network's config.yaml says which",
    )
    keep: Literal["last", "best"] = Field(
        "last", description="weights kept: of the last epoch, or of that with the lowest error on the dev set"
    )
    measure_every: int = Field(
        1, ge=1, description="epochs from one look at the dev set to the next; the last always has one"
    )
    workers: int = Field(0, ge=0, description="processes that read and augment; 0: the training process itself")
    augment: AugmentConfig = AugmentConfig()


class TrainingConfig(StepsConfig):
    """How a speaker network is trained: classes, and the steps."""

    classes: Literal["speaker", "speaker-phrase", "phrase", "both"] = Field(
        "speaker-phrase",
        description="what a class is: speakers, each speaker's each phrase, phrases, or the first two side by side",
    )
    free_phrases: Names = Field(
        (),
        description="phrases that stand for free text, such as the 'free' of speechocean762 and the FT of TdSV 2024: "
        "where a class is a speaker's phrase, their utterances are of a class of the speaker alone",
    )
    sampled_classes: float = Field(
        0,
        ge=0,
        description="classes of each step's softmax, those of its utterances and others that are drawn: a number, or, "
        "up to 1, a share of all; only they are computed and trained, and several processes share them out, as they "
        "do with 1, where all take part; 0: all, in each process",
    )
    waveform: WaveformConfig | None = Field(
        None,
        description="augmentation of the recordings, whose features are then computed in each epoch; {} for the "
        "defaults, null to train on the stored features",
    )

    @property
    def nontarget(self) -> str:
        """The trial type that a network of these classes must keep from TC: TW for phrases, else IC."""
        return "TW" if self.classes == "phrase" else "IC"

    def classes_a_step(self, classes: int) -> int:
        """How many classes, of so many, take part in a step's softmax, where not all of its utterances' are more."""
        share = self.sampled_classes
        return round(share * classes) if share <= 1 else min(int(share), classes)

    @model_validator(mode="after")
    def _check(self) -> TrainingConfig:
        if self.sampled_classes > 1 and self.sampled_classes % 1:
            raise ValueError(
                f"sampled_classes is a share up to 1, and a whole number above it, not {self.sampled_classes}"
            )
        return self


class Config(Section):
    """All that a training is configured by."""

    features: FeaturesConfig | None = Field(None, description="what those of --data must be; null: whatever they are")
    network: NetworkConfig = NetworkConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _check(self) -> Config:
        if self.objective.loss in ("aam", "adcf") and self.network.classifier == "linear":
            raise ValueError(
                f"objective.loss '{self.objective.loss}' is a loss of cosines: network.classifier must be 'cosine' or "
                f"'factored', not '{self.network.classifier}'"
            )
        if self.training.sampled_classes and (problems := "; ".join(self._needs_all_classes())):
            raise ValueError(
                f"training.sampled_classes ({self.training.sampled_classes:g}) does not go with {problems}"
            )
        return self

    def _needs_all_classes(self) -> Iterator[str]:
        if self.training.classes == "both" or len(self.network.streams) > 1:
            yield "training.classes 'both' or several network.streams, with a softmax each; take one class, one stream"
        if self.objective.loss == "adcf":
            yield "objective.loss 'adcf', whose false alarms are those of all classes; take 'aam' or 'cross-entropy'"
        if not self.network.head.endswith("-dist"):
            return
        if self.objective.distillation != "cosine":
            kind = self.objective.distillation
            yield f"objective.distillation '{kind}', which compares posteriors of all classes; take 'cosine'"
        if not self.objective.class_weight:
            yield "objective.class_weight 0, with which no class is learned"


def read_config(
    path: Path | None,
    settings: Iterable[str] = (),
    head: str | None = None,
    *,
    default_head: str | None = None,
    learns_stored: bool = False,
) -> Config:
    """The configuration of a YAML file (the defaults without one), changed by `key=value` settings and a head.

    Args:
        settings: such as `training.epochs=5`; values are read as YAML.
        head: overrides `network.head`.
        default_head: for a file and settings that name none.
        learns_stored: it is of a student of stored embeddings, whose objective.distillation is cosine where nothing
            else is said, and whose network.embedding is dist where nothing else is said and no label is learned.

    Raises:
        ProblemsError: unknown keys (with the nearest known) and wrong values, all at once.
        SvtokError: a setting without `=`.
    """
    tree, where = read_tree(path, settings)
    network = tree.get("network", {})
    if isinstance(network, dict) and (chosen := head or network.get("head", default_head)):
        tree["network"] = {**network, "head": chosen}
    if learns_stored:
        _default(tree, "objective", "distillation", "cosine")
        if isinstance(objective := tree["objective"], dict) and objective.get("class_weight") == 0:
            _default(tree, "network", "embedding", "dist")
    return validated(Config, tree, where)


def _default(tree: dict[str, Any], section: str, key: str, value: str) -> None:
    """Set a value that a tree does not hold; what is no mapping is left for `validated` to refuse."""
    if isinstance(inner := tree.get(section, {}), dict):
        tree[section] = {key: value, **inner}


def read_tree(path: Path | None, settings: Iterable[str] = ()) -> tuple[dict[str, Any], str]:
    """The mapping in a YAML file (empty without one), changed by `key=value` settings, and what to call it in messages.

    Raises ProblemsError for a file that is no such mapping, SvtokError for a setting without `=`.
    """
    tree = load_yaml(path) if path else {}
    where = str(path) if path else "configuration"
    for setting in settings:
        _set(tree, setting)
        where = f"{path} with --set" if path else "--set"
    return {key: value for key, value in tree.items() if value is not None}, where


def joint_teacher_config(student: Config, path: Path | None, head: str | None) -> Config:
    """The configuration of a teacher that is trained beside a student.

    Its `network` and `objective` are those of a YAML file, or else the student's; its head is `head`, or that of the
    file, or cls-sampled. All else is the student's.

    Args:
        student: the whole configuration of the student.
        path: the YAML file, with the sections `network` and `objective` alone.
        head: overrides `network.head`.

    Raises:
        ProblemsError: wrong values, or a file that has other sections.
    """
    if path is None:
        network = {**student.network.model_dump(), "head": head or "cls-sampled", "embedding": "cls"}
        return validated(Config, {**student.model_dump(), "network": network}, "--teacher-head")
    teacher = read_config(path, head=head, default_head="cls-sampled")
    raise_problems(
        [
            Problem(f"{section}: is the student's; a joint teacher's file has the sections network and objective", path)
            for section in sorted(teacher.model_fields_set - {"network", "objective"})
        ]
    )
    return student.model_copy(update={"network": teacher.network, "objective": teacher.objective})


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


class PhoneticTrainingConfig(StepsConfig):
    """As that of a speaker network, with some defaults of its own; and utterances are never cropped."""

    epochs: int = Field(15, ge=1, description="passes over the training set")
    batch_size: int = Field(32, ge=2, description="utterances of a batch")
    learning_rate: float = Field(3e-3, gt=0, description="largest learning rate of AdamW")

    @model_validator(mode="after")
    def _check(self) -> PhoneticTrainingConfig:
        if self.crop_frames:
            raise ValueError(f"crop_frames must be 0, not {self.crop_frames}: a part of a phrase lacks phones")
        return self


class PhoneticConfig(Section):
    """All that a training is configured by."""

    features: FeaturesConfig | None = Field(None, description="what those of --data must be; null: whatever they are")
    network: PhoneNetworkConfig = PhoneNetworkConfig()
    training: PhoneticTrainingConfig = PhoneticTrainingConfig()


def read_phonetic_config(path: Path | None, settings: Iterable[str] = ()) -> PhoneticConfig:
    """The configuration of a YAML file (the defaults without one), changed by `key=value` settings.

    Raises ProblemsError with every unknown key and wrong value, SvtokError for a setting without `=`.
    """
    tree, where = read_tree(path, settings)
    return validated(PhoneticConfig, tree, where)
