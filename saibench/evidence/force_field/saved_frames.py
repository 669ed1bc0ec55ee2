"""A few tested frames of a molecule with the errors of their forces, kept for a report to show."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.files.atomic import written_whole
from saibench.files.integrity import check_file
from saibench.files.npz import LARGEST_SHOWN, DamagedArray, NpzArrays

FILE = "frames.npz"
"""Name of the file in a point's folder."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ShownFrames:
    """S frames of one molecule of A atoms, as the data have them: no test-time transform.

    sample_id: (S,) int64
    why: (S,) str, why the frame is shown
    atomic_numbers: (A,) int64
    positions: (S, A, 3) float32, Å
    forces: (S, A, 3) float32, meV/Å, of the reference
    force_error: (S, A, 3) float32, meV/Å, predicted less reference
    """

    sample_id: NDArray[np.int64]
    why: NDArray[np.str_]
    atomic_numbers: NDArray[np.int64]
    positions: Floats
    forces: Floats
    force_error: Floats

    def __post_init__(self) -> None:
        frames, atoms = len(self.sample_id), len(self.atomic_numbers)
        for name in ("positions", "forces", "force_error"):
            found = getattr(self, name).shape
            if found != (frames, atoms, 3):
                raise ValueError(
                    f"{name} is of shape {found}, and {frames} frames of {atoms} atoms have "
                    f"{(frames, atoms, 3)}"
                )
        if len(self.why) != len(self.sample_id):
            raise ValueError("there are not as many reasons as frames")


def write_frames(path: Path, frames: ShownFrames) -> None:
    """Write a compressed `frames.npz`, all or nothing."""
    arrays = {field.name: getattr(frames, field.name) for field in fields(frames)}
    with written_whole(path) as aside:
        np.savez_compressed(aside, **arrays)


def read_frames(path: Path) -> ShownFrames:
    """What `write_frames` wrote.

    Raises:
        UserError: the file is damaged or holds other arrays.
    """
    check_file(path)
    try:
        with NpzArrays(path, LARGEST_SHOWN) as arrays:
            return ShownFrames(**{name: arrays[name] for name in arrays.names})
    except (OSError, DamagedArray, ValueError, TypeError) as error:
        raise UserError(
            f"{path} does not hold frames to be shown ({error}); run its point again."
        ) from error
