"""One training of a phonetic network: the loss, the phone error rate, and the run from the command line's wishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.errors import Problem, raise_problems
from svtok.features.config import differences
from svtok.features.store import FeatureStore, Source, about_source
from svtok.files import sha256_of_files
from svtok.manifest.schema import Place
from svtok.manifest.sets import UTTERANCES_FILE
from svtok.nets.phone_network import PhoneNetwork
from svtok.trained.config import PhoneticConfig
from svtok.trained.folder import write_config, write_weights
from svtok.trained.inference import evaluating
from svtok.trained.phones import PHONES, PhoneList, decode, read_phone_list
from svtok.training.checkpoint import CHECKPOINT, restore_checkpoint, save_checkpoint
from svtok.training.data import Batch, TrainingUtterances, make_loader, pad
from svtok.training.log import make_log, write_log
from svtok.training.loop import DivergedError, Row, Trainer
from svtok.training.pronounce import FIRST_ROW, Phones, Spelling, pronounce
from svtok.training.resuming import DIVERGED, describe_divergence, divergences, has_ended, settled_precision

UTTERANCES_AT_ONCE = 32


class PhoneRecognition(nn.Module):
    """The CTC loss of an utterance's phones, divided by their number, averaged over the batch.

    Args:
        pronunciations: the numbers of each utterance's phones, int64 (L,); a batch's labels say which utterances
            these are.
    """

    def __init__(self, pronunciations: Sequence[np.ndarray]) -> None:
        super().__init__()
        self.pronunciations = pronunciations

    def forward(self, network: PhoneNetwork, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and what to log of it."""
        logits, lengths = network(batch.frames, batch.lengths)
        phones = [self.pronunciations[number] for number in batch.labels.flatten().tolist()]
        targets = torch.from_numpy(np.concatenate(phones)).to(logits.device)
        sizes = torch.tensor([len(each) for each in phones], device=logits.device)
        likelihoods = logits.log_softmax(dim=2).transpose(0, 1)  # (T', B, 1 + phones)
        loss = functional.ctc_loss(likelihoods, targets, lengths, sizes)
        return loss, {"loss": loss.detach()}


def frames_needed(phones: Sequence[str]) -> int:
    """The fewest frames in which CTC can spell these phones: one each, and a blank between two that are alike."""
    return len(phones) + sum(one == other for one, other in pairwise(phones))


def make_measure(
    network: PhoneNetwork, store: FeatureStore, references: dict[str, Phones], phones: PhoneList, device: torch.device
) -> Callable[[], float]:
    """A function that gives the phone error rate of the network on some utterances.

    That is the least number of phones put in, left out and taken for others that turns what the network recognises
    into the references, over the number of phones in these.

    Args:
        references: the phones of each utterance by its id; one that is not among `phones` is always wrong.
    """
    edit_distance = import_torchaudio().functional.edit_distance
    utts = sorted(references, key=store.frames)
    total = sum(len(reference) for reference in references.values())

    def measure() -> float:
        errors = 0
        with evaluating(network):
            for start in range(0, len(utts), UTTERANCES_AT_ONCE):
                some = utts[start : start + UTTERANCES_AT_ONCE]
                frames, lengths = pad([np.array(store[utt]) for utt in some])
                logits, counts = network(frames.to(device), lengths.to(device))
                for utt, its_logits, count in zip(some, logits.cpu(), counts.tolist(), strict=True):
                    recognised = [phones.names[number - 1] for number in decode(its_logits[:count])]
                    errors += edit_distance(recognised, list(references[utt]))
        return errors / total

    return measure


@dataclass(frozen=True)
class PhoneticRun:
    """What is asked for. `phones` is a file that lists the phones; without one, they are those of the training set."""

    out: Path
    config: PhoneticConfig
    train: Source
    dev: Source | None
    spelling: Spelling
    phones: Path | None
    seed: int
    device: torch.device
    anew: bool = False


def train_phonetic(run: PhoneticRun) -> bool:
    """Train and write a phonetic network. Returns False if it had ended before and nothing was left to do.

    Raises SvtokError or ProblemsError, before anything is written, where the parts do not fit together, a word or text
    has no phones, or an utterance is too short for its phones.
    """
    training = settled_precision(run.config.training, run.out, PhoneticConfig, run.device)
    config = run.config.model_copy(update={"features": run.train.store.config, "training": training})
    raise_problems(_misfits(run))
    run = replace(run, config=config)
    given = read_phone_list(run.phones) if run.phones else None
    pronunciations = pronounce(run.train.prepared, run.spelling, given)
    references = pronounce(run.dev.prepared, run.spelling) if run.dev else None
    raise_problems(_too_short(run, pronunciations))
    phones = given or PhoneList.of(pronunciations)
    about = {
        "seed": run.seed,
        "train": about_source(run.train),
        "dev": about_source(run.dev),
        "spelling": _about_spelling(run.spelling),
        "phones": " ".join(phones.names),
    }
    if has_ended(run.out, config, about, anew=run.anew):
        return False
    diverged = divergences(run.out, PhoneticConfig)
    write_config(run.out, config, {**about, **({DIVERGED: diverged} if diverged else {})})
    phones.write(run.out / PHONES)
    torch.manual_seed(run.seed)
    trainer = _make_trainer(run, pronunciations, references, phones)
    restore_checkpoint(run.out, trainer.restore)
    write_log(run.out, trainer.rows)
    try:
        weights = trainer.run()
    except DivergedError as error:
        write_config(run.out, config, {**about, DIVERGED: [*diverged, describe_divergence(error, config.training)]})
        raise
    write_weights(run.out, weights["network"])
    (run.out / CHECKPOINT).unlink(missing_ok=True)
    return True


def _make_trainer(
    run: PhoneticRun, pronunciations: Sequence[Phones], references: Sequence[Phones] | None, phones: PhoneList
) -> Trainer:
    config, store = run.config, run.train.store
    utts = run.train.prepared.utterances["utt"].tolist()
    labels = np.arange(len(utts))[:, None]  # which utterance it is: PhoneRecognition knows its phones
    loader, sampler = make_loader(TrainingUtterances(store, utts, labels, config.training, run.seed), run.device)
    network = PhoneNetwork(config.network, store.dim, len(phones))
    objective = PhoneRecognition([phones.numbers(each) for each in pronunciations])
    measure = None
    if run.dev is not None and references is not None:
        by_utt = dict(zip(run.dev.prepared.utterances["utt"], references, strict=True))
        measure = make_measure(network, run.dev.store, by_utt, phones, run.device)
    return Trainer(
        trained={"network": network, "objective": objective},
        loss=partial(objective, network),
        loader=loader,
        sampler=sampler,
        config=config.training,
        device=run.device,
        measure=lambda: measure() if measure else None,
        measured="dev_phone_error_rate",
        save=lambda state: save_checkpoint(run.out, state),
        log=make_log(run.out, lambda row: _line(row, config.training.epochs)),
    )


def _misfits(run: PhoneticRun) -> list[Problem]:
    """All that does not fit: features and dev set."""
    store = run.train.store
    problems = []
    if store.config.phonetic:
        problems.append(Problem("holds phonetic columns already; a phonetic network reads acoustic ones", store.folder))
    if run.config.features is not None:
        problems += differences(run.config.features, store.config, "the configuration's", f"those of {store.folder}")
    if run.dev is not None:
        problems += differences(run.dev.store.config, store.config, "the dev set's", "the training set's")
    elif run.config.training.keep == "best":
        problems.append(Problem("training.keep is 'best', which needs a dev set (--dev)"))
    return problems


def _too_short(run: PhoneticRun, pronunciations: Sequence[Phones]) -> list[Problem]:
    """A problem for each utterance that, at the fastest tempo, has fewer frames than CTC needs for its phones."""
    prepared, store = run.train.prepared, run.train.store
    utts = prepared.utterances["utt"].tolist()
    shortest = 1 - run.config.training.augment.tempo
    subsample = run.config.network.front_end.subsample
    needed = [frames_needed(phones) for phones in pronunciations]
    there = [-(-max(1, round(store.frames(utt) * shortest)) // subsample) for utt in utts]
    rows = np.flatnonzero(np.array(there) < np.array(needed))
    place = Place((prepared.folder or Path()) / UTTERANCES_FILE, FIRST_ROW)
    return list(
        place.problems(
            rows,
            lambda row: (
                f"'{utts[row]}' may have {there[row]} frames after tempo changes and subsampling, too few for its "
                f"{len(pronunciations[row])} phones, which need {needed[row]}; leave it out, or lower "
                "network.front_end.subsample"
            ),
        )
    )


def _about_spelling(spelling: Spelling) -> dict[str, Any]:
    """What shows whether a run has the same phones: of a lexicon, its content."""
    lexicon = sha256_of_files([spelling.lexicon]) if spelling.lexicon else None
    return {"text_from": spelling.text_from, "language": spelling.language, "lexicon": lexicon}


def _line(row: Row, epochs: int) -> str:
    """An epoch's row for people."""
    rate = row["dev_phone_error_rate"]
    dev = "" if rate is None else f", dev phone error rate {100 * rate:.1f} %"
    return f"epoch {row['epoch']}/{epochs}: loss {row['loss']:.4f}{dev}, {row['seconds']:.1f} s"
