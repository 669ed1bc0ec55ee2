"""A batch of frames of molecules."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saibench.datamodules.force_field.transforms import MoleculeTransform


@dataclass(frozen=True)
class MoleculeBatch:
    """B frames of one molecule or crystal of A atoms, as dense tensors on the device of the net.

    Frames of several are padded to A atoms, with atom type -1 and zeros.

    Args:
        sample_id: `(B,)`.
        positions: `(B, A, 3)` in Å.
        species: `(A,)` atom types, shared by all frames; `(B, A)` for several molecules.
        energy: `(B,)` in eV, float64, relative to the mean of the training partition, or to the
            sum of atomic energies for several molecules.
        forces: `(B, A, 3)` in eV/Å; 0 without reference forces.
        sample_weight: weight of a frame in the loss, see `TrainingBatches.weight`.
        transform: test-time transform of the frames, or None.
        original: the frames before the transform, or None.
        has_forces: `(B,)` bool, whether a frame has reference forces; None: all have.
        cells: `(B, 3, 3)` in Å, vectors as rows, zeros along directions that are not periodic;
            None: no frame of the data is periodic.
        stress: `(B, 3, 3)` in eV/Å³, positive under tension, 0 where it is unknown; None: no frame
            of the data has it.
        has_stress: `(B,)` bool, whether a frame has a reference stress; None as `stress`.
    """

    sample_id: Tensor
    positions: Tensor
    species: Tensor
    energy: Tensor
    forces: Tensor
    sample_weight: float
    transform: MoleculeTransform | None = None
    original: MoleculeBatch | None = None
    has_forces: Tensor | None = None
    cells: Tensor | None = None
    stress: Tensor | None = None
    has_stress: Tensor | None = None
