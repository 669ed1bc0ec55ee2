"""A partial download, `<target>.part`, and the record of its origin, `<target>.part.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from saibench.errors import UserError
from saibench.files.locks import InUse, take_lock


@dataclass(frozen=True)
class Origin:
    """The version of the remote file that some bytes belong to.

    url: the requested address, before redirects (which are signed anew for each request)
    validator: for If-Range: the server's strong ETag, else its Last-Modified, if any
    total: bytes of the complete file, None if the server does not state it
    """

    url: str
    validator: str | None
    total: int | None


class Part:
    """The bytes received so far, contiguous from the first."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.record = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self) -> Origin | None:
        """The origin of the bytes; None if there are no bytes or no valid record."""
        if self.size == 0:
            return None
        try:
            return Origin(**json.loads(self.record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # the process was killed in between
            return None

    def begin(self, origin: Origin) -> None:
        """Start over as a part of `origin`; the record is written before any bytes."""
        self.path.unlink(missing_ok=True)
        self.record.write_text(json.dumps(asdict(origin)))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)


@contextmanager
def sole_writer(target: Path) -> Iterator[None]:
    """Lock `target` for this process; UserError if another process holds the lock."""
    try:
        lock = take_lock(target.with_name(f".{target.name}.lock"))
    except InUse as owner:
        raise UserError(
            f"{target} is being written by {owner}. Wait until it has finished."
        ) from owner
    with lock:
        yield
