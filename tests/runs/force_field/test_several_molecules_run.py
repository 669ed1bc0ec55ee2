"""A run on molecules of different size: evidence, trace and page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import QUIET, evaluate, no_page, only_point, saibench, train
from molecule_files import spring_frames, write_frames

from saibench.datamodules.force_field.ase_files import AseFrames
from saibench.datamodules.force_field.training_checks import refuse_unknown_elements
from saibench.datamodules.partition import Partition
from saibench.errors import UserError
from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_table
from saibench.figures.force_field import point_errors
from saibench.runs.force_field import TrainedForceField
from saibench.runs.force_field.frame_features import FrameFeatures, known_features

SETTINGS = (
    *("data=ase", "data.files=[mixed.xyz]", "data.independent=true", "subset.count=40"),
    *("window.size=null", "test=[last_tenth]", "model=cartesian", "model.net.num_features=8"),
    *("model.net.num_layers=1", "trainer.max_steps=4", "trainer.val_every=2", *QUIET),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    write_frames(folder / "mixed.xyz", spring_frames(300))
    with no_page():
        ended = train(folder, *SETTINGS, f"data.root={folder}")
    assert ended.status == 0, ended.err
    return folder


def test_evidence_has_the_formula_and_the_atoms_of_each_species(folder: Path) -> None:
    run = only_point(folder)
    samples = pl.read_parquet(run / "samples.parquet").sort("sample_id")
    assert samples.height == 30 and set(samples["formula"]) == {"H2O", "CH4", "CH4O"}
    assert not (run / "by_atom.parquet").exists()
    saved = SavedFrames.read(run / SavedFrames.FILE)
    assert saved.atomic_numbers.shape == saved.positions.shape[:2] == (30, 6)
    by_species = pl.read_parquet(run / "by_species.parquet")
    water = by_species.filter(pl.col("sample_id") == 270, pl.col("species") == "H")
    assert samples.filter(sample_id=270)["formula"].item() == "H2O"
    assert water["num_atoms"].item() == 2
    weighted = by_species.group_by("sample_id").agg(
        (pl.col("force_mae").fill_nan(0) * pl.col("num_atoms")).sum() / pl.col("num_atoms").sum()
    )
    np.testing.assert_allclose(
        weighted.sort("sample_id")["force_mae"], samples["force_mae"], rtol=1e-5
    )
    metrics = json.loads((run / "metrics.json").read_text())["last_tenth"]
    carbon = by_species.filter(pl.col("species") == "C", pl.col("force_mae").is_not_nan())
    assert metrics["force_mae_C"]["count"] == carbon.height == 20


def test_frames_of_one_of_its_molecules_have_the_same_errors(folder: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(only_point(folder), tmp_path / "study" / "run"))
    water = [image for image in spring_frames(300)[270:] if len(image) == 3]
    write_frames(tmp_path / "water.xyz", water)
    given = ("data=ase", f"data.files=[{tmp_path / 'water.xyz'}]", "data.independent=true")
    with no_page():
        ended = evaluate(tmp_path, f"run={run}", *given, "test=[whole_trajectory]", *QUIET)
    assert ended.status == 0, ended.err
    (other,) = tmp_path.glob("study-on-*/*/run.json")
    found = pl.read_parquet(other.parent / "samples.parquet").sort("sample_id")
    expected = pl.read_parquet(run / "samples.parquet").filter(formula="H2O").sort("sample_id")
    assert found.height == expected.height == 10
    for name in ("force_mae", "energy_error", "soap_distance", "soap_distance_atom"):
        scale = expected[name].abs().max()
        np.testing.assert_allclose(found[name], expected[name], atol=1e-3 * scale, err_msg=name)


def test_errors_are_traced_and_reported(folder: Path) -> None:
    run = only_point(folder)
    assert saibench(folder, "trace", str(run.parent)).status == 0
    ended = saibench(folder, "report", str(run.parent))
    assert ended.status == 0, ended.err
    assert (run.parent / "report.html").is_file()


def test_the_figure_has_the_errors_of_each_species(folder: Path) -> None:
    evidence = StudyEvidence.load(only_point(folder).parent)
    rows = evidence.table("by_species")
    bars = point_errors.draw(evidence).axes[2].patches
    for bar, name in zip(bars, ("C", "H", "O"), strict=True):
        own = rows.filter(species=name, partition="last_tenth").filter(pl.col("num_atoms") > 0)
        mean = np.average(own["force_mae"], weights=own["num_atoms"])
        assert bar.get_height() == pytest.approx(mean, rel=1e-5)
    assert "by species" in point_errors.caption(evidence)


def test_errors_by_atom_of_several_molecules_are_refused(folder: Path) -> None:
    """Their atoms have no common index; the axis that there is, is offered."""
    ended = saibench(
        folder, "trace", str(only_point(folder).parent), "--response", "atom/force_mae"
    )
    assert ended.status == 2
    assert "atom" in ended.err and "species" in ended.err


def test_guarded_features_are_those_of_the_evidence(folder: Path) -> None:
    """Of any of the molecules; energies are total ones."""
    force_field = TrainedForceField.load(only_point(folder))
    names = known_features(force_field)
    evidence = read_table(force_field.folder / "samples.parquet")
    for row in evidence.sort("sample_id").head(3).iter_rows(named=True):
        atoms = force_field.frame(row["sample_id"])
        assert atoms.get_chemical_formula() == row["formula"]
        predicted, found = FrameFeatures(force_field, atoms.symbols, names).read(atoms.positions)
        for name, value in found.items():
            assert value == pytest.approx(row[name], rel=2e-3, abs=1e-3), name
        total = force_field.data.trajectory.energies[row["sample_id"]]
        assert predicted.energy - total == pytest.approx(row["energy_error"] / 1000, abs=1e-3)
        assert predicted.stress is None


def test_an_element_that_training_lacks_is_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "mixed.xyz", [*spring_frames(5, ["CH4"]), *spring_frames(3)])
    found = AseFrames(("mixed.xyz",), root=str(tmp_path), one_molecule=False).load(tmp_path)
    training, tested = (Partition("", rows, rows, "") for rows in (np.arange(5), np.arange(5, 8)))
    with pytest.raises(UserError, match="O, which no training frame has"):
        refuse_unknown_elements(found, training, [tested])
