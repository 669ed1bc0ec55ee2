"""The figure of a single run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars
import pytest
from figure_readings import checked_reading
from synthetic_study import Made, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, write_table
from saibench.figures.force_field import point_errors


def test_it_is_drawn_for_a_single_run_only(tmp_path: Path) -> None:
    alone = StudyEvidence.load(write_study(tmp_path / "alone", [Made()]))
    study = StudyEvidence.load(write_study(tmp_path / "study", [Made(), Made(seed=1)]))
    assert point_errors.needs(alone) is None
    assert "single run" in str(point_errors.needs(study))


def test_bars_are_the_mean_errors_of_the_atoms(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_study(tmp_path / "alone", [Made()]))
    frame = evidence.samples.sort("force_mae").row(-1, named=True)
    assert f"in sample {frame['sample_id']:,}" in checked_reading(point_errors, evidence)
    bars = point_errors.draw(evidence).axes[2].patches
    means = (
        evidence.table("by_atom").group_by("atom").agg(polars.col("force_mae").mean()).sort("atom")
    )
    assert [bar.get_height() for bar in bars] == pytest.approx(means["force_mae"].to_list())


def test_time_without_a_unit_has_none(tmp_path: Path) -> None:
    """Where the time between two frames is unknown, frames are counted."""
    folder = write_study(tmp_path / "study", [Made()], frames=50)
    known = StudyEvidence.load(folder)
    assert " ps:" in point_errors.reading(known)
    assert "[ps]" in point_errors.draw(known).axes[0].get_xlabel()
    (path,) = folder.rglob("samples.parquet")
    fields = [replace(one, unit="") if one.name == "time" else one for one in read_fields(path)]
    write_table(path, polars.read_parquet(path), fields)
    unknown = StudyEvidence.load(folder)
    assert " ps" not in point_errors.reading(unknown)
    assert "ps" not in point_errors.draw(unknown).axes[0].get_xlabel()


def test_panel_by_atom_is_omitted_without_errors_by_atom(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", [Made(size=0.9)], frames=50)
    for path in folder.rglob("by_atom.parquet"):
        path.unlink()
    evidence = StudyEvidence.load(folder)
    assert len(point_errors.draw(evidence).axes) == 2
    assert "by atom" not in point_errors.caption(evidence)
