"""An array that grows on disk is the array that was appended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saibench.datamodules.cache import cached_arrays
from saibench.datamodules.growing import GrowingArray


@pytest.mark.parametrize("row_shape", [(), (4,), (20, 3)])
def test_rows_are_kept_in_their_order(tmp_path: Path, row_shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, *row_shape)).astype(np.float32) for n in (3, 0, 1000, 1)]
    growing = GrowingArray(tmp_path, "rows", row_shape, np.float32)
    for part in parts:
        growing.append(part)
    mapped = growing.closed()
    np.testing.assert_array_equal(mapped, np.concatenate(parts))
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), np.concatenate(parts))


def test_no_row_is_an_empty_array(tmp_path: Path) -> None:
    assert GrowingArray(tmp_path, "rows", (4,), np.int64).closed().shape == (0, 4)


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    growing = GrowingArray(tmp_path, "rows", (4,), np.float32)
    with pytest.raises(ValueError, match=r"rows\.npy"):
        growing.append(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"rows\.npy"):
        growing.append(np.zeros((2, 3), np.float32))


def test_the_cache_keeps_it_without_a_copy(tmp_path: Path) -> None:
    def build(folder: Path) -> dict[str, np.ndarray]:
        growing = GrowingArray(folder, "numbers", (), np.int64)
        growing.append(np.arange(5))
        inode.append(growing.path.stat().st_ino)
        return {"numbers": growing.closed()}

    inode: list[int] = []
    kept = cached_arrays(tmp_path, "grown", {}, build)
    assert kept["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert (kept.folder / "numbers.npy").stat().st_ino == inode[0]
    assert cached_arrays(tmp_path, "grown", {}, build)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert len(inode) == 1
