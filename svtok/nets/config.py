"""What a network is made of. Values that the paper does not give are fields here; their defaults are ours."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

Head = Literal["avg", "stats", "attentive-stats", "cls", "cls-sampled", "cls-dist", "cls-sampled-dist"]
HEADS: tuple[Head, ...] = get_args(Head)
TOKEN_HEADS = tuple(head for head in HEADS if head.startswith("cls"))
STATISTICS_HEADS = ("stats", "attentive-stats")


class ResidualConfig(BaseModel, extra="forbid", frozen=True):
    """The paper's front-end (its predecessor: Conv1D 128, residual blocks of 160 and 256, BatchNorm)."""

    kind: Literal["residual"] = "residual"
    channels: int = Field(128, ge=1, description="output channels of the first convolution")
    blocks: tuple[int, ...] = Field(
        (160, 256), min_length=1, max_length=100, description="output channels of each residual block"
    )
    layers_per_block: int = Field(3, ge=1, le=100, description="convolutions in a residual block")
    kernel: int = Field(3, ge=1, description="frames seen by each convolution; odd")
    subsample: int = Field(1, ge=1, le=8, description="frames stepped by the first convolution")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of channel values dropped after each block")

    @property
    def dim(self) -> int:
        """Dimension D of the states."""
        return self.blocks[-1]

    @model_validator(mode="after")
    def _check(self) -> ResidualConfig:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, not {self.kernel}")
        if any(channels < 1 for channels in self.blocks):
            raise ValueError(f"every block needs at least 1 channel, not {self.blocks}")
        return self


class EcapaConfig(BaseModel, extra="forbid", frozen=True):
    """The frame level of ECAPA-TDNN (Desplanques et al., 2020)."""

    kind: Literal["ecapa"]
    channels: int = Field(512, ge=1, description="channels of the first convolution and the blocks")
    dilations: tuple[int, ...] = Field(
        (2, 3, 4), min_length=1, max_length=100, description="dilation of each SE-Res2 block"
    )
    kernel: int = Field(3, ge=1, description="frames seen by each dilated convolution; odd")
    scale: int = Field(8, ge=2, description="groups of channels in a block")
    squeeze: int = Field(128, ge=1, description="hidden values of the channel gates")
    out_channels: int = Field(1536, ge=1, description="channels after the blocks are aggregated")
    subsample: int = Field(1, ge=1, le=8, description="frames stepped by the first convolution")

    @property
    def dim(self) -> int:
        """Dimension D of the states."""
        return self.out_channels

    @model_validator(mode="after")
    def _check(self) -> EcapaConfig:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, not {self.kernel}")
        if any(dilation < 1 for dilation in self.dilations):
            raise ValueError(f"every dilation must be at least 1, not {self.dilations}")
        if self.channels % self.scale:
            raise ValueError(f"scale ({self.scale}) must divide the {self.channels} channels")
        return self


class XVectorConfig(BaseModel, extra="forbid", frozen=True):
    """The frame level of the x-vector network (Snyder et al., 2018)."""

    kind: Literal["x-vector"]
    channels: int = Field(512, ge=1, description="channels of the first four convolutions")
    out_channels: int = Field(1500, ge=1, description="channels of the fifth")
    subsample: int = Field(1, ge=1, le=8, description="frames stepped by the first convolution")

    @property
    def dim(self) -> int:
        """Dimension D of the states."""
        return self.out_channels


def _kind(config: Any) -> str:
    """Which front-end is meant, by a mapping or an object; the paper's where none is named."""
    kind = config.get("kind", "residual") if isinstance(config, dict) else getattr(config, "kind", "residual")
    return str(kind)


FrontEndConfig = Annotated[
    Annotated[ResidualConfig, Tag("residual")]
    | Annotated[EcapaConfig, Tag("ecapa")]
    | Annotated[XVectorConfig, Tag("x-vector")],
    Discriminator(_kind),
]


class MemoryConfig(BaseModel, extra="forbid", frozen=True):
    """Memory layer: trainable keys and values, read by every frame and token."""

    keys: Literal["flat", "product"] = Field(
        "flat", description="a key for each slot, or slots = n * n pairs of half keys, for large tables (needs top_k)"
    )
    slots: int = Field(512, ge=1, description="pairs of a key and a value")
    key_dim: int = Field(128, ge=1, description="dimension of keys and queries")
    top_k: int = Field(0, ge=0, description="slots kept a query, the best-scoring ones; 0: all")
    combine: Literal["residual", "concat"] = Field(
        "residual", description="add the value read to the input, or concatenate and project, as the predecessor does"
    )

    @model_validator(mode="after")
    def _check(self) -> MemoryConfig:
        if self.top_k > self.slots:
            raise ValueError(f"top_k ({self.top_k}) is over the number of slots ({self.slots})")
        if self.keys == "product" and (problems := "; ".join(self._misfits_of_product_keys())):
            raise ValueError(f"product keys need {problems}")
        return self

    def _misfits_of_product_keys(self) -> Iterator[str]:
        side = isqrt(self.slots)
        if side * side != self.slots:
            yield f"a square number of slots, such as {side * side} or {(side + 1) ** 2}, not {self.slots}"
        if self.key_dim % 2:
            yield f"an even key_dim, not {self.key_dim}"
        if not self.top_k:
            yield "a top_k of at least 1, not 0"


class SampledConfig(BaseModel, extra="forbid", frozen=True):
    """Sampled class token: what it is drawn from in training, and what stands in its place in evaluation."""

    vectors: int = Field(8, ge=1, description="R: trainable vectors of a list; draws of a Gaussian in evaluation")
    distribution: Literal["list", "gaussian"] = Field(
        "list", description="drawn from R trainable vectors, or from a Gaussian of trainable mean and variance"
    )
    weights: Literal["uniform", "learned"] = Field("uniform", description="probabilities of the vectors of a list")
    draw: Literal["utterance", "batch"] = Field("utterance", description="drawn for each utterance, or once a batch")
    evaluation: Literal["mean-token", "mean-embedding", "seeded-draw"] = Field(
        "mean-token",
        description="the mean vector, the mean of the embeddings from each of R vectors, or one vector drawn by seed",
    )
    seed: int = Field(0, ge=0, description="fixes the draws of evaluation")

    @property
    def is_plain(self) -> bool:
        """Whether nothing is drawn: a list of one vector."""
        return self.distribution == "list" and self.vectors == 1

    @model_validator(mode="after")
    def _check(self) -> SampledConfig:
        if self.distribution == "gaussian" and self.weights == "learned":
            raise ValueError("learned weights are of a list of vectors; distribution 'gaussian' has none")
        return self


class NetworkConfig(BaseModel, extra="forbid", frozen=True):
    """A speaker-verification network: front-end, tokens, attention layers with memory, embedding, classifier."""

    head: Head = Field("cls", description="what becomes the embedding: averaged frames, or a token's state")
    streams: tuple[Literal["features", "cepstra"], ...] = Field(
        ("features",),
        min_length=1,
        max_length=8,
        description="ways in which the features are read, each by front-end, tokens, attention and classifier of its "
        "own, whose embeddings stand side by side: as they are, or as cepstra of log-mel filter banks, computed inside",
    )
    front_end: FrontEndConfig = ResidualConfig()
    positions: Literal["none", "sinusoidal", "learned", "rotary"] = Field(
        "sinusoidal",
        description="position vectors added to the frames after the front-end, or rotations of queries and keys",
    )
    max_frames: int = Field(2000, ge=1, description="longest utterance (frames after subsampling) of learned positions")
    layers: int = Field(
        2, ge=0, le=100, description="pairs of self-attention and what follows it; 0: none, as in the peers"
    )
    attention_heads: int = Field(4, ge=1, description="parallel heads of each self-attention")
    after_attention: Literal["memory", "feed-forward", "feed-forward-memory"] = Field(
        "memory", description="what follows each self-attention: one, or the memory layer after the feed-forward"
    )
    memory: MemoryConfig = MemoryConfig()
    feed_forward_dim: int = Field(1024, ge=1, description="hidden dimension of the feed-forward")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of attention weights and of each layer's output")
    sampled: SampledConfig = SampledConfig()
    embedding: Literal["cls", "dist", "mean", "concat"] = Field(
        "cls", description="test embedding of a head with a distillation token: one state, their mean, or both"
    )
    classifier: Literal["cosine", "factored", "linear"] = Field(
        "cosine",
        description="logits: scaled cosines of embedding and class vector, as trials are scored; factored: the same, "
        "each class vector being the sum of its speaker's and its phrase's; or linear",
    )
    class_residual: bool = Field(
        False, description="with classifier factored: a vector of each class's own is added, which starts at 0"
    )
    cosine_scale: float = Field(20.0, gt=0, description="what the cosines are multiplied by")
    sub_centers: int = Field(1, ge=1, description="vectors of each class of the cosine classifier; the nearest counts")
    skip: Literal["none", "statistics", "attentive-stats"] = Field(
        "none",
        description="what is added to each token's last state, or the pooled frames: nothing, or a projection of the "
        "front-end's frames' mean and standard deviation over time, or of those weighted by attention as in ECAPA-TDNN",
    )
    embedding_dim: int = Field(0, ge=0, description="dimension to which each state is projected; 0: left as it is")
    embedding_norm: Literal["none", "batch"] = Field(
        "batch", description="normalisation of the state before the classifier; its output is the embedding"
    )

    @property
    def dim(self) -> int:
        """Dimension D of the frames after the front-end, and of the tokens."""
        return self.front_end.dim

    @property
    def token_names(self) -> tuple[str, ...]:
        """The tokens of the head, in the order in which they stand before the frames."""
        if self.head not in TOKEN_HEADS:
            return ()
        return ("cls", "dist") if self.head.endswith("-dist") else ("cls",)

    @property
    def pooled_dim(self) -> int:
        """Dimension of what the tokens or the pooling give, before it is projected to the states."""
        return 2 * self.dim if self.head in STATISTICS_HEADS else self.dim

    @property
    def state_dim(self) -> int:
        """Dimension of each state that the classifiers see."""
        return self.embedding_dim or self.pooled_dim

    @property
    def test_dim(self) -> int:
        """Dimension of the test embedding."""
        return self.parts * (2 if self.embedding == "concat" else 1) * self.state_dim

    @property
    def parts(self) -> int:
        """How many parts of one length stand side by side in the test embedding: one a stream."""
        return len(self.streams)

    @property
    def longest_utterance(self) -> int | None:
        """Most frames T that can be read, before subsampling; None where there is no limit."""
        return self.max_frames * self.front_end.subsample if self.positions == "learned" else None

    @model_validator(mode="after")
    def _check(self) -> NetworkConfig:
        if self.layers and self.dim % self.attention_heads:
            raise ValueError(
                f"attention_heads ({self.attention_heads}) must divide the front-end's {self.dim} channels"
            )
        if self.layers and self.positions == "rotary" and self.dim // self.attention_heads % 2:
            raise ValueError(
                f"rotary positions need an even number of channels a head, not {self.dim} / {self.attention_heads} "
                f"= {self.dim // self.attention_heads}"
            )
        if not self.layers and self.head in TOKEN_HEADS:
            raise ValueError(f"head '{self.head}' needs at least 1 layer of attention, not 0")
        if self.sub_centers > 1 and self.classifier != "cosine":
            raise ValueError(f"sub_centers ({self.sub_centers}) need classifier 'cosine', not '{self.classifier}'")
        if self.class_residual and self.classifier != "factored":
            raise ValueError(f"class_residual needs classifier 'factored', not '{self.classifier}'")
        if self.embedding != "cls" and not self.head.endswith("-dist"):
            raise ValueError(f"embedding '{self.embedding}' needs a head with a distillation token, not '{self.head}'")
        return self
