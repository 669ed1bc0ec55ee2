"""Forecasts that a report displays."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.module import FieldDynamicsDataModule
from saibench.datamodules.field_dynamics.starts import RMS, TIME, TRAJECTORY
from saibench.evidence.field_dynamics.saved_forecasts import SavedForecasts, saved_forecasts
from saibench.formatting import number


def choose_forecasts(tested: pl.DataFrame, data: FieldDynamicsDataModule) -> dict[int, str]:
    """Reason by sample id of the tested forecasts of median and of largest amplitude.

    They depend on the data alone, so that all models of a study save the same ones.
    """
    rows = tested.unique("sample_id").sort(RMS, "sample_id")["sample_id"].to_list()
    chosen = {rows[len(rows) // 2]: "median amplitude at the start"}
    return chosen | {rows[-1]: "largest amplitude at the start"}


def forecasts_of(
    rows: np.ndarray, why: np.ndarray, module: Any, data: FieldDynamicsDataModule
) -> SavedForecasts:
    """The truth and the forecasts of these rows, from the last observed frame on."""
    batch = data.batch_of(rows).to(module.device)
    last = batch.observed[:, -1:].cpu().numpy()
    truth, predicted = batch.target.cpu().numpy(), module(batch).float().cpu().numpy()
    trajectories = data.trajectories
    return saved_forecasts(
        batch.sample_id.cpu().numpy(),
        why,
        _about(data.index[rows], list(trajectories.parameters)),
        trajectories.channels,
        trajectories.time_step * np.arange(truth.shape[1] + 1),
        trajectories.lengths,
        np.concatenate([last, truth], axis=1),
        np.concatenate([last, predicted], axis=1),
    )


def _about(index: pl.DataFrame, parameters: list[str]) -> np.ndarray:
    known = [TRAJECTORY, TIME, *parameters]
    texts = [
        ", ".join(f"{name} {number(row[name], 3)}" for name in known)
        for row in index.iter_rows(named=True)
    ]
    return np.array(texts)
