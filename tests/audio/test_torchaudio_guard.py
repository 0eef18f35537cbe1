import re
import subprocess
import sys
from pathlib import Path

import pytest

import svtok
from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.errors import SvtokError

USE = """
from svtok.audio.torchaudio_guard import import_torchaudio
torchaudio = import_torchaudio()
assert torchaudio is import_torchaudio()
"""


def python(code: str, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    first = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, timeout=120)


def fake_torchaudio(folder: Path, *, functional: str) -> None:
    """A torchaudio whose extension fails to load as the real one's does, and that leaves half-imported modules."""
    files = {
        "__init__.py": "from . import _internal\nfrom . import _extension\nfrom . import compliance, functional\n",
        "_internal.py": "",
        "_extension/__init__.py": "raise OSError('libc10_cuda.so: cannot open shared object file')\n",
        "compliance/__init__.py": "",
        "compliance/kaldi.py": "import torchaudio\n",
        "functional.py": functional,
        "transforms.py": "import torchaudio.functional\n",
    }
    for name, text in files.items():
        path = folder / "torchaudio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.slow
def test_the_python_parts_of_the_installed_torchaudio_work_in_a_fresh_process() -> None:
    done = python(
        USE
        + """
import torch
noise = torch.randn(1, 16000)
print(torchaudio.compliance.kaldi.fbank(noise, num_mel_bins=40).shape == (98, 40))
print(torchaudio.functional.resample(noise, 16000, 8000).shape == (1, 8000))
print(torchaudio.transforms.TimeMasking(10)(noise[None]).shape == (1, 1, 16000))
"""
    )
    assert done.stdout.split() == ["True"] * 3, done.stderr


@pytest.mark.slow
def test_an_extension_that_cannot_load_is_left_out(tmp_path: Path) -> None:
    fake_torchaudio(
        tmp_path,
        functional="""
from torchaudio._extension import _IS_TORCHAUDIO_EXT_AVAILABLE, fail_if_no_align, lazy_import_sox_ext
AVAILABLE = _IS_TORCHAUDIO_EXT_AVAILABLE or lazy_import_sox_ext().is_available()
def resample(): return 'resampled'
@fail_if_no_align
def forced_align(): return 'aligned'
""",
    )
    done = python(
        USE
        + """
print(torchaudio.compliance.kaldi.torchaudio is torchaudio, torchaudio.transforms.torchaudio is torchaudio)
print(torchaudio.functional.resample(), torchaudio.functional.AVAILABLE)
try:
    torchaudio.functional.forced_align()
except RuntimeError as error:
    print(error)
""",
        path=tmp_path,
    )
    assert done.stdout.splitlines() == [
        "True True",
        "resampled False",
        "forced_align needs the C++ extension of torchaudio, which could not be loaded here",
    ], done.stderr


@pytest.mark.slow
def test_a_torchaudio_broken_elsewhere_is_an_error_that_says_why(tmp_path: Path) -> None:
    fake_torchaudio(tmp_path, functional="raise ImportError('cannot import name custom_fwd')\n")
    done = python(USE, path=tmp_path)
    assert done.returncode != 0
    assert "SvtokError: torchaudio cannot be imported, not even without its C++ extension (cannot import" in done.stderr


def test_a_missing_torchaudio_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("torchaudio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(SvtokError, match="torchaudio is not installed; run: pip install"):
        import_torchaudio.__wrapped__()


def test_nothing_else_imports_torchaudio() -> None:
    root = Path(svtok.__file__).parent
    importing = re.compile(r"^\s*(import|from)\s+torchaudio|import_module\(\W*torchaudio", re.MULTILINE)
    found = [path.name for path in root.rglob("*.py") if importing.search(path.read_text(encoding="utf-8"))]
    assert found == ["torchaudio_guard.py"]
