"""The part of a download that has arrived: `<target>.part`, and beside it what it is a part of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from saibench.errors import UserError


@dataclass(frozen=True)
class Origin:
    """Which version of which remote file some bytes belong to.

    url: the address asked, before redirects (those are signed anew at each request)
    validator: what If-Range takes: the server's strong ETag, else its Last-Modified, if any
    total: bytes of the whole file, None if the server doesn't say
    """

    url: str
    validator: str | None
    total: int | None


class Part:
    """Bytes that have arrived, from the first on, with no gap."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self) -> Origin | None:
        """What the bytes are a part of; None if there are none or nothing says it."""
        if self.size == 0:
            return None
        try:
            return Origin(**json.loads(self.note.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            # A kill between two writes leaves no note or half of one: then the bytes are
            # of no known version, and are worth nothing.
            return None

    def begin(self, origin: Origin) -> None:
        """Start over as a part of `origin`. The note comes first: bytes never lack their own."""
        self.path.unlink(missing_ok=True)
        self.note.write_text(json.dumps(asdict(origin)))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


@contextmanager
def sole_writer(target: Path) -> Iterator[None]:
    """Hold `target` for this process alone; UserError if another one is writing it."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        held = lock.acquire(timeout=0)
    except Timeout as taken:
        raise UserError(
            f"{target} is being written by another process: wait until it has ended."
        ) from taken
    with held:
        yield
