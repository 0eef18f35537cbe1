"""The one door to torchaudio: it opens also where torchaudio's C++ extension cannot load.

torchaudio's wheels are built for one version of CUDA. Beside a torch for CPU, or for another CUDA, `import torchaudio`
dies while it loads that extension. svtok needs only the parts written in Python, which do not use it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from svtok.errors import SvtokError

EXTENSION = "torchaudio._extension"


@functools.cache
def import_torchaudio() -> Any:
    """The module torchaudio, with `compliance.kaldi`, `functional` and `transforms` ready for use.

    Raises SvtokError when torchaudio is not installed, or not even its Python parts can be imported.
    """
    try:
        return _import()
    except (OSError, ImportError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torchaudio":
            raise SvtokError("torchaudio is not installed; run: pip install 'torchaudio>=2.6'") from None
        return _import_without_extension()


def _import() -> Any:
    torchaudio = importlib.import_module("torchaudio")
    for name in ("compliance.kaldi", "functional", "transforms"):
        importlib.import_module(f"torchaudio.{name}")
    return torchaudio


def _import_without_extension() -> Any:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        del sys.modules[name]  # what the failed import left behind
    sys.modules[EXTENSION] = _NoExtension(EXTENSION)
    try:
        return _import()
    except (OSError, ImportError, RuntimeError, AttributeError) as error:
        raise SvtokError(
            f"torchaudio cannot be imported, not even without its C++ extension ({error}); "
            "install the torchaudio that belongs to this torch"
        ) from error


class _NoExtension(ModuleType):
    """Stands in for `torchaudio._extension`: it says that every part of the extension is absent."""

    def is_available(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_IS_"):  # _IS_TORCHAUDIO_EXT_AVAILABLE and the like
            return False
        if name.startswith("fail_if_no_"):  # decorators of the functions that need the extension
            return _failing
        if name.startswith("lazy_import_"):  # getters of further extensions, up to torchaudio 2.8
            return lambda: self
        raise AttributeError(f"{self.__name__} has no '{name}': the C++ extension of torchaudio could not be loaded")


def _failing(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    @functools.wraps(function)
    def fail(*args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError(f"{function.__name__} needs the C++ extension of torchaudio, which could not be loaded here")

    return fail
