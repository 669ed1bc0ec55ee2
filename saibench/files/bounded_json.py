"""JSON from untrusted sources, of limited size and depth."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.files.atomic import atomic_write
from saibench.files.plain import read_text

MAX_BYTES = 2**25
MAX_DEPTH = 64
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def load_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        ValueError: it is not a regular file, not JSON, too large or too deep.
        OSError: it cannot be read.
    """
    return parse_json(read_text(path, MAX_BYTES))


def write_json(path: Path, content: Any, *, allow_nan: bool = True) -> None:
    """Write JSON atomically."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=allow_nan)
    with atomic_write(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def save_json(path: Path, content: Any) -> Path:
    """Write JSON for a user; all numbers must be finite.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        write_json(path, content, allow_nan=False)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def finite(node: Any) -> Any:
    """Replace NaN and infinite numbers, which JSON does not have, by None."""
    if isinstance(node, Mapping):
        return {str(name): finite(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def parse_json(text: str) -> Any:
    """Return the content of a JSON text.

    Raises:
        ValueError: not JSON, too deep, or with a lone surrogate, which cannot be encoded.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(content)
    if _SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"a text has the lone surrogate {error.object[error.start]!a}"
            ) from error
    return content


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _too_deep()


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} deep")
