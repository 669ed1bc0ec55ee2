"""Arrays and texts inside a page: compressed, in base64, each once, decoded when displayed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray

KINDS = {"f4": np.float32, "f8": np.float64, "i4": np.int32, "i2": np.int16, "u1": np.uint8}
"""Types of blocks of numbers; other blocks are `text` (JSON) or `document` (a file)."""
STATISTIC_BITS = 13
"""Bits of the mantissa that a page keeps: four digits."""


class Packer:
    """Collects the blocks of a page; equal contents are one block."""

    def __init__(self) -> None:
        self._blocks: dict[str, tuple[int, str, str]] = {}

    def numbers(self, values: ArrayLike, kind: str = "f4") -> int:
        """The block of an array."""
        return self._add(kind, packed_bytes(np.ascontiguousarray(values, KINDS[kind])))

    def texts(self, values: Sequence[str | None]) -> int:
        """The block of a list of texts."""
        return self._add("text", json.dumps(list(values), ensure_ascii=False).encode())

    def document(self, content: bytes) -> int:
        """The block of a file, such as an image."""
        return self._add("document", content)

    def column(self, column: polars.Series, statistic: bool = False) -> int:
        """The block of a column of evidence; statistics keep four digits."""
        if column.dtype == polars.Boolean:
            return self.numbers(column.fill_null(False).to_numpy(), "u1")
        if not column.dtype.is_numeric():
            return self.texts(column.cast(polars.String).to_list())
        if column.dtype.is_integer() and not column.null_count():
            values = column.to_numpy()
            if not len(values) or np.abs(values).max() < 2**31:
                return self.numbers(values, "i4")
            if np.abs(values).max() > 2**53:  # not exact in JavaScript
                return self.texts([str(value) for value in values])
            return self.numbers(values, "f8")
        return self.numbers(shortened(doubles(column)) if statistic else doubles(column))

    @property
    def size(self) -> int:
        """Characters of all blocks."""
        return sum(len(text) for _, _, text in self._blocks.values())

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """Kind and text of each block, by number."""
        return [(kind, text) for _, kind, text in self._blocks.values()]

    def _add(self, kind: str, content: bytes) -> int:
        key = hashlib.sha256(kind.encode() + content).hexdigest()
        if key not in self._blocks:
            self._blocks[key] = len(self._blocks), kind, deflated(content)
        return self._blocks[key][0]


def doubles(column: polars.Series) -> NDArray[np.float64]:
    """The column as floats, NaN for missing values."""
    return column.cast(polars.Float64).fill_null(float("nan")).to_numpy()


def packed_bytes(array: NDArray[np.generic]) -> bytes:
    """The first bytes of all numbers, then the second bytes, …, which compresses better."""
    return np.ascontiguousarray(
        array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T
    ).tobytes()


def deflated(content: bytes) -> str:
    """Base64 of the zlib stream."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def shortened(values: ArrayLike, bits: int = STATISTIC_BITS) -> NDArray[np.float32]:
    """The numbers with the mantissa of 23 bits rounded to `bits`."""
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32)
    dropped = 23 - bits
    half = np.uint32(1 << (dropped - 1))
    kept = np.uint32(0xFFFFFFFF ^ ((1 << dropped) - 1))
    finite = np.isfinite(values)
    return np.where(finite, (raw + half) & kept, raw).astype(np.uint32).view(np.float32)
