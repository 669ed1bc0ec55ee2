"""A run on periodic frames of two sizes: evidence, page, and the guarded calculator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ase import Atoms
from ase.calculators.fd import calculate_numerical_stress
from command_line import QUIET, no_page, only_point, saibench, train
from crystal_files import crystal_frames
from molecule_files import write_frames

from saibench.analysis.trusted_range import Quantity, TrustedRange
from saibench.analysis.trusted_range.records import Source
from saibench.errors import UserError
from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.schema import read_table
from saibench.runs.force_field import GuardedCalculator, TrainedForceField
from saibench.runs.force_field.frame_features import FrameFeatures, known_features

SETTINGS = (
    *("data=ase", "data.files=[crystal.xyz]", "data.independent=true", "subset.count=30"),
    *("window.size=null", "test=[last_tenth]", "model=nequip_quick", "model.net.num_features=4"),
    *("model.net.num_layers=1", "model.net.dtype=float64", "+model.stress_weight=1000"),
    *("trainer.max_steps=4", "trainer.val_every=2", *QUIET),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("periodic")
    write_frames(folder / "crystal.xyz", crystal_frames(100, sizes=2))
    with no_page():
        ended = train(folder, *SETTINGS, f"data.root={folder}")
    assert ended.status == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def force_field(folder: Path) -> TrainedForceField:
    return TrainedForceField.load(only_point(folder))


def test_evidence_and_metrics_have_the_stress(folder: Path) -> None:
    run = only_point(folder)
    samples = pl.read_parquet(run / "samples.parquet")
    metric = json.loads((run / "metrics.json").read_text())["last_tenth"]["stress_mae"]
    assert metric["unit"] == "meV/Å³" and metric["count"] == samples.height == 10
    assert metric["value"] == pytest.approx(samples["stress_mae"].mean())
    cells = SavedFrames.read(run / SavedFrames.FILE).cells
    assert cells is not None and cells.shape == (10, 3, 3)
    ended = saibench(folder, "report", str(run.parent))
    assert ended.status == 0, ended.err
    assert "periodic" in (run.parent / "report.html").read_text()


def test_features_of_a_frame_are_those_of_the_evidence(force_field: TrainedForceField) -> None:
    """Of a net that was trained on several structures, in any order of the atoms."""
    names = known_features(force_field)
    assert {"soap_distance", "soap_distance_atom", "latent_mahalanobis"} <= set(names)
    evidence = read_table(force_field.folder / "samples.parquet").sort("sample_id").head(4)
    random = np.random.default_rng(0)
    for row in evidence.iter_rows(named=True):
        atoms = force_field.frame(row["sample_id"])
        atoms = atoms[random.permutation(len(atoms))]
        frames = FrameFeatures(force_field, atoms.get_chemical_symbols(), names)
        _, found = frames.read(atoms.positions, atoms.cell.array)
        for name, value in found.items():
            assert value == pytest.approx(row[name], rel=2e-3, abs=1e-3), name


def guarded(force_field: TrainedForceField) -> GuardedCalculator:
    random = np.random.default_rng(0)
    features = force_field.data.features(np.arange(100))["soap_distance"].to_numpy()
    trusted = TrustedRange.fit(
        features,
        random.uniform(size=100),
        np.arange(100),
        names=["soap_distance"],
        statistic=Quantity("force_mae", "meV/Å", "component"),
        source=Source("force_field", system=force_field.model.system),
    )
    return GuardedCalculator(force_field, trusted, action="record")


def test_the_calculator_gives_the_stress_of_the_net(force_field: TrainedForceField) -> None:
    atoms = force_field.frame(91)
    atoms.calc = guarded(force_field)
    found = atoms.get_stress()
    assert "stress" in atoms.calc.implemented_properties
    np.testing.assert_allclose(found, calculate_numerical_stress(atoms), rtol=1e-4, atol=1e-7)
    atoms.wrap()
    np.testing.assert_allclose(atoms.get_stress(), found, rtol=1e-6)


def test_unknown_elements_are_named(force_field: TrainedForceField) -> None:
    gold = Atoms("CuAu", [[0, 0, 0], [2.5, 0, 0]], calculator=guarded(force_field))
    with pytest.raises(UserError, match=r"Cu and does not know Au of AuCu"):
        gold.get_forces()
