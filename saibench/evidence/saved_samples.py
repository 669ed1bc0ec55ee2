"""Saved samples: a few test samples stored in a run's folder, for the report to display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.files.atomic import atomic_write
from saibench.files.integrity import check_file
from saibench.files.npz import MAX_SAVED_SAMPLES, DamagedArray, NpzArrays


@dataclass(frozen=True, eq=False)
class SavedSamples:
    """Arrays of S samples, and numbers shared by all of them; a field that is None is not written.

    A subclass is a dataclass of these arrays. Its `__post_init__` raises ValueError if their shapes
    do not match.

    FILE: file name in a run's folder
    sample_id: (S,) int64
    """

    FILE: ClassVar[str]

    sample_id: NDArray[np.int64]

    def write(self, path: Path) -> None:
        """Write a compressed .npz file, atomically."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        with atomic_write(path) as aside:
            np.savez_compressed(aside, **{name: a for name, a in arrays.items() if a is not None})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file that `write` wrote.

        Raises:
            UserError: the file is damaged or has other arrays.
        """
        with _reading(path) as arrays:
            values = {name: arrays[name] for name in arrays.names}
            return cls(**{name: a if a.ndim else a.item() for name, a in values.items()})

    @staticmethod
    def ids(path: Path) -> list[int]:
        """The ids of the samples in a file.

        Raises:
            UserError: the file is damaged or has other arrays.
        """
        with _reading(path) as arrays:
            return arrays["sample_id"].tolist()


@contextmanager
def _reading(path: Path) -> Iterator[NpzArrays]:
    check_file(path)
    try:
        with NpzArrays(path, MAX_SAVED_SAMPLES) as arrays:
            yield arrays
    except (OSError, DamagedArray, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} does not hold saved samples ({error}). Evaluate the run again."
        ) from error
