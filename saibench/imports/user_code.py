"""Where in the user's code something is: in none of the package's files, nor of a library's."""

from __future__ import annotations

import inspect
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NOT_OWN = (Path(__file__).parent, *(Path(sysconfig.get_path(f"{a}stdlib")) for a in ("", "plat")))
_PACKAGES = ("site-packages", "dist-packages")


def place_in_user_code(error: BaseException) -> str:
    """`nets.py, line 12`, where the innermost of the user's lines raised it; empty for none."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    own = (frame for frame in frames if _is_own(Path(frame.filename)))
    return next((f"{Path(frame.filename).name}, line {frame.lineno}" for frame in own), "")


def place_of_function(function: Callable[..., Any]) -> str:
    """`nets.py, line 12`, where a function of the user's begins; empty for others."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or not _is_own(Path(code.co_filename)):
        return ""
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}"


def _is_own(file: Path) -> bool:
    if any(name in file.parts for name in _PACKAGES) or not file.is_file():
        return False
    return not any(file.is_relative_to(folder) for folder in _NOT_OWN)
