"""espeak-ng in this process, through the library and data that PyPI's `espeakng-loader` (extra `synth`) ships.

espeak-ng is under the GPL-3: nothing but this module touches it, and only to synthesize a corpus or, by its rules of
pronunciation, to give the phones of a text.
"""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from _ctypes import dlclose
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svtok.errors import SvtokError

# Constants of espeak-ng's speak_lib.h
OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
PARAMETER_RATE, PARAMETER_VOLUME, PARAMETER_PITCH, PARAMETER_RANGE = 1, 2, 3, 4
CHARS_UTF8, SSML = 0x1, 0x10
PHONEMES_IPA = 0x2
PHONEME_SEPARATOR = "_"

VOLUME = 50  # of 100, at which no voice clips
LONGEST_DATA_PATH = 100  # bytes; espeak-ng looks for its data elsewhere if the path is longer than some 150
STRESS = str.maketrans("", "", "ˈˌ")
OTHER_LANGUAGE = re.compile(r"\([a-z].*?\)")  # what stands before and after a word that is read by other rules
RANDOM_SEED = 1  # of espeak's own noise (breath): ours varies, so that this one need not

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng: `name` is an accent and a variant (`en-us+f2`), `rate` is in words a minute (80 to 450),
    `pitch` and `pitch_range` go from 0 to 99 with 50 as the variant's own."""

    name: str
    rate: int = 175
    pitch: int = 50
    pitch_range: int = 50


def require_espeak() -> None:
    """Raise SvtokError, with the way to mend it, if espeak-ng is not installed."""
    _library_and_data()


def speak(ssml: str, voice: Voice) -> tuple[np.ndarray, int]:
    """Speak an SSML text: samples (n,) float32 in [-1, 1), and the sampling rate in Hz (22050).

    The same arguments give the same samples, whatever was spoken before. Raises SvtokError if espeak-ng is not
    installed, if the voice does not exist or if nothing comes out.
    """
    chunks: list[np.ndarray] = []

    def keep(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if count > 0:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _Callback(keep)  # kept by a name: espeak-ng holds only its address
    with _fresh_library() as (library, sample_rate):
        _set_voice(library, voice)
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(RANDOM_SEED))
        text = ssml.encode()
        library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, CHARS_UTF8 | SSML, None, None)
        library.espeak_Synchronize()
    if not chunks:
        raise SvtokError(f"espeak-ng spoke nothing for {ssml!r} with the voice {voice.name}")
    return np.concatenate(chunks).astype(np.float32) / 32768, sample_rate


def phones_of(texts: Sequence[str], language: str) -> list[tuple[str, ...]]:
    """The phones of each text by espeak-ng's rules for a language (`en`, `ar`, ...): IPA, without stress.

    A text has none where the rules of the language do not know its letters, so that espeak-ng would spell it or read it
    as another language. Raises SvtokError if espeak-ng is not installed or has no such language.
    """
    with _fresh_library() as (library, _):
        if library.espeak_SetVoiceByName(language.encode()) != 0:
            raise SvtokError(
                f"espeak-ng has no language '{language}'; such as en, en-us, ar, fa and cmn are known to it"
            )
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        return [_phones(library, text) for text in texts]


def _phones(library: ctypes.CDLL, text: str) -> tuple[str, ...]:
    buffer = ctypes.create_string_buffer(text.encode())
    rest = ctypes.c_void_p(ctypes.addressof(buffer))  # moved on clause by clause, to null after the last
    mode = ord(PHONEME_SEPARATOR) << 8 | PHONEMES_IPA
    clauses = []
    while rest.value:
        clauses.append(library.espeak_TextToPhonemes(ctypes.byref(rest), CHARS_UTF8, mode).decode())
    spoken = " ".join(clauses)
    if OTHER_LANGUAGE.search(spoken):
        return ()
    return tuple(spoken.translate(STRESS).replace(PHONEME_SEPARATOR, " ").split())


def _library_and_data() -> tuple[Path, Path]:
    try:
        import espeakng_loader
    except ImportError as error:
        raise SvtokError(
            "synthesizing speech, and phones by rules, need espeak-ng: pip install 'svtok[synth]'"
        ) from error
    return Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())


@contextmanager
def _fresh_library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """Load espeak-ng for one utterance: (library, sampling rate in Hz).

    Unloading is the only way to clear its static state (the phase of the flutter, the glottal pulse), by which an
    utterance would depend on those before it. Loading takes 3 ms.
    """
    library_path, data_path = _library_and_data()
    library = ctypes.CDLL(str(library_path))
    try:
        with _short_name(data_path) as path:
            sample_rate = library.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, os.fsencode(path), INITIALIZE_DONT_EXIT)
            if sample_rate <= 0:
                raise SvtokError(f"espeak-ng cannot read its data in {data_path}; reinstall espeakng-loader")
            yield library, sample_rate
            library.espeak_Terminate()
    finally:
        dlclose(library._handle)


@contextmanager
def _short_name(path: Path) -> Iterator[Path]:
    """The path itself, or a link to it for the time being if it is too long for espeak-ng."""
    if len(os.fsencode(path)) <= LONGEST_DATA_PATH:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="espeak-") as folder:
        link = Path(folder, "data")
        os.symlink(path, link)
        yield link


def _set_voice(library: ctypes.CDLL, voice: Voice) -> None:
    _, data_path = _library_and_data()
    _, _, variant = voice.name.partition("+")
    # espeak-ng itself takes an unknown variant for none
    known_variant = not variant or (data_path / "voices" / "!v" / variant).is_file()
    if not known_variant or library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise SvtokError(f"espeak-ng has no voice {voice.name!r} in {data_path}")
    parameters = {
        PARAMETER_RATE: voice.rate,
        PARAMETER_VOLUME: VOLUME,
        PARAMETER_PITCH: voice.pitch,
        PARAMETER_RANGE: voice.pitch_range,
    }
    for parameter, value in parameters.items():
        library.espeak_SetParameter(parameter, value, 0)
