"""A remote file and its published checksum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Checksum:
    """A published digest of a file, in lower-case hexadecimal digits."""

    algorithm: Literal["md5", "sha256"]
    digest: str

    @classmethod
    def of(cls, path: Path, algorithm: Literal["md5", "sha256"]) -> Checksum:
        """The checksum of the file at `path`; OSError if it is not readable."""
        with path.open("rb") as file:
            return cls(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest}"


@dataclass(frozen=True)
class RemoteFile:
    """One file to download; its checksum is mandatory.

    url: http or https address
    mirrors: further addresses of the same bytes, tried in turn if `url` fails
    """

    url: str
    checksum: Checksum
    mirrors: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.mirrors)
