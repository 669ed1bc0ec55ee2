"""Saved frames of molecules."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from saibench.errors import UserError
from saibench.evidence.force_field.saved_frames import SavedFrames

FILE = SavedFrames.FILE


def made(count: int = 3, atoms: int = 4) -> SavedFrames:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3, count, atoms, 3)).astype(np.float32)
    return SavedFrames(
        sample_id=np.arange(count) + 90,
        why=np.array(["chosen"] * count),
        atomic_numbers=np.array([8, 6, 1, 1])[:atoms],
        positions=vectors[0],
        forces=vectors[1],
        force_error=vectors[2],
    )


def test_frames_are_read_as_they_were_written(tmp_path: Path) -> None:
    made().write(tmp_path / FILE)
    again = SavedFrames.read(tmp_path / FILE)
    for field in fields(SavedFrames):
        written = getattr(made(), field.name)
        np.testing.assert_array_equal(getattr(again, field.name), written)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"PK")
    with pytest.raises(UserError, match=r"frames\.npz"):
        SavedFrames.read(tmp_path / FILE)


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    for name in ("positions", "why"):
        with pytest.raises(ValueError, match=rf"{name} .*\(2,.*\(3,"):
            replace(made(), **{name: getattr(made(2), name)})
    np.savez(tmp_path / FILE, **{"sample_id": np.arange(2)})
    with pytest.raises(UserError, match=r"frames\.npz"):
        SavedFrames.read(tmp_path / FILE)
