"""RedDots: people all over the world say pass-phrases to their own mobile devices, in many sessions over a year.

Source: K. A. Lee et al., "The RedDots Data Collection for Speaker Recognition", Interspeech 2015; the corpus is free
of charge for those who register with the RedDots project (release r2015q4_v1). What is known of its tree:

    pcm/m0001/20150129213253016_m0001_36.pcm   speaker / time _ speaker _ sentence; raw samples       (certain)
    infos/script.txt                           20150129213253016_m0001_36;My voice is my password     (certain)
    ndx/m_part_01.trn                          m0001_31 m0001/2015..._m0001_31,m0001/...,m0001/...     (certain)
    ndx/m_part_01.ndx                          m0001_31,m0001/2015..._m0001_36,N,Y,N,N                 (certain)

and the same for `f_`, and for the parts 02 and 03 (likely: public code reads all three alike). Certain is what several
public programs that read the release agree on. The samples are 16 bits, one channel, 16 kHz (certain), little-endian
(likely). Part 1 has ten phrases that all speakers say, part 2 phrases of one's own, part 3 free choices. Unknown: the
counts of trials of the lists but one (see PUBLISHED), and how a model of part 4 (prompted text) is to be read, which
has no phrase of its own: it is not supported.

A raw file does not say what it holds, so that it cannot be decoded with certainty: recordings are read as WAV or FLAC,
from a copy that sox makes (`svtok prepare reddots --help`). The phrase of an utterance is its text in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from svtok.corpora.common import Published, by_name, check_counts, look_at_takes, read_flags, warn_of_unused
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems, warn
from svtok.manifest.schema import TRIAL_TYPES, Place, codes_of
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import Lines, read_rows
from svtok.manifest.trial_types import derive_types

PARTS = (1, 2, 3)
GENDERS = ("f", "m")
PUBLISHED = {
    "m_part_01.ndx": Published(
        {},
        "counted in the release r2015q4_v1 by its users",
        remembered={"TC trials": 3242, "TW trials": 29_178, "IC trials": 120_086, "IW trials": 1_080_774},
    )
}
AUDIO_FOLDERS = ("wav", "pcm")
CONVERT = (  # run in the folder of the release
    "find pcm -name '*.pcm' | while read -r f; do g=wav/${f#pcm/}; mkdir -p \"${g%/*}\"; "
    'sox -t raw -r 16000 -e signed -b 16 -L -c 1 "$f" "${g%.pcm}.wav"; done'
)
FILE = re.compile(r"(?P<spk>(?P<gender>[mf])[0-9]{4})/(?P<utt>[0-9]+_(?P=spk)_[0-9]+)")


@dataclass(frozen=True)
class _Lists:
    """Models (model spk phrase utts gender), trials (model utt type) and the utterances that they name."""

    models: pd.DataFrame
    trials: pd.DataFrame
    utterances: pd.DataFrame


def prepare(
    root: Path, *, part: int = 1, audio_root: Path | None = None, allow_missing: bool = False, jobs: int = 1
) -> dict[str, PreparedSet]:
    """The set eval, with the models and trials of the lists of a part, female and male. There is no other set: train
    on another corpus.

    The types of the trials come from their flags, and are checked against speakers and texts.

    Args:
        root: The release, which holds `ndx/` and `infos/`.
        part: One of PARTS.
        audio_root: The folder of `<speaker>/<utterance>.wav` or `.flac`; default: `wav/`, else `pcm/` in `root`.
        allow_missing: Leave out the models and trials whose recordings are not there.
        jobs: Processes that decode the recordings.

    Raises:
        SvtokError: where `root` is not the corpus.
        ProblemsError: with everything that is wrong with its lists, or with its recordings.
    """
    if part not in PARTS:
        raise SvtokError(f"part {part} of RedDots is not supported (known: {', '.join(map(str, PARTS))})")
    texts = _read_script(root / "infos" / "script.txt")
    lists, problems = [], []
    for gender in GENDERS:
        ndx = root / "ndx" / f"{gender}_part_{part:02d}.ndx"
        try:
            lists.append(_read_lists(ndx, texts))
        except ProblemsError as error:
            problems += error.problems
            continue
        if ndx.name in PUBLISHED:
            counts = lists[-1].trials["type"].value_counts()
            found = {f"{name} trials": int(counts[name]) for name in TRIAL_TYPES}
            check_counts(ndx, found, PUBLISHED[ndx.name], allow_missing=allow_missing)
    raise_problems(problems)
    audio = _find_audio(root, audio_root)
    both = _recorded(_joined(lists), audio, root, allow_missing)
    warn_of_unused(root, set(audio).difference(both.utterances["utt"]), f"are named by no list of part {part}")
    takes = both.utterances.assign(path=[str(audio[utt]) for utt in both.utterances["utt"]])
    return {"eval": PreparedSet(look_at_takes(takes, [], jobs), both.models, both.trials.astype("category"))}


def _joined(lists: list[_Lists]) -> _Lists:
    """The lists of both genders, whose trials are text, as one."""
    return _Lists(
        models=pd.concat([one.models for one in lists], ignore_index=True),
        trials=pd.concat([one.trials.astype("str") for one in lists], ignore_index=True),
        utterances=pd.concat([one.utterances for one in lists], ignore_index=True),
    )


def _recorded(lists: _Lists, audio: Collection[str], root: Path, allow_missing: bool) -> _Lists:
    """The lists, once every recording is there, or (with `allow_missing`) that part of them of which it is."""
    there = lists.utterances["utt"].isin(list(audio))
    absent = set(lists.utterances["utt"][~there])
    if not allow_missing:
        raise_problems([Problem(f"there is no recording of {utt}", root) for utt in sorted(absent)])
    models = lists.models[[absent.isdisjoint(utts.split()) for utts in lists.models["utts"]]]
    trials = lists.trials[~lists.trials["utt"].isin(absent) & lists.trials["model"].isin(models["model"])]
    if absent:
        warn(
            f"{root}: {len(absent)} recordings are missing; {len(lists.models) - len(models)} models and "
            f"{len(lists.trials) - len(trials)} trials are left out"
        )
    if trials.empty:
        raise SvtokError(f"{root}: no trial of which the recordings are there")
    return _Lists(*(table.reset_index(drop=True) for table in (models, trials, lists.utterances[there])))


def phrase_of(text: str) -> str:
    """The text as an id: "There's no such thing" is `there-s-no-such-thing`."""
    return "-".join(re.findall(r"[^\W_]+", text.lower()))


def _find_audio(root: Path, audio_root: Path | None) -> Mapping[str, Path]:
    """The recording of each utterance that is there."""
    folder = audio_root or next((root / name for name in AUDIO_FOLDERS if (root / name).is_dir()), None)
    if folder is None or not folder.is_dir():
        raise SvtokError(f"{folder or root}: there is no folder of recordings (wav or pcm in --root, or --audio-root)")
    paths = [path for path in sorted(folder.resolve().glob("*/*")) if path.suffix.lower() in (".wav", ".flac")]
    if not paths:
        raw = any(folder.glob("*/*.pcm"))
        how = f" but raw .pcm files, which do not say what they hold; run in {root}: {CONVERT}" if raw else ""
        raise SvtokError(f"{folder}: there are no recordings as .wav or .flac{how}")
    return by_name(paths)


def _read_script(path: Path) -> dict[str, str]:
    """The text of each utterance, from lines 'utterance;text'. Raises ProblemsError with all lines of another form."""
    if not path.is_file():
        raise SvtokError(f"{path}: there is no such file; --root must name the unpacked release r2015q4_v1 of RedDots")
    content = path.read_bytes()
    try:
        script = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        script = content.decode("cp1252", errors="replace")  # some free texts were typed on other systems
    texts, problems = {}, []
    for number, line in enumerate(script.splitlines(), start=1):
        utt, _, text = line.partition(";")
        if utt.strip() and phrase_of(text):
            texts[utt.strip()] = " ".join(text.split())
        elif line.strip():
            problems.append(Problem("must be '<utterance>;<text>'", path, number))
    raise_problems(problems)
    return texts


def _read_lists(ndx: Path, texts: Mapping[str, str]) -> _Lists:
    """The lists of one part and gender. Raises ProblemsError with all that is wrong with them, file and line."""
    trn = ndx.with_suffix(".trn")
    raise_problems([Problem("there is no such file", path) for path in (trn, ndx) if not path.is_file()])
    problems: list[Problem] = []
    models, known = _read_trn(trn, texts, problems)
    lines = read_rows(
        Lines.open(ndx),
        ["model", "file", *TRIAL_TYPES],
        delimiter=",",
        dictionaries=["model", "file", *TRIAL_TYPES],
        header=False,
    ).to_pandas()
    place = Place(ndx)
    flags, faults = read_flags(lines, place)
    (model_codes, model_ids), (file_codes, files) = codes_of(lines["model"]), codes_of(lines["file"])
    unknown = [None if model in known else f"model '{model}' is not in {trn.name}" for model in model_ids]
    faults += place.problems_of_values(model_codes, unknown)
    faults += place.problems_of_values(file_codes, [_file_fault(file, texts) for file in files])
    raise_problems([*problems, *faults])
    named = sorted({*files, *(file for enrolled in models.pop("files") for file in enrolled)})
    utterances = pd.DataFrame([_row(file, texts) for file in named], dtype="str")
    trials = pd.DataFrame({"model": lines["model"], "utt": lines["file"].cat.rename_categories(_utt)})
    types = derive_types(trials, models, utterances)

    def disagreement(row: int) -> str:
        return f"the flags say {TRIAL_TYPES[flags[row]]}, but by speakers and texts the trial is {types[row]}"

    raise_problems(list(place.problems(np.flatnonzero(types.codes != flags), disagreement)))
    return _Lists(models, trials.assign(type=types), utterances)


def _read_trn(path: Path, texts: Mapping[str, str], problems: list[Problem]) -> tuple[pd.DataFrame, set[str]]:
    """The models, with a column of their files, and the names of those too with which something is wrong, which goes
    to `problems`."""
    rows = []
    seen: set[str] = set()
    for number, line in Lines.open(path):
        model, *files = re.split(r"[\s,]+", line.strip())
        faults = [fault for file in files if (fault := _file_fault(file, texts))]
        if not files:
            faults.append("must be a model and its files, 'm0001_31 m0001/...,m0001/...'")
        if model in seen:
            faults.append(f"model '{model}' is there twice")
        seen.add(model)
        if not faults:
            takes = [_row(file, texts) for file in files]
            spk, phrase = model.partition("_")[0], takes[0]["phrase"]
            if any((take["spk"], take["phrase"]) != (spk, phrase) for take in takes):
                faults.append(f"model '{model}' is enrolled with files of another speaker, or of several texts")
            rows.append((model, spk, phrase, " ".join(take["utt"] for take in takes), takes[0]["gender"], files))
        problems += [Problem(fault, path, number) for fault in faults]
    return pd.DataFrame(rows, columns=["model", "spk", "phrase", "utts", "gender", "files"]), seen


def _utt(file: str) -> str:
    return PurePosixPath(file).name


def _row(file: str, texts: Mapping[str, str]) -> dict[str, str]:
    """The row of a file that has no fault, without its path."""
    name = FILE.fullmatch(file)
    assert name is not None
    text = texts[name["utt"]]
    about = {"utt": name["utt"], "spk": name["spk"], "phrase": phrase_of(text), "gender": name["gender"]}
    return about | {"lang": "en", "text": text}


def _file_fault(file: str, texts: Mapping[str, str]) -> str | None:
    """What is wrong with a file that a list names."""
    if not (name := FILE.fullmatch(file)):
        return f"'{file}' is not named as speaker/time_speaker_sentence, such as m0001/20150129213253016_m0001_36"
    return None if name["utt"] in texts else f"'{name['utt']}' has no text in infos/script.txt"
