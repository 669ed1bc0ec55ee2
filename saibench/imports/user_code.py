"""Places in the user's code: in no file of saibench, of Python or of an installed library."""

from __future__ import annotations

import inspect
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NOT_USER = [
    Path(__file__).resolve().parents[1],
    *(Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib")),
]
_INSTALLED = {"site-packages", "dist-packages"}


def place_in_user_code(error: BaseException) -> str:
    """Return the innermost line of the user's that raised it, `nets.py, line 12`, or ""."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = (_place(frame.filename, frame.lineno) for frame in frames)
    return next(filter(None, places), "")


def place_of_function(function: Callable[..., Any]) -> str:
    """Return where a function of the user's begins, `nets.py, line 12`, or "" for others."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else _place(code.co_filename, code.co_firstlineno)


def is_user_path(path: Path) -> bool:
    """Whether a file or folder, resolved, belongs to the user's code."""
    if _INSTALLED.intersection(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in _NOT_USER)


def _place(name: str, line: int | None) -> str:
    path = Path(name).resolve()
    return f"{path.name}, line {line}" if path.is_file() and is_user_path(path) else ""
