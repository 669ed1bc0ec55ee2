"""A file that lies somewhere else, and how to know that what came is that file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Checksum:
    """A published digest of a file's bytes, in lower-case hexadecimal digits."""

    algorithm: Literal["md5", "sha256"]
    digest: str

    @classmethod
    def of(cls, path: Path, algorithm: Literal["md5", "sha256"]) -> Checksum:
        """The checksum of the file at `path`; OSError if it can't be read."""
        with path.open("rb") as file:
            return cls(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest}"


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch. A checksum is not optional: nothing unverified becomes data.

    url: where it lies, http or https
    mirrors: further places of the same bytes, asked in turn when `url` won't serve it
    """

    url: str
    checksum: Checksum
    mirrors: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.mirrors)
