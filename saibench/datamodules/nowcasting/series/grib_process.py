"""The process that decodes GRIB files (`grib_decoder`), and its messages."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series import grib_decoder
from saibench.errors import UserError, first_line


@dataclass(frozen=True, eq=False)
class Message:
    """A message of a file.

    keys: key of ecCodes → value, None if it is undefined
    values: (n,) float64, or empty if they were not requested
    """

    keys: dict[str, Any]
    values: np.ndarray


def messages(path: Path, keys: Sequence[str], values: bool) -> Iterator[Message]:
    """The messages of a file, in their order, one at a time in memory.

    Args:
        path: a GRIB file, also compressed by gzip.
        keys: of ecCodes.
        values: whether to decode the values.

    Raises:
        UserError: eccodes is not installed, or the file is damaged.
    """
    process = _process_for(path)
    complete = False
    try:
        _send(process, {"path": str(path.resolve()), "keys": list(keys), "values": values})
        while "keys" in (reply := _reply(process)):
            yield Message(reply["keys"], _values(process, reply["bytes"]))
        complete = True
    except (OSError, EOFError) as error:
        raise UserError(
            f"{path} is not a valid GRIB file (ecCodes ended with status {process.wait()})."
        ) from error
    finally:
        if not complete:  # the rest of the reply is unread, or the process has ended
            _stop(process)
            _process.cache_clear()
    if "error" in reply:
        raise UserError(f"{path} is not a valid GRIB file ({reply['error'].rstrip('.')}).")


def _process_for(path: Path) -> subprocess.Popen[bytes]:
    try:
        return _process()
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path}: GRIB needs eccodes, which is not installed ({first_line(error)}). Run "
            "`pip install 'saibench[grib]'`."
        ) from error


@cache
def _process() -> subprocess.Popen[bytes]:
    """Raises ModuleNotFoundError: eccodes is not installed."""
    process = subprocess.Popen(
        [sys.executable, "-P", grib_decoder.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(_stop, process)
    reply = _reply(process)
    if "ready" not in reply:
        _stop(process)
        raise ModuleNotFoundError(reply["not_installed"])
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _send(process: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()


def _reply(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Raises EOFError: the process has ended."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return json.loads(line)


def _values(process: subprocess.Popen[bytes], size: int) -> np.ndarray:
    """Raises EOFError: the process has ended."""
    assert process.stdout is not None
    content = process.stdout.read(size)
    if len(content) < size:
        raise EOFError
    return np.frombuffer(content)
