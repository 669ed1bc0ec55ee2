"""Frames of a force field as they are and turned, side by side."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of

ROTATED_ERROR = "equivariance_error"


def rotated_partition(evidence: StudyEvidence) -> str | None:
    """The first partition of turned molecules, None without one."""
    if ROTATED_ERROR not in evidence.samples.columns:
        return None
    rows = evidence.samples.drop_nulls(ROTATED_ERROR)
    return rows["partition"][0] if rows.height else None


def rotated_pairs(evidence: StudyEvidence) -> polars.DataFrame:
    """One row a (point, frame) of the held-out partition that was also tested turned.

    Beside the samples' columns: `equivariance_error` and `rotated_force_mae` [meV/Å], `energy_mae`,
    `rotated_energy_mae` and `energy_change` by turning [meV], all absolute. There is a partition of
    turned molecules.
    """
    keys = ["point", "sample_id"]
    turned = rotated_partition(evidence)
    assert turned is not None  # whoever asks for pairs has asked for it
    points = evidence.points["point"].to_list()
    upright = rows_of(evidence.samples, points, evidence.held_out)
    other = rows_of(evidence.samples, points, turned).select(
        *keys, ROTATED_ERROR, rotated_force_mae="force_mae", turned_energy="energy_error"
    )
    energy, of_turned = polars.col("energy_error"), polars.col("turned_energy")
    return (
        upright.drop(ROTATED_ERROR)
        .join(other, on=keys)
        .with_columns(
            energy_mae=energy.abs(),
            rotated_energy_mae=of_turned.abs(),
            energy_change=(of_turned - energy).abs(),
        )
    )
