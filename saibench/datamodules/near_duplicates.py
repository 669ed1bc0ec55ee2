"""Descriptors and digests that identify near-duplicate samples across partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NOTHING = np.uint64(0)
"""Digest of a part without content, such as a dry radar frame."""


@dataclass(frozen=True)
class SampleSimilarity:
    """Descriptors and digests of samples, by their rows in the index.

    Args:
        name: name of the descriptor: `SOAP descriptor`.
        describe: one clause that defines the descriptor.
        vectors: rows `(n,)` → descriptors `(n, D)` float32; a smaller distance is a higher
            similarity.
        contents: rows `(n,)` → `(n, C)` uint64 digests of the parts of each sample; samples with
            an equal digest, other than `NOTHING`, hold the same measurement.
        part: what one part is: such as `frame`.
        along: index column along which neighbours are similar (time), if any.
    """

    name: str
    describe: str
    vectors: Callable[[np.ndarray], np.ndarray]
    contents: Callable[[np.ndarray], np.ndarray]
    part: str
    along: str | None = None


def digest(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One uint64 digest `(n,)` of the bytes of each array; never `NOTHING`."""
    found = [
        int.from_bytes(hashlib.blake2b(part.tobytes(), digest_size=8).digest()) for part in parts
    ]
    return np.array([value or 1 for value in found], dtype=np.uint64)
