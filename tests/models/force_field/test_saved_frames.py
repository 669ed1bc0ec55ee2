"""The frames that a run saves for its report, and their values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.models.force_field.saved_frames import (
    NUM_EVEN,
    NUM_WORST,
    choose_frames,
    saved_frames,
)
from saibench.models.saved_samples import CHOSEN, save_samples

FRAMES, ATOMS = 200, 3


class Net(nn.Module):
    """The error of its forces is the sample's id in meV/Å."""

    device = torch.device("cpu")

    def forward(self, batch) -> tuple[torch.Tensor, torch.Tensor]:
        return batch.energy, batch.forces + batch.sample_id[:, None, None] / 1000


class Data:
    """The part of the data module that is used."""

    evaluation_batch_size = 7

    def __init__(self, save_samples: list[int] | None = None) -> None:
        rng = np.random.default_rng(0)
        self.trajectory = Trajectory(
            name="water",
            symbols=("O", "H", "H"),
            atomic_numbers=np.array([8, 1, 1]),
            positions=rng.normal(size=(FRAMES, ATOMS, 3)),
            energies=np.zeros(FRAMES),
            forces=rng.normal(size=(FRAMES, ATOMS, 3)),
            sample_id=np.arange(FRAMES) + 1000,
            time=np.arange(FRAMES) * 0.5,
            data_hash="",
        )
        self.index = pl.DataFrame({"sample_id": self.trajectory.sample_id})
        self.save_samples = save_samples

    def reported_partition(self, tested: list[str]) -> str:
        (only,) = tested
        return only

    def saved_rows(self) -> np.ndarray | None:
        return None if self.save_samples is None else np.array(self.save_samples)

    def batch_of(self, rows: np.ndarray, device: torch.device) -> SimpleNamespace:
        assert device == Net.device
        return SimpleNamespace(
            sample_id=torch.tensor(self.trajectory.sample_id[rows]),
            energy=torch.zeros(len(rows)),
            forces=torch.tensor(self.trajectory.forces[rows]),
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that was tested on the second half."""
    tested = np.arange(FRAMES // 2, FRAMES)
    errors = np.random.default_rng(1).gamma(2.0, 20.0, len(tested))
    pl.DataFrame(
        {
            "partition": "last_tenth",
            "sample_id": 1000 + tested,
            "time": tested * 0.5,
            "force_mae": errors,
        }
    ).write_parquet(tmp_path / "samples.parquet")
    return tmp_path


def test_worst_and_evenly_spaced_frames_are_saved(folder: Path) -> None:
    save_samples(folder, Net(), Data(), choose_frames, saved_frames)
    saved = SavedFrames.read(folder / SavedFrames.FILE)
    rows = pl.read_parquet(folder / "samples.parquet").sort("force_mae", descending=True)
    assert saved.sample_id[:NUM_WORST].tolist() == rows["sample_id"].head(NUM_WORST).to_list()
    assert "2 of 100" in saved.why[1] and "force MAE" in saved.why[1]
    assert {1100, 1199} <= set(saved.sample_id.tolist()), "the first and the last"
    assert len(set(saved.sample_id.tolist())) == len(saved.sample_id) <= NUM_WORST + NUM_EVEN


def test_chosen_frames_are_saved_with_the_errors_of_their_forces(folder: Path) -> None:
    data = Data(save_samples=[150, 103])
    save_samples(folder, Net(), data, choose_frames, saved_frames)
    saved = SavedFrames.read(folder / SavedFrames.FILE)
    assert saved.sample_id.tolist() == [1150, 1103] and set(saved.why.tolist()) == {CHOSEN}
    np.testing.assert_allclose(saved.positions[1], data.trajectory.positions[103], rtol=1e-6)
    np.testing.assert_allclose(saved.forces[0], 1000 * data.trajectory.forces[150], rtol=1e-6)
    np.testing.assert_allclose(saved.force_error[0], 1150, rtol=1e-4)
    np.testing.assert_allclose(saved.force_error[1], 1103, rtol=1e-4)


def test_an_empty_choice_saves_nothing(folder: Path) -> None:
    save_samples(folder, Net(), Data(save_samples=[]), choose_frames, saved_frames)
    assert not (folder / SavedFrames.FILE).exists()
