"""Checks that the training frames have what training on them, and testing others, needs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase.data import chemical_symbols

from saibench.datamodules.force_field.checks import refuse_frames
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.datamodules.partition import Partition
from saibench.formatting import joined


def refuse_without_forces(trajectory: Trajectory, used: Iterable[Partition]) -> None:
    """Refuse to train or validate on energies alone.

    Raises:
        UserError: names the first such frames.
    """
    if trajectory.has_forces is None:
        return
    lacking = np.zeros(len(trajectory.time), dtype=bool)
    for part in used:
        lacking[part.rows] |= ~trajectory.has_forces[part.rows]
    refuse_frames(
        trajectory,
        lacking,
        "no forces, but is to be trained on them,",
        "Train on files with forces: training={_target_: …Where, by: file, equals: …}; or on "
        "their energies alone: data=ase data.missing_forces=mask.",
    )


def refuse_unknown_elements(
    trajectory: Trajectory, training: Partition, tested: Iterable[Partition]
) -> None:
    """Refuse to validate or test on an element that no training frame has.

    Raises:
        UserError: names the first such frames.
    """
    if not training.count:
        return
    known = np.unique(trajectory.numbers_of(training.rows))
    others = np.setdiff1d(trajectory.atomic_numbers, [0, *known])
    lacking = np.zeros(len(trajectory.time), dtype=bool)
    for part in tested:
        found = np.isin(trajectory.numbers_of(part.rows), others).any(axis=1)
        lacking[part.rows] |= found
    refuse_frames(
        trajectory,
        lacking,
        f"{joined([chemical_symbols[one] for one in others])}, which no training frame has,",
        "Test on molecules of the elements of training.",
    )
