"""What is read in the fuzzing: for each reader a valid folder, the files of it that are changed, and the call."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch

from svtok.audio.decode import read_audio
from svtok.corpora.lhotse import read_cuts
from svtok.corpora.rsr2015.prepare import prepare as prepare_rsr2015
from svtok.corpora.synthetic.marker import write_marker
from svtok.corpora.synthetic.rsr2015_lists import Settings, write_lists
from svtok.corpora.table import prepare as prepare_table
from svtok.embeddings.foreign import import_embeddings
from svtok.embeddings.states import FrameStates
from svtok.embeddings.takes import Source, Take
from svtok.embeddings.voices import Voices
from svtok.experiments.plan import read_plan
from svtok.features.config import FeaturesConfig, read_features_config
from svtok.features.extract import compute_features
from svtok.features.store import write_frames
from svtok.fresh import identity, printed_before, recordings, remember
from svtok.manifest.kaldi.archives import read_archive
from svtok.manifest.kaldi.lists import read_score_list, read_trial_list
from svtok.manifest.kaldi.reading import read_data_dir
from svtok.manifest.sets import PreparedSet, read_set, write_set
from svtok.manifest.tables import write_trials
from svtok.manifest.validate import validate_set
from svtok.scoring.submission import check_submission, write_submission
from svtok.trained.config import read_config, read_phonetic_config
from svtok.training.checkpoint import restore_checkpoint, save_checkpoint
from svtok.training.optimizer import restore_optimizer
from tests.audio.conftest import sphere
from tests.test_damaged_folders import KINDS

RATE = 16000
WAVE = (np.cumsum(np.random.default_rng(0).normal(0, 200, 4000)) % 20000 - 10000).astype(np.int16)
UTTERANCES = pd.DataFrame(
    {
        "utt": ["ann-1", "ann-2", "bob-1", "bob-2", "bob-3"],
        "path": ["a.wav"] * 5,
        "spk": ["ann", "ann", "bob", "bob", "bob"],
        "phrase": ["yes", "yes", "yes", "no", "é"],
        "gender": ["f", "f", "m", "m", "m"],
        "start": [0.0, 0.05, 0.1, 0.15, 0.2],
        "end": [0.05, 0.1, 0.15, 0.2, 0.25],
        "num_samples": [800] * 5,
        "sample_rate": [RATE] * 5,
        "text": ["yes I do", "yes", "yes", "no", "é à"],
    }
)
MODELS = pd.DataFrame(
    {"model": ["m1", "m2"], "spk": ["ann", "bob"], "phrase": ["yes", "no"], "utts": ["ann-1", "bob-2"]}
)
TRIALS = pd.DataFrame({"model": ["m1", "m1", "m2"], "utt": ["ann-2", "bob-1", "bob-3"], "type": ["TC", "IC", "TW"]})


@dataclass(frozen=True)
class Target:
    """A reader: what writes a valid folder, what reads it, and the files that are changed."""

    write: Callable[[Path], None]
    read: Callable[[Path], object]
    files: tuple[str, ...]


def texts(**files: str) -> Callable[[Path], None]:
    """Writes text files; `__` in a name stands for its dot."""

    def write(folder: Path) -> None:
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)

    return write


def write_prepared_set(folder: Path) -> None:
    write_set(PreparedSet(UTTERANCES, MODELS, TRIALS), folder)
    soundfile.write(folder / "a.wav", WAVE, RATE)


def validate(folder: Path) -> object:
    found = validate_set(folder)
    return read_set(folder), found


def write_parquet(folder: Path) -> None:
    write_prepared_set(folder)
    (folder / "trials.tsv").unlink()
    write_trials(TRIALS, folder / "trials.parquet")


def write_csv(folder: Path) -> None:
    soundfile.write(folder / "a.wav", WAVE, RATE)
    rows = [f"a.wav,{spk},{phrase},{set_},{n * 0.01},{n * 0.01 + 0.05}" for n, (spk, phrase, set_) in enumerate(ROWS)]
    (folder / "list.csv").write_text("path,spk,phrase,set,start,end\n" + "\n".join(rows) + "\n")


ROWS = [(f"{set_}-{spk}", phrase, set_) for set_ in ("dev", "eval") for spk in "ab" for phrase in ("yes", "no") * 2]


def write_kaldi(folder: Path) -> None:
    texts(
        wav__scp="r1 a.wav\nr2 a.wav\n",
        segments="u1 r1 0.0 0.05\nu2 r1 0.05 0.1\nu3 r2 0.1 0.2\n",
        utt2spk="u1 ann\nu2 ann\nu3 bob\n",
        utt2phrase="u1 yes\nu2 yes\nu3 yes\n",
        spk2gender="ann f\nbob m\n",
        text="u1 yes\nu2 yes I do\nu3 é\n",
        enroll_spk2utt="m1 u1\nm3 u3\n",
        trials="m1 u2 target\nm3 u2 nontarget\n",
        scores="m1 u2 0.5\nm3 u2 -1e-3\n",
    )(folder)
    soundfile.write(folder / "a.wav", WAVE, RATE)


def audio(name: str, **options: Any) -> Target:
    """A recording of a format that libsndfile writes."""

    def write(folder: Path) -> None:
        soundfile.write(folder / name, WAVE, RATE, **options)

    return Target(write, lambda folder: hear(folder / name), (name,))


def hear(path: Path) -> object:
    wave, rate = read_audio(path, sample_rate=RATE, resample=True)
    return compute_features(wave[: 1 << 16], rate, FeaturesConfig())


def packed(folder: Path) -> None:
    (folder / "a.sph").write_bytes(sphere(WAVE))


CONFIG = """\
features: {bands: [24, 32], vad: {}, normalise: mean}
network: {head: cls-sampled, layers: 1, front_end: {channels: 4, blocks: [8]}, memory: {slots: 4, key_dim: 4}}
objective: {loss: aam, margin: 0.2}
training: &t
  epochs: 2
  batch_size: 4
  waveform: {speeds: [0.9, 1.1], noise: a.wav, noise_snr: [5, 20]}
"""
PLAN = """\
folds: [1, 2]
seeds: [0]
systems:
  avg: {head: avg, set: {training.epochs: 5}, score: "--norm as-norm --cohort {train_embeddings}"}
  dist: {head: cls-dist, teacher: avg}
  both: {fuse: [avg, dist]}
"""


def write_checkpoint(folder: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(3, 4))
    optimizer = torch.optim.AdamW([parameter])
    torch.autograd.backward(parameter.sum())
    optimizer.step()
    rows = [{"epoch": 1, "loss": 2.5, "dev_eer": None}]
    save_checkpoint(folder, {"network": {"w": parameter.data}, "optimizer": optimizer.state_dict(), "rows": rows})


def restore_toy(state: dict[str, Any]) -> None:
    """As a training does."""
    parameter = torch.nn.Parameter(torch.zeros(3, 4))
    optimizer = torch.optim.AdamW([parameter])
    parameter.data.copy_(state["network"]["w"])
    restore_optimizer(optimizer, state["optimizer"], [torch.nn.ParameterList([parameter])])
    [row["epoch"] for row in state["rows"]]


def write_states(folder: Path) -> None:
    blocks = [np.ones((6, 4), np.float32)]
    write_frames(folder / "states.npy", folder / "states.tsv", ["a", "b"], [2, 4], blocks, dim=4)
    (folder / "states.yaml").write_text("format: 1\nnetwork: a1\nlayer: 2\n")


def write_vectors(folder: Path) -> None:
    vector = np.arange(4, dtype=np.float32)
    entries = [name + b" \0BFV \x04" + len(vector).to_bytes(4, "little") + vector.tobytes() for name in (b"u1", b"u2")]
    (folder / "a.ark").write_bytes(b"".join(entries))
    (folder / "t.ark").write_text("u1  [ 0 1 2.5 ]\nu2  [ 1 2 3 ]\n")
    np.save(folder / "a.npy", np.ones((2, 4), np.float64))
    (folder / "a.tsv").write_text("utt\tspk\nu1\tann\nu2\tbob\n")
    (folder / "a.scp").write_text(f"u1 {folder}/a.ark:3\nu2 {folder}/a.ark:32\n")


def vectors(name: str, table: str | None = None) -> Target:
    """A file of vectors of another toolkit."""

    def read(folder: Path) -> object:
        return import_embeddings(folder / name, folder / table if table else None, None, "other", folder / "out")

    return Target(write_vectors, read, (name, *((table,) if table else ())))


def write_matrices(folder: Path) -> None:
    """A matrix (3, 2) of floats, and one in each of the three forms of compression."""
    sizes = [b"\x04" + size.to_bytes(4, "little") for size in (3, 2)]
    header = np.array([-1, 2], "<f4").tobytes() + np.array([3, 2], "<i4").tobytes()
    quartiles = np.array([[0, 9000, 50000, 65535]] * 2, "<u2").tobytes()
    entries = [
        b"u1 \0BFM " + b"".join(sizes) + np.arange(6, dtype="<f4").tobytes(),
        b"u2 \0BCM " + header + quartiles + bytes([0, 100, 255, 64, 65, 193]),
        b"u3 \0BCM2 " + header + np.arange(6, dtype="<u2").tobytes(),
        b"u4 \0BCM3 " + header + bytes(range(6)),
        b"u5  [\n  1 2\n  3 4e0 ]\n",
    ]
    (folder / "m.ark").write_bytes(b"".join(entries))


def write_cuts(folder: Path) -> None:
    source = {"type": "file", "channels": [0, 1], "source": "a.wav"}
    recording = {"id": "r", "sources": [source], "sampling_rate": RATE, "num_samples": 4000, "duration": 0.25}
    said = {"id": "s", "start": 0, "duration": 0.1, "text": "yes", "speaker": "ann", "custom": {"session": "x"}}
    cuts = [
        {"id": f"c{n}", "start": 0.1 * n, "duration": 0.1, "channel": n, "supervisions": [said], "recording": recording}
        for n in range(2)
    ]
    lines = "".join(json.dumps(cut) + "\n" for cut in cuts)
    (folder / "cuts.jsonl").write_text(lines)
    (folder / "cuts.jsonl.gz").write_bytes(gzip.compress(lines.encode()))


def cuts(name: str) -> Target:
    return Target(write_cuts, lambda folder: read_cuts([(None, folder / name)]), (name,))


VOICES_OF = Source("a" * 64, "exp/ours", 2)


def write_voices(folder: Path) -> None:
    voices = Voices(folder / "voices.db")
    take = Take(np.ones(4, np.float32), np.ones((3, 2), np.float32))
    for speaker in ("ann", "bob"):
        voices.add(VOICES_OF, speaker, "yes", [take])


def use_voices(folder: Path) -> object:
    voices = Voices(folder / "voices.db")
    found = voices.list(), voices.takes(VOICES_OF), list(voices.export())
    voices.add(VOICES_OF, "cat", "no", [Take(np.ones(4, np.float32), np.ones((3, 2), np.float32))])
    return found, voices.remove("ann")


def write_zip(folder: Path) -> None:
    texts(
        trials__txt="model-id evaluation-file-id\nmodel_00000 evaluation_000000\nmodel_00000 evaluation_000001\n",
        scores__tsv="model\tutt\tscore\nmodel_00000\tevaluation_000000\t0.5\nmodel_00000\tevaluation_000001\t-1\n",
    )(folder)
    write_submission(
        folder / "a.zip", folder / "scores.tsv", folder / "trials.txt", description="mine", fused_systems=1
    )


def write_noted_set(folder: Path) -> None:
    write_prepared_set(folder)
    (folder / "features.yaml").write_text("features: {bands: [24]}\nsvtok: 1.0\n")
    remember([folder], "abc", "printed\n")


def read_note(folder: Path) -> object:
    """A note and what it is compared with must not fail, whatever is there: the command then works anew."""
    return printed_before([folder], "abc"), identity(folder), recordings(folder), identity(folder / "features.yaml")


def write_rsr2015(folder: Path) -> None:
    settings = Settings(speakers=2, dev_speakers=4, eval_speakers=4, phrases=2, sessions=4)
    write_marker(folder, settings)
    write_lists(folder, settings)


TARGETS: dict[str, Target] = {
    "set": Target(write_prepared_set, validate, ("utterances.tsv", "models.tsv", "trials.tsv", "a.wav")),
    "parquet": Target(write_parquet, read_set, ("trials.parquet",)),
    "csv": Target(write_csv, lambda folder: prepare_table(folder / "list.csv", enroll_takes=1), ("list.csv",)),
    "kaldi": Target(
        write_kaldi,
        lambda folder: read_data_dir(folder, trials=folder / "trials", wav_root=folder),
        ("wav.scp", "segments", "utt2spk", "utt2phrase", "spk2gender", "text", "enroll_spk2utt", "trials"),
    ),
    "kaldi trials": Target(write_kaldi, lambda folder: read_trial_list(folder / "trials"), ("trials",)),
    "kaldi scores": Target(write_kaldi, lambda folder: read_score_list(folder / "scores"), ("scores",)),
    "rsr2015": Target(
        write_rsr2015,
        lambda folder: prepare_rsr2015(folder, part=2, audio=False),
        ("key/part2/trn/3sesspwd_eval_m.trn", "key/part2/ndx/3sess-pwd_eval_m.ndx"),
    ),
    "wav": audio("a.wav"),
    "float wav": audio("a.wav", subtype="FLOAT"),
    "adpcm": audio("a.wav", subtype="IMA_ADPCM"),
    "rf64": audio("a.wav", format="RF64"),
    "flac": audio("a.flac"),
    "ogg": audio("a.ogg"),
    "opus": audio("a.opus", format="OGG", subtype="OPUS"),
    "mp3": audio("a.mp3", format="MP3"),
    "aiff": audio("a.aiff"),
    "au": audio("a.au"),
    "caf": audio("a.caf"),
    "nist": audio("a.sph", format="NIST"),
    "packed sphere": Target(packed, lambda folder: hear(folder / "a.sph"), ("a.sph",)),
    "config": Target(texts(c__yaml=CONFIG), lambda folder: read_config(folder / "c.yaml", [], None), ("c.yaml",)),
    "phonetic config": Target(
        texts(c__yaml="network: {bottleneck: 3}\ntraining: {epochs: 1}\n"),
        lambda folder: read_phonetic_config(folder / "c.yaml", []),
        ("c.yaml",),
    ),
    "features config": Target(
        texts(c__yaml="features: {kind: mfcc, bands: 24, vad: {energy_threshold: 5.5}}\n"),
        lambda folder: read_features_config(folder / "c.yaml"),
        ("c.yaml",),
    ),
    "plan": Target(texts(p__yaml=PLAN), lambda folder: read_plan(folder / "p.yaml"), ("p.yaml",)),
    "checkpoint": Target(write_checkpoint, lambda folder: restore_checkpoint(folder, restore_toy), ("checkpoint.pt",)),
    "states": Target(write_states, FrameStates, ("states.npy", "states.tsv", "states.yaml")),
    "ark": vectors("a.ark"),
    "text ark": vectors("t.ark"),
    "scp": vectors("a.scp"),
    "cuts": cuts("cuts.jsonl"),
    "packed cuts": cuts("cuts.jsonl.gz"),
    "matrices": Target(write_matrices, lambda folder: list(read_archive(folder / "m.ark", 2)), ("m.ark",)),
    "npy": vectors("a.npy", "a.tsv"),
    "submission": Target(
        write_zip, lambda folder: check_submission(folder / "a.zip", folder / "trials.txt"), ("a.zip", "trials.txt")
    ),
    "voices": Target(write_voices, use_voices, ("voices.db",)),
    "note": Target(write_noted_set, read_note, (".made.json", "utterances.tsv", "features.yaml")),
    **{name: Target(kind.write, kind.read, kind.files) for name, kind in KINDS.items()},
}
"""By the name of a target, which `python -m tests.fuzz --target` takes."""
