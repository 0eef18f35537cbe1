"""What a network is made of. Values that the paper does not tell are fields here; their defaults are ours."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Head = Literal["avg", "cls", "cls-sampled", "cls-dist", "cls-sampled-dist"]
HEADS: tuple[Head, ...] = ("avg", "cls", "cls-sampled", "cls-dist", "cls-sampled-dist")


class FrontEndConfig(BaseModel):
    """Convolutions over time, before the tokens join (paper: Conv1D 128, residual blocks 160 and 256, BatchNorm)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: int = Field(128, ge=1, description="output channels of the first convolution")
    blocks: tuple[int, ...] = Field((160, 256), min_length=1, description="output channels of each residual block")
    layers_per_block: int = Field(3, ge=1, description="convolutions in a residual block")
    kernel: int = Field(3, ge=1, description="frames seen by each convolution; odd")
    subsample: int = Field(1, ge=1, le=8, description="frames stepped by the first convolution")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of channel values dropped after each block")

    @model_validator(mode="after")
    def _check(self) -> FrontEndConfig:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, not {self.kernel}")
        if any(channels < 1 for channels in self.blocks):
            raise ValueError(f"every block needs at least 1 channel, not {self.blocks}")
        return self


class MemoryConfig(BaseModel):
    """Memory layer: trainable keys and values, read by every frame and token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        return self


class NetworkConfig(BaseModel):
    """A speaker-verification network: front-end, tokens, attention layers with memory, embedding, classifier."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: Head = Field("cls", description="what becomes the embedding: averaged frames, or a token's state")
    front_end: FrontEndConfig = FrontEndConfig()
    positions: Literal["none", "sinusoidal", "learned"] = Field(
        "sinusoidal", description="position vectors added to the frames after the front-end"
    )
    max_frames: int = Field(2000, ge=1, description="longest utterance (frames after subsampling) of learned positions")
    layers: int = Field(2, ge=1, description="pairs of self-attention and what follows it")
    attention_heads: int = Field(4, ge=1, description="parallel heads of each self-attention")
    after_attention: Literal["memory", "feed-forward"] = Field("memory", description="what follows each self-attention")
    memory: MemoryConfig = MemoryConfig()
    feed_forward_dim: int = Field(1024, ge=1, description="hidden dimension of the feed-forward")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of attention weights and of each layer's output")
    sampled_vectors: int = Field(8, ge=1, description="R: trainable vectors of the sampled class token")
    embedding: Literal["cls", "dist", "mean", "concat"] = Field(
        "cls", description="test embedding of a head with a distillation token: one state, their mean, or both"
    )
    classifier: Literal["cosine", "linear"] = Field(
        "cosine", description="logits: scaled cosines of embedding and class vector, as trials are scored, or linear"
    )
    cosine_scale: float = Field(20.0, gt=0, description="what the cosines are multiplied by")
    embedding_norm: Literal["none", "batch"] = Field(
        "batch", description="normalisation of the state before the classifier; its output is the embedding"
    )

    @property
    def dim(self) -> int:
        """Dimension D of frames, tokens and each state."""
        return self.front_end.blocks[-1]

    @property
    def longest_utterance(self) -> int | None:
        """Most frames T that can be read, before subsampling; None where there is no limit."""
        return self.max_frames * self.front_end.subsample if self.positions == "learned" else None

    @model_validator(mode="after")
    def _check(self) -> NetworkConfig:
        if self.dim % self.attention_heads:
            raise ValueError(f"attention_heads ({self.attention_heads}) must divide the last block's {self.dim}")
        if self.embedding != "cls" and not self.head.endswith("-dist"):
            raise ValueError(f"embedding '{self.embedding}' needs a head with a distillation token, not '{self.head}'")
        return self
