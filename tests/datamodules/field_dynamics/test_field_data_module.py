"""Forecasts of a small solution: starts, partitions of whole trajectories, batches, symmetries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from saibench.datamodules.field_dynamics.checks import check_trajectories
from saibench.datamodules.field_dynamics.fields import Trajectories
from saibench.datamodules.field_dynamics.kuramoto_sivashinsky import (
    KuramotoSivashinsky,
    SpectralKS,
    initial_waves,
)
from saibench.datamodules.field_dynamics.lorenz import Lorenz63
from saibench.datamodules.field_dynamics.module import FieldDynamicsDataModule
from saibench.datamodules.field_dynamics.navier_stokes import SpectralFlow, initial_vorticity
from saibench.datamodules.field_dynamics.samplers import TrajectoryWindow
from saibench.datamodules.field_dynamics.starts import Starts
from saibench.datamodules.field_dynamics.transforms import (
    MovingFrame,
    Noisy,
    Reflected,
    Rotated,
    Translated,
)
from saibench.datamodules.samplers import Subset
from saibench.datamodules.stream import Ranks
from saibench.errors import UserError

SOURCE = KuramotoSivashinsky(
    trajectories=10, frames=21, points=32, length=22.0, transient=20.0, mu_low=1.0, mu_high=1.2
)
FIRST, LAST = TrajectoryWindow(0, 0.8), TrajectoryWindow(0.8, 1)


def data_module(cache: Path, **options: Any) -> FieldDynamicsDataModule:
    return FieldDynamicsDataModule(
        training=FIRST,
        subset=Subset(count=20),
        held_out="held_out",
        partitions={"held_out": {"samplers": [LAST]}},
        test=["held_out"],
        cache=str(cache),
        **{"source": SOURCE, "leads": 6, "stride": 1, "batch_size": 4, **options},
    )


def test_partitions_have_whole_trajectories(cache: Path) -> None:
    data = data_module(cache)
    index = data.index
    assert index.height == 10 * 15
    assert sorted(set(index[data.tests["held_out"].rows]["trajectory"])) == [8, 9]
    assert set(index[data.split[0].rows]["trajectory"]) <= set(range(8))
    assert data.independence().column == "trajectory"
    preview = data.preview_index()
    assert preview is not None
    assert preview.equals(index.drop("rms"))


def test_starts_and_ends_are_those_of_the_frames() -> None:
    starts = Starts(trajectories=2, frames=10, history=2, leads=3, stride=2)
    index = starts.index(pl.DataFrame({"mu": [1.0, 2.0]}), time_step=0.5, start=1.0)
    assert starts.frame.tolist() == [1, 3, 5] * 2
    assert index["time"].to_list() == [1.5, 2.5, 3.5] * 2
    assert index["end_time"].to_list() == [3.0, 4.0, 5.0] * 2
    assert index["mu"].to_list() == [1.0] * 3 + [2.0] * 3


def test_a_trajectory_that_is_too_short_is_refused(cache: Path) -> None:
    with pytest.raises(UserError, match="leads"):
        data_module(cache, leads=30).check()


def test_batches_are_the_frames_after_the_start(cache: Path) -> None:
    data = data_module(cache, history=2)
    rows = data.tests["held_out"].rows[:3]
    batch = data.batch_of(rows)
    values = data.trajectories.values
    for place, row in enumerate(rows):
        trajectory, frame = data.starts.trajectory[row], data.starts.frame[row]
        np.testing.assert_array_equal(
            batch.observed[place], values[trajectory, frame - 1 : frame + 1]
        )
        np.testing.assert_array_equal(
            batch.target[place], values[trajectory, frame + 1 : frame + 7]
        )
        assert batch.parameters[place, 0] == np.float32(SOURCE.mu[trajectory])


def test_training_batches_use_every_place_of_a_forecast_and_do_not_depend_on_ranks(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_module(cache, steps_per_round=40)
    monkeypatch.setattr("saibench.datamodules.structural.steps_begun", lambda trainer: 0)
    monkeypatch.setattr(FieldDynamicsDataModule, "attached", None)
    found = {}
    for size in (1, 2):
        found[size] = []
        for rank in range(size):
            ranks = Ranks(rank, size)
            monkeypatch.setattr(FieldDynamicsDataModule, "ranks", ranks)
            batches = list(data.loader(data.training_batches()))
            assert {batch.target.shape[1] for batch in batches} == {1}
            found[size] += [
                frame.numpy().tobytes() for batch in batches for frame in batch.observed
            ]
    assert sorted(found[1]) == sorted(found[2])
    assert len(set(found[1])) > 60  # of 20 forecasts with 6 places each


def test_training_is_on_a_coarser_grid_and_tests_on_the_whole(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saibench.datamodules.structural.steps_begun", lambda trainer: 0)
    monkeypatch.setattr(FieldDynamicsDataModule, "attached", None)
    monkeypatch.setattr(FieldDynamicsDataModule, "ranks", Ranks())
    data = data_module(cache, coarsen=4)
    coarse, whole = next(iter(data.val_dataloader())), data.batch_of(data.split[1].rows)
    assert next(iter(data.train_dataloader())).observed.shape[-1] == 8
    assert torch.equal(coarse.target, whole.target[..., ::4])
    with pytest.raises(UserError, match="coarsen"):
        data_module(cache, coarsen=3).check()


def test_features_tell_the_distance_to_the_training_starts(cache: Path) -> None:
    data = data_module(cache)
    own = data.features(data.split[0].rows)["spectral_distance"]
    other = data.features(data.tests["held_out"].rows)["spectral_distance"]
    assert other.mean() > own.mean()
    assert {field.name for field in data.feature_fields()} == set(
        data.features(data.split[0].rows).columns
    ) - {"sample_id"}


def ks(spectrum: np.ndarray, steps: int) -> np.ndarray:
    step = SpectralKS(64, 22.0, np.array([1.0])).stepper(0.02)
    for _ in range(steps):
        spectrum = step(spectrum)
    return np.fft.irfft(spectrum)


@pytest.mark.parametrize(
    "transform", [Translated(0.123), Reflected(), MovingFrame(0.7)], ids=lambda one: one.describe()
)
def test_transforms_map_solutions_to_solutions(transform) -> None:
    start = initial_waves(np.array([1.0]), 64, seed=0)
    end = ks(np.fft.rfft(start), 50)
    frames = torch.from_numpy(np.stack([start, end], axis=1)[:, :, None])
    times, ids = torch.tensor([0.0, 1.0]), torch.tensor([0])
    moved = transform.apply(frames, times, (22.0,), ids)[0, :, 0].numpy()
    np.testing.assert_allclose(ks(np.fft.rfft(moved[:1]), 50)[0], moved[1], atol=1e-6)


@pytest.mark.parametrize("transform", [Translated(0.2), Rotated(1), Reflected()])
def test_transforms_map_flows_to_flows(transform) -> None:
    flow = SpectralFlow(32, np.array([0.01]))
    step = flow.stepper(0.02)

    def after(field: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft2(field)
        for _ in range(20):
            spectrum = step(spectrum)
        return flow.field(spectrum)

    start = initial_vorticity(np.array([2.0]), np.array([0]), 32, seed=0)
    frames = torch.from_numpy(np.stack([start, after(start)], axis=1)[:, :, None])
    lengths, ids = (2 * np.pi, 2 * np.pi), torch.tensor([0])
    moved = transform.apply(frames, torch.tensor([0.0, 0.4]), lengths, ids)[0, :, 0].numpy()
    np.testing.assert_allclose(after(moved[:1])[0], moved[1], atol=1e-6)


def test_noise_is_on_observed_frames_and_the_same_in_any_batch() -> None:
    frames = torch.randn(3, 4, 1, 64, generator=torch.Generator().manual_seed(0))
    times, ids = torch.tensor([-1.0, 0.0, 1.0, 2.0]), torch.tensor([5, 6, 7])
    noisy = Noisy(0.1).apply(frames, times, (1.0,), ids)
    assert torch.equal(noisy[:, 2:], frames[:, 2:])
    change = (noisy - frames)[:, :2].std() / frames.std()
    assert 0.08 < change < 0.12
    torch.testing.assert_close(Noisy(0.1).apply(frames[1:2], times, (1.0,), ids[1:2]), noisy[1:2])


def test_a_moving_frame_needs_one_dimension() -> None:
    with pytest.raises(UserError, match="MovingFrame"):
        MovingFrame().apply(torch.zeros(1, 1, 1, 8, 8), torch.zeros(1), (1.0, 1.0), torch.zeros(1))


def test_a_value_that_is_not_finite_is_named_by_trajectory_time_and_field() -> None:
    values = np.zeros((3, 5, 2, 8), dtype=np.float32)
    values[1, 2:4, 1, :3] = np.nan
    data = Trajectories(values, ("u", "v"), 0.5, (1.0,), "hash")
    with pytest.raises(UserError, match=r"file, trajectory 1: .*'v'.* 3 points of frame 2 .time 1"):
        check_trajectories(data, "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ("u",)}, "shape"),
        ({"lengths": (1.0, 1.0)}, "axes"),
        ({"parameters": {"mu": np.array([1.0, np.nan, 2.0])}}, "mu"),
        ({"parameters": {"mu": np.array([1.0])}}, "mu"),
    ],
)
def test_trajectories_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    fields = {
        "values": np.zeros((3, 5, 2, 8), dtype=np.float32),
        "channels": ("u", "v"),
        "time_step": 0.5,
        "lengths": (1.0,),
        "data_hash": "hash",
    }
    with pytest.raises(UserError, match=message):
        check_trajectories(Trajectories(**(fields | changes)), "file")


def test_a_net_takes_data_of_its_fields_and_time_step(cache: Path) -> None:
    trained = data_module(cache).dataset_info()
    finer = replace(SOURCE, points=48)
    adopted = data_module(cache, source=finer).adopt(trained)
    assert adopted["grid"] == [48] and adopted["mean"] == trained["mean"]
    for other, name in (
        (replace(finer, time_step=2.0), "time_step"),
        (Lorenz63(5, 60), "channels"),
    ):
        with pytest.raises(UserError, match=name):
            data_module(cache, source=other).adopt(trained)
