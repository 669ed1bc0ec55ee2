"""A few tested frames of a molecule with the errors of their forces, kept for a report to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from saibench.evidence.saved_samples import SavedSamples

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SavedFrames(SavedSamples):
    """S frames of one molecule of A atoms, as the data have them: no test-time transform.

    why: (S,) str, why the frame is kept
    atomic_numbers: (A,) int64
    positions: (S, A, 3) float32, Å
    forces: (S, A, 3) float32, meV/Å, of the reference
    force_error: (S, A, 3) float32, meV/Å, predicted less reference
    """

    FILE: ClassVar[str] = "frames.npz"

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
