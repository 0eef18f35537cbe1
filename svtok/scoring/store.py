"""A fitted scorer on disk: `scorer.yaml` says how it scores and decides, `scorer.safetensors` holds its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load, save

import svtok
from svtok.config import Section, read_about, write_yaml
from svtok.embeddings.enroll import Enrolled
from svtok.errors import SvtokError
from svtok.files import writing_folder
from svtok.scoring.backend import Backend, Cosine, Enrollment, Parts
from svtok.scoring.decision import Aspect, Decision, Ranked
from svtok.scoring.fitted import FittedScorer, Warping
from svtok.scoring.fusion import Fusion
from svtok.scoring.normalise import Cohort, Norm
from svtok.scoring.plda import Plda, Projection
from svtok.scoring.scorer import Scorer
from svtok.scoring.warping import KeptCohort, Takes

FOLDER_FORMAT = 1
ABOUT, ARRAYS = "scorer.yaml", "scorer.safetensors"
REMEDY = "fit it again with `svtok fit-scorer`, or copy its folder once more"
Arrays = dict[str, NDArray[Any]]


class NormAbout(Section):
    """A normalisation; its cohort is among the arrays."""

    top: int | None = Field(ge=2, description="Highest scores that count; null: all (S-norm).")
    by_phrase: bool
    phrases: tuple[str, ...] | None = Field(description="What the members of the cohort say, where it is known.")


class WarpingAbout(Section):
    """What scores the phrase: frame states of the network, warped in time."""

    layer: int = Field(ge=-1, description="Layers of the encoder that the states have been through; -1: the features.")
    takes: Takes
    cohort: bool = Field(False, description="Whether scores are normalised by recordings among the arrays (S-norm).")


class About(Section):
    """The content of `scorer.yaml`."""

    format: int = FOLDER_FORMAT
    network: str = Field(description="SHA-256 of the weights of the network whose embeddings it scores.")
    dim: int = Field(ge=1, description="Of these embeddings.")
    backend: Literal["cosine", "lda", "plda"]
    length_norm: bool = Field(False, description="Of plda: whether vectors are divided by their length after LDA.")
    parts: int = Field(1, ge=1, description="Of an embedding, each of which has a back-end of its own.")
    phrases: tuple[str, ...] | None = Field(None, description="Where each phrase has a back-end of its own: these.")
    enrollment: Enrollment
    norm: NormAbout | None = None
    warping: WarpingAbout | None = None
    decisions: dict[Aspect, Fusion] = Field(description="How scores become log likelihood ratios, by what is decided.")
    svtok: str = Field(description="The version that fitted it.")

    @model_validator(mode="after")
    def _check(self) -> About:
        if self.dim % self.parts:
            raise ValueError(f"dim ({self.dim}) must be a multiple of parts ({self.parts})")
        return self


def write_scorer(folder: Path, scorer: FittedScorer) -> None:
    """Write scorer.yaml and scorer.safetensors, in place of a scorer that was there, all or nothing.

    Args:
        folder: where to.
        scorer: with a back-end of svtok's own.

    Raises:
        SvtokError: the folder holds other files, or the back-end is of another kind.
    """
    from svtok.manifest.sets import refuse_other_files

    refuse_other_files(folder, (ABOUT, ARRAYS))
    by_phrase = scorer.scorer.backend if isinstance(scorer.scorer.backend, Mapping) else None
    backends: list[Backend] = list(by_phrase.values()) if by_phrase else [scorer.scorer.backend]  # type: ignore[list-item]
    arrays: Arrays = {}
    of_parts = [backend.backends if isinstance(backend, Parts) else (backend,) for backend in backends]
    for place, one in enumerate(one for parts in of_parts for one in parts):
        kind, length_norm = _describe(one, arrays, f"backend.{place}")
    norm = scorer.scorer.norm
    norm_about = None
    if norm is not None:
        arrays |= {"cohort.vectors": norm.cohort.members.vectors, "cohort.counts": norm.cohort.members.counts}
        phrases = norm.cohort.phrases
        names: tuple[str, ...] | None = None
        if phrases is not None:
            distinct, codes = np.unique(phrases.astype(str), return_inverse=True)
            names, arrays["cohort.phrases"] = tuple(map(str, distinct)), codes.astype(np.int32)
        norm_about = NormAbout(top=norm.top, by_phrase=norm.by_phrase, phrases=names)
    for aspect, decision in scorer.decisions.items():
        for name, ranked in decision.spread.items():
            arrays |= {f"{aspect}.{name}.values": ranked.values, f"{aspect}.{name}.counts": ranked.counts}
    about = About(
        network=scorer.network,
        dim=scorer.dim,
        backend=kind,
        length_norm=length_norm,
        parts=len(of_parts[0]),
        phrases=tuple(by_phrase) if by_phrase else None,
        enrollment=scorer.scorer.enrollment,
        norm=norm_about,
        warping=scorer.warping and _describe_warping(scorer.warping, arrays),
        decisions={aspect: decision.fusion for aspect, decision in scorer.decisions.items()},
        svtok=svtok.__version__,
    )
    with writing_folder(folder) as temporary:
        (temporary / ARRAYS).write_bytes(save({name: np.ascontiguousarray(some) for name, some in arrays.items()}))
        write_yaml(temporary / ABOUT, about)


def _describe_warping(warping: Warping, arrays: Arrays) -> WarpingAbout:
    """How the phrase is scored; the frames of the cohort are added, in 16 bits."""
    if warping.cohort is not None:
        frames = warping.cohort.arrays
        arrays["warping.frames"] = np.concatenate(frames).astype(np.float16)
        arrays["warping.counts"] = np.array([len(some) for some in frames], np.int32)
    return WarpingAbout(layer=warping.layer, takes=warping.takes, cohort=warping.cohort is not None)


def _warping(arrays: _Arrays, about: WarpingAbout) -> Warping:
    if not about.cohort:
        return Warping(about.layer, about.takes)
    counts = arrays.counts("warping.counts", np.int32)
    frames = arrays.take("warping.frames", np.float16, int(counts.sum()), None).astype(np.float32)
    return Warping(about.layer, about.takes, KeptCohort(tuple(np.split(frames, np.cumsum(counts)[:-1]))))


def _describe(backend: Backend, arrays: Arrays, key: str) -> tuple[Literal["cosine", "lda", "plda"], bool]:
    """The kind of a back-end and whether it normalises lengths; its arrays are added under the key."""
    if not isinstance(backend, Cosine | Plda):
        raise SvtokError(f"a scorer with the back-end {type(backend).__name__} cannot be saved: svtok does not know it")
    if backend.space is not None:
        arrays |= {f"{key}.space.mean": backend.space.mean, f"{key}.space.directions": backend.space.directions}
    if isinstance(backend, Cosine):
        return ("cosine" if backend.space is None else "lda"), False
    arrays |= {f"{key}.{name}": getattr(backend, name) for name in ("mean", "basis", "between")}
    return "plda", backend.length_norm


def load_scorer(folder: str | Path) -> FittedScorer:
    """The scorer of a folder that `svtok fit-scorer` wrote.

    Raises:
        SvtokError: it is not such a folder, is damaged, or of another format.
    """
    folder = Path(folder)
    if not (folder / ABOUT).is_file():
        raise SvtokError(f"{folder}: not the folder of a scorer (it has no {ABOUT}); `svtok fit-scorer` makes one")
    about = read_about(folder / ABOUT, About, format_number=FOLDER_FORMAT, remedy=REMEDY)
    arrays = _Arrays(folder / ARRAYS)
    backends = [_backend(arrays, about, place) for place in range(len(about.phrases or ("",)))]
    backend = backends[0] if about.phrases is None else dict(zip(about.phrases, backends, strict=True))
    scorer = Scorer(backend, about.enrollment, None if about.norm is None else _norm(arrays, about, about.norm))
    decisions = {aspect: _decision(arrays, aspect, fusion) for aspect, fusion in about.decisions.items()}
    warping = _warping(arrays, about.warping) if about.warping else None
    return FittedScorer(scorer, about.network, about.dim, decisions, warping)


class _Arrays:
    """The arrays of a file by name; each is checked as it is taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.arrays = load(path.read_bytes())
        except (OSError, SafetensorError, ValueError, TypeError, KeyError, MemoryError, OverflowError) as error:
            raise SvtokError(f"{path}: missing or damaged ({type(error).__name__}: {error}); {REMEDY}") from None

    def take(self, name: str, kind: type[np.generic], *shape: int | None) -> NDArray[Any]:
        """An array of that type and shape, of which None is any size, with finite values."""
        array = self.arrays.get(name)
        if array is None:
            raise SvtokError(f"{self.path}: has no '{name}'; {REMEDY}")
        fits = array.dtype == kind and array.ndim == len(shape)
        if not fits or any(size not in (None, found) for size, found in zip(shape, array.shape, strict=True)):
            raise SvtokError(f"{self.path}: '{name}' is {array.dtype} of shape {array.shape}; {REMEDY}")
        if not np.isfinite(array).all():
            raise SvtokError(f"{self.path}: '{name}' holds NaN or infinity; {REMEDY}")
        # by columns and aligned, as the fits leave their matrices: products are then the same to the last bit
        return np.array(array, order="F" if "cohort" not in name else "C")

    def counts(self, name: str, kind: type[np.generic]) -> NDArray[Any]:
        """An array (N,) of whole numbers of at least one."""
        array = self.take(name, kind, None)
        if len(array) == 0 or (array < 1).any():
            raise SvtokError(f"{self.path}: '{name}' must hold counts from 1 on; {REMEDY}")
        return array


def _backend(arrays: _Arrays, about: About, place: int) -> Backend:
    """That of the phrase at the place, or the only one."""
    parts = [_backend_of_part(arrays, about, f"backend.{about.parts * place + part}") for part in range(about.parts)]
    return parts[0] if about.parts == 1 else Parts(tuple(parts))


def _backend_of_part(arrays: _Arrays, about: About, key: str) -> Backend:
    if about.backend == "cosine":
        return Cosine()
    space = Projection(
        arrays.take(f"{key}.space.mean", np.float32, about.dim // about.parts),
        arrays.take(f"{key}.space.directions", np.float32, about.dim // about.parts, None),
    )
    if about.backend == "lda":
        return Cosine(space)
    size = space.directions.shape[1]
    return Plda(
        space,
        about.length_norm,
        arrays.take(f"{key}.mean", np.float32, size),
        arrays.take(f"{key}.basis", np.float32, size, size),
        arrays.take(f"{key}.between", np.float64, size),
    )


def _norm(arrays: _Arrays, about: About, norm: NormAbout) -> Norm:
    counts = arrays.counts("cohort.counts", np.int64).astype(np.intp)
    vectors = arrays.take("cohort.vectors", np.float32, int(counts.sum()), about.dim)
    phrases = None
    if norm.phrases is not None:
        codes = arrays.take("cohort.phrases", np.int32, len(counts))
        if ((codes < 0) | (codes >= len(norm.phrases))).any():
            raise SvtokError(f"{arrays.path}: 'cohort.phrases' names phrases that are not there; {REMEDY}")
        phrases = np.array(norm.phrases, object)[codes]
    members = Enrolled(vectors, counts)
    return Norm(Cohort(members, phrases), norm.top, norm.by_phrase)


def _decision(arrays: _Arrays, aspect: str, fusion: Fusion) -> Decision:
    spread = {}
    for name in fusion.trials:
        if f"{aspect}.{name}.values" in arrays.arrays:
            counts = arrays.counts(f"{aspect}.{name}.counts", np.int32)
            values = arrays.take(f"{aspect}.{name}.values", np.float64, len(counts))
            spread[name] = Ranked(values, counts)
    lacking = [name for name in fusion.shares if name not in spread]
    if lacking or len(spread) == len(fusion.shares):
        raise SvtokError(f"{arrays.path}: lacks trials of '{aspect}' ({', '.join(lacking) or 'targets'}); {REMEDY}")
    return Decision(fusion, spread)
