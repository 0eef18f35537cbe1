"""Where things are in the releases of DeepMine for challenges, and the ten phrases.

H. Zeinali, K. A. Lee, J. Alam, L. Burget, "Short-duration Speaker Verification (SdSV) Challenge 2020: the challenge
evaluation plan", arXiv:1912.06311, Task 1; the plan of 2021; and "Text-dependent Speaker Verification (TdSV) Challenge
2024: challenge evaluation plan", arXiv:2404.13428. Under the root:

    docs/train_labels.txt         train-file-id speaker-id phrase-id
    docs/model_enrollment.txt     model-id phrase-id enroll-file-id1 enroll-file-id2 enroll-file-id3
    docs/trials.txt               model-id evaluation-file-id
    wav/train/trn_000001.wav  wav/enrollment/enr_000000.wav  wav/evaluation/evl_000000.wav

Each list has a header line and one blank between its columns. TdSV 2024 has two of the lists twice, for dev and eval
(dev_trials.txt, eval_trials.txt), and a column `gender` after the phrase of a model. Lists of trials may have the trial
type in a third column; else it is secret, or in a file keys.txt with a line for each trial. The corpora are licensed by
their owners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Phrase(NamedTuple):
    text: str
    lang: str


PHRASES = {
    "01": Phrase("sedaye man neshandahandeye hoviyyate man ast", "fa"),
    "02": Phrase("sedaye har kas monhaser be fard ast", "fa"),
    "03": Phrase("hoviyyate man ra ba sedaye man tayid kon", "fa"),
    "04": Phrase("sedaye man ramze obure man ast", "fa"),
    "05": Phrase("baniadam azaye yekdigarand", "fa"),
    "06": Phrase("My voice is my password", "en"),
    "07": Phrase("OK Google", "en"),
    "08": Phrase("Artificial intelligence is for real", "en"),
    "09": Phrase("Actions speak louder than words", "en"),
    "10": Phrase("There is no such thing as a free lunch", "en"),
}
FREE_TEXT = "FT"  # the phrase of a training utterance that is none of the ten

TRAIN_COLUMNS = ("train-file-id", "speaker-id", "phrase-id")
FILE_COLUMNS = ("enroll-file-id1", "enroll-file-id2", "enroll-file-id3")
TRIAL_COLUMNS = ("model-id", "evaluation-file-id")
KEY_NAMES = ("keys.txt", "docs/keys.txt")
GENDER_NAMES = ("task1_spk2gender", "docs/task1_spk2gender", "spk2gender", "docs/spk2gender")


@dataclass(frozen=True)
class Layout:
    """What differs between the releases: the names of the lists of dev and eval (each may go by several), whether
    models have a gender, and whether training has free text."""

    command: str
    prefixes: dict[str, tuple[str, ...]]  # of model_enrollment.txt and trials.txt, by set
    gender_column: bool
    free_text: bool

    @property
    def enrollment_columns(self) -> tuple[str, ...]:
        gender = ("gender",) if self.gender_column else ()
        return ("model-id", "phrase-id", *gender, *FILE_COLUMNS)


SDSV = Layout("deepmine", {"dev": ("dev_",), "eval": ("", "eval_")}, gender_column=False, free_text=False)
TDSV2024 = Layout("tdsv2024", {"dev": ("dev_",), "eval": ("eval_",)}, gender_column=True, free_text=True)
