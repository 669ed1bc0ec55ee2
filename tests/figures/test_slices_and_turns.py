"""Figures of frames by time, and of rotated molecules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars
import pytest
from figure_readings import checked_reading
from synthetic_study import SAMPLES, Made, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, write_table
from saibench.figures.force_field import rotated_molecules, time_slices
from saibench.findings.finding import CONTRADICTED, SUPPORTED
from saibench.findings.force_field import equivariance as equivariance_findings

MADE = [Made(0.0, 0.3), Made(0.6, 0.3)]
FRAMES = 200
ROTATION = Field("equivariance_error", "float64", "meV/Å", "component", describe="change of forces")


def with_rows(
    folder: Path, add: Callable[[polars.DataFrame], polars.DataFrame], *fields: Field
) -> StudyEvidence:
    """A synthetic study whose runs have further rows."""
    write_study(folder, MADE, frames=FRAMES)
    for path in folder.glob("*/samples.parquet"):
        rows = polars.read_parquet(path)
        together = polars.concat([rows, add(rows)], how="diagonal_relaxed")
        write_table(path, together, [*SAMPLES, *fields])
    return StudyEvidence.load(folder)


def whole(rows: polars.DataFrame) -> polars.DataFrame:
    """As many frames from the start; every second of the first tenth is a training frame."""
    number = np.arange(FRAMES)
    seen = (number < FRAMES // 10) & (number % 2 == 0)
    return rows.with_columns(
        partition=polars.lit("whole_trajectory"),
        sample_id=polars.Series(number[::-1].copy()),
        time=polars.Series(np.linspace(0, 1, FRAMES)),
        force_mae=polars.Series(np.where(seen, 1000.0, 10.0 + number * 10 // FRAMES)),
        seen_in_training=polars.Series(seen),
    )


def rotated(rows: polars.DataFrame) -> polars.DataFrame:
    return rows.with_columns(
        partition=polars.lit("last_tenth_rotated"),
        force_mae=polars.col("force_mae") + 1,
        energy_error=polars.col("energy_error") - 5,
        equivariance_error=polars.lit(0.25),
    )


def test_slices_are_tenths_in_time_without_training_frames(tmp_path: Path) -> None:
    evidence = with_rows(tmp_path / "study", whole)
    assert time_slices.needs(evidence) is None
    rows = time_slices.table(evidence).filter(window="0–30 %").sort("slice_start")
    assert rows["slice_start"].to_list() == pytest.approx([n / 10 for n in range(10)])
    assert rows["estimate"].to_list() == pytest.approx([10.0 + n for n in range(10)])
    assert rows["samples"].to_list() == [FRAMES // 20, *[FRAMES // 10] * 9]
    figure = time_slices.draw(evidence)
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == ["trained on 0–30 %", "trained on 60–90 %"]
    assert "10 to 20 frames" in time_slices.caption(evidence)
    assert "0–10 % of the trajectory" in (found := checked_reading(time_slices, evidence))
    assert "10.0 meV/Å" in found and "19.0 meV/Å" in found


def test_slices_need_frames_before_the_test(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_study(tmp_path / "study", MADE, frames=20))
    assert "test=[last_tenth,whole_trajectory]" in str(time_slices.needs(evidence))


def test_change_by_rotation_is_measured_per_frame(tmp_path: Path) -> None:
    evidence = with_rows(tmp_path / "study", rotated, ROTATION)
    assert rotated_molecules.needs(evidence) is None
    numbers = rotated_molecules.table(evidence)
    assert numbers["samples"].unique().to_list() == [FRAMES]
    upright = evidence.samples.filter(partition="last_tenth")
    for model in numbers["model"].unique():
        rows = {row["quantity"]: row for row in numbers.filter(model=model).iter_rows(named=True)}
        assert rows["energy_change"]["estimate"] == pytest.approx(5)
        assert rows["equivariance_error"]["estimate"] == pytest.approx(0.25)
        error, after = (rows[name]["estimate"] for name in ("force_mae", "rotated_force_mae"))
        assert after == pytest.approx(error + 1)
        means = upright.group_by("point").agg(polars.col("force_mae").mean())["force_mae"]
        assert any(error == pytest.approx(mean) for mean in means)
    assert "0.25 meV/Å" in rotated_molecules.caption(evidence)
    assert "0.250 meV/Å" in checked_reading(rotated_molecules, evidence)
    assert rotated_molecules.draw(evidence).axes[0].get_xscale() == "log"


def test_a_model_is_equivariant_if_rotation_changes_no_more_than_rounding(tmp_path: Path) -> None:
    shares = {MADE[0].point: 1e-5, MADE[1].point: 0.5}

    def by_point(rows: polars.DataFrame) -> polars.DataFrame:
        share = shares[rows["point"][0]]
        return rotated(rows).with_columns(
            force_mae=polars.col("force_mae") - 1,
            equivariance_error=share * (polars.col("force_mae") - 1),
            energy_error=(1 + share) * (polars.col("energy_error") + 5),
        )

    evidence = with_rows(tmp_path / "study", by_point, ROTATION)
    found = equivariance_findings.findings(evidence)
    assert not [finding for finding in found if finding.error is not None]
    verdicts = {(f.claim, f.variant): (f.verdict, f.numbers) for f in found}
    assert len(verdicts) == 4
    for claim in (equivariance_findings.EQUIVARIANT, equivariance_findings.INVARIANT):
        same, changed = (
            next(
                answer for (of, label), answer in verdicts.items() if of == claim and name in label
            )
            for name in (" 0–30 %", " 60–90 %")
        )
        assert same[0] == SUPPORTED
        assert "1.0e−05 [1.0e−05, 1.0e−05]" in same[1]
        assert changed[0] == CONTRADICTED
        assert "0.50 [0.50, 0.50]" in changed[1]


def test_figure_needs_rotated_molecules(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_study(tmp_path / "study", MADE, frames=20))
    assert "last_tenth_rotated" in str(rotated_molecules.needs(evidence))
