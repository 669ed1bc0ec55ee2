"""Packing of columns into blocks of the page, and their precision."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import polars as pl
import pytest

from saibench.report.packed import KINDS, Packer, shortened


def unpacked(packer: Packer, block: int) -> np.ndarray | list[str]:
    """Decode a block as the page's script does."""
    kind, text = packer.blocks[block]
    content = zlib.decompress(base64.b64decode(text))
    if kind == "text":
        return json.loads(content)
    size = np.dtype(KINDS[kind]).itemsize
    planes = np.frombuffer(content, np.uint8).reshape(size, -1)
    return np.ascontiguousarray(planes.T).view(KINDS[kind]).ravel()


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pl.Series([1, -5, 2**31 - 1]), "i4"),
        (pl.Series([2**40, 3]), "f8"),
        (pl.Series([2**60 + 1, 3]), "text"),
        (pl.Series([0.1, None, 3.0]), "f4"),
        (pl.Series([True, False]), "u1"),
        (pl.Series(["<b>", None, "å"]), "text"),
    ],
)
def test_unpacked_column_equals_the_original(column: pl.Series, kind: str) -> None:
    packer = Packer()
    block = packer.column(column)
    assert packer.blocks[block][0] == kind
    found = unpacked(packer, block)
    if kind == "text":
        given = column if column.dtype == pl.String else column.cast(pl.String)
        assert found == given.to_list()
    else:
        expected = column.cast(pl.Float64).to_numpy()
        np.testing.assert_allclose(found.astype(float), expected, rtol=1e-7)


def test_equal_contents_are_one_block() -> None:
    packer = Packer()
    assert packer.numbers([1.0, 2.0]) == packer.numbers(np.array([1.0, 2.0])) == 0
    assert packer.numbers([1.0, 2.0], "f8") == 1
    assert len(packer.blocks) == 2


def test_statistics_keep_four_digits_and_undefined_values() -> None:
    values = np.random.default_rng(0).lognormal(0, 6, 10_000)
    values[:3] = np.nan, np.inf, 0.0
    short = shortened(values)
    np.testing.assert_allclose(short[3:], values[3:], rtol=2**-14)
    assert np.isnan(short[0]) and np.isinf(short[1]) and short[2] == 0.0
    packer = Packer()
    packer.numbers(values)
    whole = packer.size
    packer.numbers(short)
    assert packer.size - whole < 0.75 * whole
