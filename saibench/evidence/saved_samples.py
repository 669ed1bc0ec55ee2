"""A few tested samples kept whole in a run's folder, so that a report can show them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.files.atomic import atomic_write
from saibench.files.integrity import check_file
from saibench.files.npz import MAX_SAVED_SAMPLES, DamagedArray, NpzArrays


@dataclass(frozen=True, eq=False)
class SavedSamples:
    """Arrays of S samples, and numbers that hold for all of them; a field that is None is not kept.

    A subclass is a dataclass whose fields are these. Its `__post_init__` raises ValueError where
    they do not fit together.

    FILE: name of the file in a run's folder
    sample_id: (S,) int64
    """

    FILE: ClassVar[str]

    sample_id: NDArray[np.int64]

    def write(self, path: Path) -> None:
        """Write a compressed .npz file, all or nothing."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        with atomic_write(path) as aside:
            np.savez_compressed(aside, **{name: a for name, a in arrays.items() if a is not None})

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote.

        Raises:
            UserError: the file is damaged or holds other arrays.
        """

        with _reading(path) as arrays:
            return cls(**{name: _value(arrays[name]) for name in arrays.names})

    @staticmethod
    def ids(path: Path) -> list[int]:
        """The ids of the samples in a file alone.

        Raises:
            UserError: the file is damaged or holds other arrays.
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
            f"{path} does not hold saved samples ({error}): run its point again."
        ) from error


def _value(array: np.ndarray) -> Any:
    return array if array.ndim else array.item()
