"""Program that decodes GRIB files by ecCodes, for `grib_process`.

ecCodes' package makes its libraries global to the process (`findlibs`, RTLD_GLOBAL), among them a
PROJ of its own. The PROJ of pyproj, which pysteps imports, then binds to parts of that other
version, and crashes. So this process imports nothing else, saibench included. A damaged file that
crashes ecCodes leaves the reader alive, too.

Each line of the input is a JSON object: `path`, `keys` of ecCodes, and whether `values` are wanted.
The reply has for each message a line `{"keys": {...}, "bytes": number}`, null for an undefined key,
followed by the values in float64; then a line `{"end": true}` or `{"error": ...}`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 2**31
"""Largest size of an unpacked file."""
GZIP = b"\x1f\x8b"
GRIB1, GRIB2 = 1, 2


def main() -> None:
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what libraries print is no reply
        try:
            import eccodes
        except (ImportError, RuntimeError) as error:
            _write(replies, {"not_installed": str(error)})
            return
        _write(replies, {"ready": eccodes.codes_get_api_version()})
        for line in sys.stdin:
            request = json.loads(line)
            try:
                for content in split(_content(request["path"])):
                    _decode(eccodes, content, request, replies)
            except (eccodes.CodesInternalError, OSError, EOFError, ValueError) as error:
                _write(replies, {"error": str(error) or type(error).__name__})
            else:
                _write(replies, {"end": True})


def split(content: bytes) -> Iterator[bytes]:
    """The messages of a file, by the length that each states.

    Raises:
        ValueError: there is none, or one is not complete.
    """
    place = content.find(b"GRIB")
    if place < 0:
        raise ValueError("it has no message")
    while place >= 0:
        edition = content[place + 7] if place + 7 < len(content) else 0
        if edition == GRIB2:
            length = int.from_bytes(content[place + 8 : place + 16])
        elif edition == GRIB1:
            length = int.from_bytes(content[place + 4 : place + 7])
        else:
            raise ValueError(f"a message at byte {place} has edition {edition}")
        if length < 16 or place + length > len(content):
            raise ValueError(f"the message at byte {place} is not complete")
        yield content[place : place + length]
        place = content.find(b"GRIB", place + length)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    with gzip.open(path) if packed else open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    return content


def _decode(eccodes: Any, content: bytes, request: dict[str, Any], replies: Any) -> None:
    handle = eccodes.codes_new_from_message(content)
    try:
        keys: dict[str, Any] = dict.fromkeys(request["keys"])
        for key in keys:
            with contextlib.suppress(eccodes.KeyValueNotFoundError):
                keys[key] = eccodes.codes_get(handle, key)
        values = eccodes.codes_get_values(handle).tobytes() if request["values"] else b""
        _write(replies, {"keys": keys, "bytes": len(values)})
        replies.write(values)
    finally:
        eccodes.codes_release(handle)


def _write(replies: Any, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
