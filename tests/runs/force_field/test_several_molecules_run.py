"""A run on molecules of different size: evidence, trace and page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import QUIET, no_page, only_point, saibench, train
from molecule_files import spring_frames, write_frames

from saibench.evidence.force_field.saved_frames import SavedFrames

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


def test_errors_are_traced_and_reported(folder: Path) -> None:
    run = only_point(folder)
    assert saibench(folder, "trace", str(run.parent)).status == 0
    ended = saibench(folder, "report", str(run.parent))
    assert ended.status == 0, ended.err
    assert (run.parent / "report.html").is_file()


def test_an_element_that_training_lacks_is_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "mixed.xyz", [*spring_frames(180, ["CH4"]), *spring_frames(20)])
    with no_page():
        ended = train(tmp_path, *SETTINGS, f"data.root={tmp_path}")
    assert ended.status != 0
    assert "O, which no training frame has" in ended.err + ended.out
