"""Saved samples of force fields: frames of molecules with the errors of their forces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from saibench.evidence.saved_samples import SavedSamples

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SavedFrames(SavedSamples):
    """S frames of molecules of at most A atoms, without a test-time transform.

    why: (S,) str, the reason for saving the frame
    atomic_numbers: (A,) int64 of one molecule, or (S, A) of several, 0 for padding
    positions: (S, A, 3) float32, Å
    forces: (S, A, 3) float32, meV/Å, of the reference
    force_error: (S, A, 3) float32, meV/Å, predicted minus reference
    cells: (S, 3, 3) float32, Å, zeros along directions that are not periodic; None for molecules
    """

    FILE: ClassVar[str] = "frames.npz"

    why: NDArray[np.str_]
    atomic_numbers: NDArray[np.int64]
    positions: Floats
    forces: Floats
    force_error: Floats
    cells: Floats | None = None

    def __post_init__(self) -> None:
        expected = (len(self.sample_id), self.atomic_numbers.shape[-1], 3)
        for name in ("why", "positions", "forces", "force_error"):
            shape = expected[:1] if name == "why" else expected
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")
        if self.cells is not None and self.cells.shape != (len(self.sample_id), 3, 3):
            raise ValueError(f"cells has shape {self.cells.shape}, expected one (3, 3) per frame")
