"""Damaged files of a run or of data are refused, or read as they were written."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from jet_files import random_jets, write_pytables

from benchmarks.fault_parts.damage import damaged, replace
from benchmarks.fault_parts.kinds import KINDS
from benchmarks.fault_parts.run_files import RUN
from saibench.errors import UserError

COUNT = 12
OF_A_RUN = [name for name in RUN if " " not in name]
OF_DATA = [
    *("range.json", "MD17 npz", "radar PNG"),
    *("jets Parquet, page checksums", "table Parquet, page checksums"),
]


def check(kind: str, path: Path) -> None:
    """Each damaged copy is read as the original, or refused in one line."""
    draw, whole = random.Random(kind), path.read_bytes()
    expected = pickle.dumps(KINDS[kind].read(path))
    refused = 0
    for number in range(COUNT):
        replace(path, damaged(whole, number, draw))
        try:
            assert pickle.dumps(KINDS[kind].read(path)) == expected, number
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    replace(path, whole)
    assert pickle.dumps(KINDS[kind].read(path)) == expected
    assert refused > COUNT / 2


@pytest.mark.parametrize("kind", OF_A_RUN)
def test_damage_of_a_run(kind: str, trained: Path, copied: Callable[[Path], Path]) -> None:
    check(kind, copied(trained) / kind)


@pytest.mark.parametrize("kind", OF_DATA)
def test_damage_of_data(kind: str, tmp_path: Path) -> None:
    make = KINDS[kind].make
    assert make is not None
    check(kind, make(tmp_path))


def test_damage_of_an_hdf5_file_with_checksums(tmp_path: Path) -> None:
    path = write_pytables(tmp_path / "test.h5", *random_jets(100, 0), fletcher32=True)
    check("jets HDF5, checksums", path)
