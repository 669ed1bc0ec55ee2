"""Frames that a trained force field saves for its report, by default or on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import QUIET, evaluate
from omegaconf import OmegaConf

from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.run_record import update_record

pytestmark = pytest.mark.usefixtures("without_page")


def assert_errors_of_evidence(frames: SavedFrames, point: Path) -> None:
    """Norms and components of the saved errors equal the evidence of each atom."""
    by_atom = pl.read_parquet(point / "by_atom.parquet").filter(partition="last_tenth")
    for sample, error in zip(frames.sample_id.tolist(), frames.force_error, strict=True):
        rows = by_atom.filter(sample_id=sample).sort("atom")
        length, mae = np.linalg.norm(error, axis=1), np.abs(error).mean(axis=1)
        np.testing.assert_allclose(length, rows["force_error_norm"].to_numpy(), rtol=1e-4)
        np.testing.assert_allclose(mae, rows["force_mae"].to_numpy(), rtol=1e-4)


def test_worst_frames_are_saved(trained: Path) -> None:
    frames = SavedFrames.read(trained / SavedFrames.FILE)
    samples = pl.read_parquet(trained / "samples.parquet").sort("force_mae", descending=True)
    assert frames.sample_id[0] == samples["sample_id"][0]
    assert_errors_of_evidence(frames, trained)


def test_save_samples_selects_frames(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    ids = pl.read_parquet(point / "samples.parquet")["sample_id"].to_list()
    requested = [ids[3], ids[1]]
    assert evaluate(tmp_path, f"run={point}", f"save_samples={requested}", *QUIET).status == 0
    frames = SavedFrames.read(point / SavedFrames.FILE)
    assert frames.sample_id.tolist() == requested
    assert_errors_of_evidence(frames, point)
    unknown = evaluate(tmp_path, f"run={point}", "save_samples=[1]", *QUIET)
    assert unknown.status == 2 and "sample 1 " in unknown.err


def test_saved_frames_stay_when_other_partitions_are_tested(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    before = SavedFrames.read(point / SavedFrames.FILE).sample_id.tolist()
    others = "test=[last_tenth, whole_trajectory, last_tenth_rotated]"
    assert evaluate(tmp_path, f"run={point}", others, *QUIET).status == 0
    assert SavedFrames.read(point / SavedFrames.FILE).sample_id.tolist() == before


def test_partition_without_the_requested_frames_can_be_tested(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    chosen = [pl.read_parquet(point / "samples.parquet")["sample_id"][0]]
    assert evaluate(tmp_path, f"run={point}", f"save_samples={chosen}", *QUIET).status == 0
    config = OmegaConf.load(point / "config.yaml")
    config.datamodule.save_samples = chosen  # as in a run trained with it
    OmegaConf.save(config, point / "config.yaml")
    update_record(point, "config.yaml")
    early = "{samplers: [{_target_: saibench.datamodules.samplers.Window, start: 0, size: 0.1}]}"
    for tests in (["test=[early]"], []):
        ended = evaluate(tmp_path, f"run={point}", f"+partitions.early={early}", *tests, *QUIET)
        assert ended.status == 0, ended
    assert SavedFrames.read(point / SavedFrames.FILE).sample_id.tolist() == chosen


def test_run_of_saibench_before_saved_frames_can_save_some(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    (point / SavedFrames.FILE).unlink()
    config = OmegaConf.load(point / "config.yaml")
    del config.datamodule.save_samples
    OmegaConf.save(config, point / "config.yaml")
    update_record(point, "config.yaml")
    sample = pl.read_parquet(point / "samples.parquet")["sample_id"][0]
    assert evaluate(tmp_path, f"run={point}", f"save_samples=[{sample}]", *QUIET).status == 0
    assert SavedFrames.read(point / SavedFrames.FILE).sample_id.tolist() == [sample]
