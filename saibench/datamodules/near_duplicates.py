"""When two samples are near-duplicates, for whoever looks for copies across partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NOTHING = np.uint64(0)
"""The digest of a part that has no content of its own, such as a dry radar frame."""


@dataclass(frozen=True)
class SampleSimilarity:
    """Descriptors and contents of samples, by their rows in the index.

    Args:
        name: of the descriptor: `SOAP descriptor`.
        describe: one clause that says what it is.
        vectors: rows `(n,)` → `(n, D)` float32; samples are the more similar, the nearer these.
        contents: rows `(n,)` → `(n, C)` uint64 digests of the parts of each sample; samples that
            share one hold the same measurement, and `NOTHING` is shared by none.
        part: what such a part is: `frame`, `jet`.
        along: the column of the index along which neighbours are similar (time), if there is one.
    """

    name: str
    describe: str
    vectors: Callable[[np.ndarray], np.ndarray]
    contents: Callable[[np.ndarray], np.ndarray]
    part: str
    along: str | None = None


def digest(parts: Sequence[np.ndarray]) -> np.ndarray:
    """`(n,)` uint64, one of each array's bytes; never `NOTHING`."""
    found = [
        int.from_bytes(hashlib.blake2b(part.tobytes(), digest_size=8).digest()) for part in parts
    ]
    return np.array([value or 1 for value in found], dtype=np.uint64)
