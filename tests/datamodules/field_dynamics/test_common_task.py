"""The pairs of the Common Task Framework: their rows, noise and truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from saibench.datamodules.field_dynamics.common_task.matrices import (
    KuramotoSivashinskyTask,
    LorenzTask,
)
from saibench.datamodules.field_dynamics.common_task.module import CommonTaskDataModule
from saibench.datamodules.field_dynamics.common_task.pairs import PairStarts
from saibench.datamodules.field_dynamics.lorenz import Lorenz63
from saibench.datamodules.field_dynamics.transforms import OneStep
from saibench.datamodules.samplers import Chain, Subset, Where
from saibench.errors import UserError

ROWS, FEW, LEADS, HISTORY = 300, 30, 100, 3
SOURCE = LorenzTask(rows=ROWS, few=FEW, forecast=LEADS, parameter=28.0, time_step=0.05,
                    solver_step=0.01, transient=5.0, seed=1)  # fmt: skip


def pairs(cache: Path) -> CommonTaskDataModule:
    training = Chain((Where(by="trajectory", equals=1), Where(by="pair", equals=0)))
    forecast = {"samplers": [Where(by="pair", equals=3)]}
    rebuilt = {"samplers": [Where(by="pair", equals=2)], "transform": OneStep()}
    return CommonTaskDataModule(
        training=training,
        validation=Where(by="pair", equals=0),
        subset=Subset(count=20),
        held_out="forecast",
        partitions={"forecast": forecast, "rebuilt": rebuilt},
        test=["forecast", "rebuilt"],
        cache=str(cache),
        source=SOURCE,
        history=HISTORY,
        leads=LEADS,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> CommonTaskDataModule:
    return pairs(tmp_path_factory.mktemp("pairs"))


def test_training_samples_end_with_the_measured_rows(data: CommonTaskDataModule) -> None:
    row = (pl.col("end_time") / 0.05).round().max()
    found = data.index.filter(pair=0).group_by("trajectory").agg(row=row).sort("trajectory")
    assert found["row"].to_list() == [ROWS - 1] * 3 + [FEW - 1] * 2 + [ROWS - 1] * 3


def test_forecasts_start_at_the_last_measured_row(data: CommonTaskDataModule) -> None:
    index = data.index
    row = (index["time"] / 0.05).round().to_numpy()
    pair, trajectory = index["pair"].to_numpy(), index["trajectory"].to_numpy()
    last = {one: int(row[pair == one][0]) for one in (1, 3, 5, 6, 7, 8, 9)}
    assert last == {1: 299, 3: 299, 5: 299, 6: 29, 7: 29, 8: 299, 9: 299}
    assert [int(trajectory[pair == one][0]) for one in last] == [0, 1, 2, 3, 4, 8, 9]
    assert row[pair == 2].tolist() == row[pair == 4].tolist() == [2, 102, 202]


def test_noise_has_its_level_and_the_tests_the_truth(data: CommonTaskDataModule) -> None:
    known = data.trajectories
    error = (known.values - known.truth).astype(np.float64)
    relative = error.std(axis=1) / known.truth.std(axis=1, dtype=np.float64)
    expected = np.broadcast_to(SOURCE.noise[:, None], relative.shape)
    # the standard deviation of n normal numbers has the relative error 1/√(2n)
    assert np.abs(relative - expected).max() < 5 * SOURCE.high_noise / np.sqrt(2 * SOURCE.frames)
    batch = data.batch_of(data.tests["forecast"].rows)
    assert batch.measured is None
    assert np.array_equal(batch.observed[0].numpy(), known.values[1, ROWS - HISTORY : ROWS])
    assert np.array_equal(batch.target[0].numpy(), known.truth[1, ROWS : ROWS + LEADS])
    rebuilt = data.batch_of(data.tests["rebuilt"].rows, transform=OneStep())
    assert np.array_equal(rebuilt.measured[1].numpy(), known.values[1, 103:203])
    assert np.array_equal(rebuilt.target[1].numpy(), known.truth[1, 103:203])


def test_training_has_measured_frames(data: CommonTaskDataModule) -> None:
    row = int(data.split[0].rows[0])
    batch = data._drawn((np.array([row]), np.array([0])), 1.0)
    frame = data.starts.frame[row]
    assert np.array_equal(batch.target[0, 0].numpy(), data.trajectories.values[1, frame + 1])


def test_parameters_are_interpolated_and_extrapolated() -> None:
    mu = KuramotoSivashinskyTask(spread=0.1).parameters
    assert mu[5:].tolist() == pytest.approx([0.9, 1.0, 1.1, 1.05, 1.2])
    assert mu[:5].tolist() == [1.0] * 5


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.few=301"):
        LorenzTask(rows=300, few=301)
    with pytest.raises(UserError, match=r"datamodule\.history=29"):
        PairStarts(SOURCE, history=29, leads=LEADS, unroll=1)
    with pytest.raises(UserError, match=r"datamodule\.leads=101"):
        PairStarts(SOURCE, history=HISTORY, leads=101, unroll=1)
    with pytest.raises(UserError, match="data=common_task_ks"):
        CommonTaskDataModule(
            training=Where(by="pair", equals=0), subset=Subset(), held_out="all",
            partitions={"all": {"samplers": []}}, test=["all"], cache=str(tmp_path),
            source=Lorenz63(),
        )  # fmt: skip
