"""Compressed NIST SPHERE: samples packed by shorten inside a SPHERE file, as the LDC and others gave speech out.

It is unpacked by ffmpeg's libraries, which PyPI's `av` (extra `sphere`) ships, or by the program sph2pipe.
"""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from svtok.errors import AudioError, SvtokError

SHORTEN = "pcm,embedded-shorten"  # how the sample_coding begins that both decoders know
SPH2PIPE = "sph2pipe"
MOST_UNPACKED = 1 << 27
"""Samples of a file, all of which are unpacked at once."""


def unpacked(path: Path, header: dict[str, str]) -> bytes:
    """A compressed file as WAV.

    Raises AudioError for another compression than shorten, a header that does not say how many samples there are, or a
    damaged file, and SvtokError where nothing is installed that unpacks it.
    """
    coding = header["sample_coding"]
    if not coding.startswith(SHORTEN):
        raise AudioError(
            path, f"is NIST SPHERE packed as {coding}, which svtok does not unpack; convert it with 'w_decode -o pcm'"
        )
    if not _has_av() and not shutil.which(SPH2PIPE):
        raise SvtokError(
            f"{path}: is compressed NIST SPHERE ({coding}); to unpack it, run pip install 'svtok[sphere]' or put "
            f"sph2pipe on the PATH (or convert all files with 'sph2pipe -p', and name their folder)"
        )
    promised = header.get("sample_count", "")
    if not re.fullmatch("[0-9]{1,9}", promised):
        raise AudioError(path, "has a SPHERE header without a sample_count; fetch it again")
    if int(promised) > MOST_UNPACKED:
        raise AudioError(path, f"is too long, if its header is right: {promised} samples, {MOST_UNPACKED} at most")
    wav = _by_av(path, int(promised)) if _has_av() else _by_sph2pipe(path)
    found = soundfile.info(io.BytesIO(wav)).frames
    if found != int(promised):
        raise AudioError(path, f"is truncated or damaged: its header speaks of {promised} samples, it holds {found}")
    return wav


def _has_av() -> bool:
    return importlib.util.find_spec("av") is not None


def _by_av(path: Path, promised: int) -> bytes:
    import av

    frames: list[np.ndarray] = []  # each (channels, samples) int16
    try:
        with av.open(str(path), format="nistsphere", metadata_errors="replace") as container:
            rate = container.streams.audio[0].rate
            for frame in container.decode(audio=0):
                frames.append(frame.to_ndarray())
                promised -= frame.samples
                if promised < 0:
                    raise AudioError(path, "is damaged: it holds more samples than its header speaks of")
    except av.error.FFmpegError as error:
        raise AudioError(path, f"is truncated or damaged, or not audio ({error.strerror}); fetch it again") from None
    except (IndexError, ValueError, MemoryError) as error:  # no stream of audio, or samples of another kind
        raise AudioError(path, f"is damaged, or not audio ({error}); fetch it again") from None
    samples = np.concatenate(frames, axis=1) if frames else np.zeros((1, 0), np.int16)
    wav = io.BytesIO()
    soundfile.write(wav, samples.T, rate, format="WAV", subtype="PCM_16")
    return wav.getvalue()


def _by_sph2pipe(path: Path) -> bytes:
    run = subprocess.run([SPH2PIPE, "-p", "-f", "wav", str(path.resolve())], capture_output=True, check=False)
    if run.returncode or not run.stdout:
        why = run.stderr.decode(errors="replace").strip() or f"exit status {run.returncode}"
        raise AudioError(path, f"is truncated or damaged, or not audio (sph2pipe: {why}); fetch it again")
    return run.stdout
