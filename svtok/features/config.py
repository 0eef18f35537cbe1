"""What the features are: one validated part of the configuration, `features:` in its YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from svtok.config import Section, load_yaml, validated
from svtok.errors import Problem, raise_problems, unknown_name

SECTIONS = ("features", "network", "objective", "training", "run")
"""The top-level keys that a configuration file may have; that of a trained network has its run, too."""


class VadConfig(Section):
    """Energy-based voice activity detection, as Kaldi's compute-vad does it (ivector/voice-activity-detection.h).

    A frame counts as loud when its log energy is above `energy_threshold + energy_mean_scale * (mean log energy
    of the utterance)`; it is voiced when at least `proportion` of the frames up to `context` away are loud.
    """

    energy_threshold: float = Field(
        default=5.5, description="Constant part of the threshold on a frame's log energy (16-bit scale)."
    )
    energy_mean_scale: float = Field(
        default=0.5, ge=0, description="Share of the utterance's mean log energy that is added to the threshold."
    )
    context: int = Field(default=2, ge=0, description="Frames on each side that take part in the decision on a frame.")
    proportion: float = Field(
        default=0.6, gt=0, lt=1, description="Share of these frames that must be loud for the frame to be voiced."
    )


class PhoneticColumns(Section):
    """Phonetic embeddings beside the acoustic features: which network computed them, and how many columns they are.

    Features with and without them, or of other networks, do not go together. `svtok extract-features --phonetic` sets
    both fields.
    """

    hash: str = Field(min_length=1, description="SHA-256 of the phonetic network's weights.")
    dim: int = Field(ge=1, description="Columns that its bottleneck adds at the end of each frame.")


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


class FeaturesConfig(Section):
    """Kaldi-compatible log-mel filter banks (fbank) or MFCC, and what is done to them per utterance.

    Two sets of the paper's authors (their SdSV 2020 report): 57 dimensions as `bands: [24, 32], log_energy: true`;
    60 dimensions as `kind: mfcc, deltas: 2, vad: {}, normalise: gaussianise`.
    """

    kind: Literal["fbank", "mfcc"] = Field(default="fbank", description="Log-mel filter banks, or cepstra of them.")
    sample_rate: int = Field(default=16000, ge=1000, description="Sampling rate of the audio, Hz.")
    resample: bool = Field(
        default=False, description="Resample audio that has another rate; otherwise such audio is an error."
    )
    bands: Annotated[tuple[Annotated[int, Field(ge=4)], ...], BeforeValidator(_as_tuple)] = Field(
        default=(64,),
        min_length=1,
        description="Mel bands: a number, or for fbank a list, one bank of filters for each.",
    )
    log_energy: bool = Field(
        default=False,
        description="The frame's log energy: one more dimension, the first (fbank); in place of C0 (mfcc).",
    )
    num_ceps: int = Field(default=20, ge=1, description="Cepstra with C0 (mfcc only).")
    cepstral_lifter: float = Field(default=22.0, ge=0, description="Liftering of the cepstra, 0 for none (mfcc only).")
    deltas: int = Field(
        default=0, ge=0, le=2, description="Orders of time derivatives appended, each over 2 frames a side."
    )
    low_freq: float = Field(default=20.0, ge=0, description="Lower edge of the lowest band, Hz.")
    high_freq: float = Field(
        default=0.0,
        description="Upper edge of the highest band, Hz; 0 or less counts down from half the sampling rate.",
    )
    frame_length_ms: float = Field(default=25.0, gt=0, description="Length of the analysis window, ms.")
    frame_shift_ms: float = Field(default=10.0, gt=0, description="Step from frame to frame, ms.")
    window: Literal["povey", "hamming", "hanning", "rectangular", "blackman"] = Field(
        default="povey", description="Shape of the analysis window (Kaldi's names)."
    )
    preemphasis: float = Field(default=0.97, ge=0, le=1, description="Pre-emphasis coefficient, 0 for none.")
    remove_dc: bool = Field(default=True, description="Subtract each frame's mean.")
    dither: float = Field(
        default=0.0,
        ge=0,
        description="Standard deviation, in 16-bit steps, of noise added to the audio (seeded by the audio).",
    )
    energy_floor: float = Field(
        default=1.0, ge=0, description="Floor on a frame's energy (16-bit scale squared), wherever log energy is used."
    )
    vad: VadConfig | None = Field(
        default=None,
        description="Keep the voiced frames only; `{}` for the default thresholds, null to keep every frame.",
    )
    normalise: Literal["none", "mean", "mean_variance", "gaussianise"] = Field(
        default="mean",
        description="Per utterance and dimension, over the kept frames: mean to 0, also variance to 1, or short-time "
        "Gaussianisation (feature warping).",
    )
    gaussianise_window_s: float = Field(default=3.0, gt=0, description="Window of the Gaussianisation, seconds.")
    phonetic: PhoneticColumns | None = Field(
        default=None,
        description="The bottleneck of a phonetic network, computed from these features and put after them.",
    )

    @property
    def dim(self) -> int:
        """Number of dimensions of a frame, the phonetic ones included, which are the last."""
        static = self.num_ceps if self.kind == "mfcc" else sum(self.bands) + self.log_energy
        return static * (1 + self.deltas) + self.phonetic_dim

    @property
    def phonetic_dim(self) -> int:
        """How many of the dimensions of a frame are phonetic."""
        return self.phonetic.dim if self.phonetic else 0

    @property
    def frame_length(self) -> int:
        """Length of the analysis window in samples (rounded down, as Kaldi does)."""
        return int(self.sample_rate * self.frame_length_ms * 0.001)

    @property
    def frame_shift(self) -> int:
        """Step from frame to frame in samples (rounded down, as Kaldi does)."""
        return int(self.sample_rate * self.frame_shift_ms * 0.001)

    @property
    def upper_freq(self) -> float:
        """Upper edge of the highest band in Hz, counted from 0."""
        return self.high_freq if self.high_freq > 0 else self.sample_rate / 2 + self.high_freq

    @model_validator(mode="after")
    def _fits_together(self) -> FeaturesConfig:
        faults = []
        if self.kind == "mfcc" and len(self.bands) > 1:
            faults.append("mfcc takes one bank of filters: give 'bands' one number")
        if self.kind == "mfcc" and self.num_ceps > min(self.bands):
            faults.append(f"'num_ceps' is {self.num_ceps}, more than the {min(self.bands)} 'bands'")
        faults += [
            f"'{name}' is given, but 'kind' is {self.kind}: it belongs to mfcc"
            for name in ("num_ceps", "cepstral_lifter")
            if self.kind != "mfcc" and getattr(self, name) != type(self).model_fields[name].default
        ]
        if self.normalise != "gaussianise" and self.gaussianise_window_s != 3.0:
            faults.append(f"'gaussianise_window_s' is given, but 'normalise' is {self.normalise}")
        if not self.low_freq < self.upper_freq <= self.sample_rate / 2:
            faults.append(
                f"the bands would reach from {self.low_freq:g} to {self.upper_freq:g} Hz: 'low_freq' must be below "
                f"'high_freq', and that at most half the sampling rate ({self.sample_rate / 2:g} Hz)"
            )
        if self.frame_length < 2 or self.frame_shift < 1:
            faults.append("'frame_length_ms' must hold 2 samples and 'frame_shift_ms' 1 at this 'sample_rate'")
        if faults:
            raise ValueError("; ".join(faults))
        return self


def differences(one: FeaturesConfig, other: FeaturesConfig, whose: str, whose_other: str) -> list[Problem]:
    """A problem for each field in which two kinds of features differ.

    Args:
        one: features.
        other: features.
        whose: what the problems call the first, such as "the dev set's".
        whose_other: what they call the second.

    >>> print(*differences(FeaturesConfig(), FeaturesConfig(bands=40), "the network's", "the set's"))
    features.bands: the network's is (64,), the set's is (40,)
    """
    mine, theirs = one.model_dump(), other.model_dump()
    return [
        Problem(f"features.{name}: {whose} is {mine[name]}, {whose_other} is {theirs[name]}")
        for name in mine
        if mine[name] != theirs[name]
    ]


def read_features_config(path: Path) -> FeaturesConfig:
    """The `features:` section of a configuration file; the defaults where it has none.

    The file may hold the other sections too, which are not looked into here.

    Raises:
        ProblemsError: with every mistake.
    """
    content = load_yaml(path)
    raise_problems([Problem(unknown_name("key", str(key), SECTIONS), path) for key in content if key not in SECTIONS])
    section = content.get("features")
    return validated(FeaturesFile, {"features": {} if section is None else section}, str(path)).features


class FeaturesFile(Section):
    """What `svtok extract-features --config` reads; the other sections of a training's file may stand beside."""

    features: FeaturesConfig = FeaturesConfig()
