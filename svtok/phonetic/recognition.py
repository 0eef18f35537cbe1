"""Recognising phones: the loss that is trained, and the share of phones that are wrong on a dev set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.features.store import FeatureStore
from svtok.nets.phone_network import PhoneNetwork
from svtok.phonetic.phone_list import PhoneList
from svtok.phonetic.pronounce import Phones
from svtok.training.data import Batch, pad

UTTERANCES_AT_ONCE = 32


@dataclass
class PhoneNetworks:
    """The network that is trained; there is nothing beside it."""

    network: PhoneNetwork
    joint_teacher: None = None


class PhoneRecognition(nn.Module):
    """The CTC loss of an utterance's phones, divided by their number, averaged over the batch.

    Args:
        pronunciations: the numbers of each utterance's phones, int64 (L,); a batch's labels tell which utterances
            these are.
    """

    def __init__(self, pronunciations: Sequence[np.ndarray]) -> None:
        super().__init__()
        self.pronunciations = pronunciations

    def forward(self, networks: PhoneNetworks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and what to log of it."""
        logits, lengths = networks.network(batch.frames, batch.lengths)
        phones = [self.pronunciations[number] for number in batch.labels.flatten().tolist()]
        targets = torch.from_numpy(np.concatenate(phones)).to(logits.device)
        sizes = torch.tensor([len(each) for each in phones], device=logits.device)
        likelihoods = logits.float().log_softmax(dim=2).transpose(0, 1)  # (T', B, 1 + phones)
        loss = functional.ctc_loss(likelihoods, targets, lengths, sizes)
        return loss, {"loss": loss.detach()}


def frames_needed(phones: Sequence[str]) -> int:
    """The fewest frames in which CTC can tell these phones: one each, and a blank between two that are alike."""
    return len(phones) + sum(one == other for one, other in pairwise(phones))


def decode(logits: Tensor) -> list[int]:
    """The numbers of the phones on the best path (greedy): logits (T', 1 + phones) -> runs made one, without blanks."""
    return [number for number in torch.unique_consecutive(logits.argmax(dim=1)).tolist() if number]


def make_measure(
    network: PhoneNetwork, store: FeatureStore, references: dict[str, Phones], phones: PhoneList, device: torch.device
) -> Callable[[], float]:
    """A function that tells the phone error rate of the network on some utterances.

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
        was_training = network.training
        network.eval()
        for start in range(0, len(utts), UTTERANCES_AT_ONCE):
            some = utts[start : start + UTTERANCES_AT_ONCE]
            frames, lengths = pad([np.array(store[utt]) for utt in some])
            with torch.inference_mode():
                logits, counts = network(frames.to(device), lengths.to(device))
            for utt, its_logits, count in zip(some, logits.cpu(), counts.tolist(), strict=True):
                recognised = [phones.names[number - 1] for number in decode(its_logits[:count])]
                errors += edit_distance(recognised, list(references[utt]))
        network.train(was_training)
        return errors / total

    return measure
