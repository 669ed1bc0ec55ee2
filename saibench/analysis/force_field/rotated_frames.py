"""Frames of a force field, as they are and rotated."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of

ROTATED_ERROR = "equivariance_error"


def rotated_partition(evidence: StudyEvidence) -> str | None:
    """The first partition of rotated molecules; None without one."""
    if ROTATED_ERROR not in evidence.samples.columns:
        return None
    rows = evidence.samples.drop_nulls(ROTATED_ERROR)
    return rows["partition"][0] if rows.height else None


def rotated_pairs(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (run, frame) of the held-out partition that was also tested rotated.

    Adds to the samples' columns, all absolute: `equivariance_error`, `rotated_force_mae` [meV/Å],
    `energy_mae`, `rotated_energy_mae` and `energy_change` by the rotation [meV].
    `rotated_partition` must not be None.
    """
    keys = ["point", "sample_id"]
    partition = rotated_partition(evidence)
    assert partition is not None
    points = evidence.points["point"].to_list()
    upright = rows_of(evidence.samples, points, evidence.held_out)
    rotated = rows_of(evidence.samples, points, partition).select(
        *keys, ROTATED_ERROR, rotated_force_mae="force_mae", rotated_energy="energy_error"
    )
    energy, rotated_energy = polars.col("energy_error"), polars.col("rotated_energy")
    return (
        upright.drop(ROTATED_ERROR)
        .join(rotated, on=keys)
        .with_columns(
            energy_mae=energy.abs(),
            rotated_energy_mae=rotated_energy.abs(),
            energy_change=(rotated_energy - energy).abs(),
        )
    )
