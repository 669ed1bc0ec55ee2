"""Statistics of a tested forecast, with unit and normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, Statistic, crossed
from saibench.metrics.field_dynamics.functional.errors import (
    energy,
    mean_drift,
    mean_squared_error,
    nrmse,
    relative_l2,
    standardised_error,
    valid_leads,
    vrmse,
)
from saibench.metrics.field_dynamics.functional.spectra import (
    BANDS,
    amplitude_and_phase,
    band_rmse,
    error_power,
    num_wavenumbers,
    power_by_wavenumber,
    spectrum_distance,
)

WELL_WINDOWS = ((6, 12), (13, 30))
"""Windows of frames over which The Well averages the VRMSE of a rollout, the last exclusive."""


def lead_axis(leads: int) -> Axis:
    """Predicted frames, counted from 1."""
    return Axis("lead", tuple(range(1, leads + 1)))


def band_axis() -> Axis:
    """Bands of wavenumbers."""
    return Axis("band", tuple(BANDS))


def wavenumber_axis(grid: Sequence[int]) -> Axis:
    """Waves per domain."""
    return Axis("wavenumber", tuple(range(num_wavenumbers(grid))))


def windows_of(leads: int) -> list[tuple[int, int]]:
    """The Well's windows that a forecast of this many leads has."""
    return [window for window in WELL_WINDOWS if window[1] <= leads]


def field_statistics(info: Mapping[str, Any], symmetry: bool = False) -> list[Statistic]:
    """Errors of a forecast, and of its frames by lead.

    Args:
        info: `dataset_info` of the data module.
        symmetry: whether a symmetry is tested.
    """
    axis, grid = lead_axis(info["leads"]), info["grid"]
    whole = "relative L2 error of all predicted frames"
    scaled = "root mean squared error in standard deviations"
    found = [
        _error("relative_l2", "forecast", whole, None),
        _error("vrmse", "frame", "VRMSE, mean over the predicted frames", None),
        _valid_time(info["has_lyapunov_time"]),
        *(_window(first, last) for first, last in windows_of(info["leads"])),
        _error("vrmse", "frame", "VRMSE", axis),
        _error("nrmse", "frame", "relative L2 error of the frame", axis),
        _error("standardised_error", "frame", scaled, axis),
        *_prediction_and_truth("energy", "frame", "half the mean square of the {} fields", axis),
    ]
    if grid:
        found += _of_grid(axis, grid)
    return [*found, _equivariance()] if symmetry else found


def _valid_time(has_lyapunov_time: bool) -> Statistic:
    unit = "Lyapunov times" if has_lyapunov_time else "time units"
    describe = "time before the error first exceeds half a standard deviation"
    summaries = {"valid_time": "mean"}
    return Statistic("valid_time", unit, "forecast", describe, summaries=summaries)


def _window(first: int, last: int) -> Statistic:
    describe = f"VRMSE, mean over the predicted frames {first} to {last - 1}"
    return _error(f"vrmse_{first}_{last}", "frame", describe, None)


def _equivariance() -> Statistic:
    describe = (
        "relative L2 distance of the next frame predicted from the transformed one, and the "
        "transformed prediction"
    )
    name, per = "equivariance_error", "forecast"
    return Statistic(name, "", per, describe, summaries={name: "mean"}, failures=True, known=BEFORE)


def _prediction_and_truth(name: str, per: str, describe: str, axis: Axis) -> list[Statistic]:
    """A property of the true and of the predicted fields."""
    return [
        Statistic(f"true_{name}", "", per, describe.format("true"), axis),
        Statistic(
            f"predicted_{name}",
            "",
            per,
            describe.format("predicted"),
            axis,
            failures=True,
            known=BEFORE,
        ),
    ]


def _of_grid(axis: Axis, grid: Sequence[int]) -> list[Statistic]:
    waves, bands = wavenumber_axis(grid), crossed(axis, band_axis())
    parts = {
        "mse": "mean squared error",
        "amplitude_part": "mean squared error of the amplitudes of the waves",
        "phase_part": "mean squared error of the phases of the waves",
    }
    return [
        *(_error(name, "point", describe, axis, {}) for name, describe in parts.items()),
        _error("mean_drift", "frame", "absolute error of the mean of the field", axis, {}),
        _error("band_rmse", "frame", "root mean squared error of a band", bands, {}),
        _error("error_power", "wavenumber", "power of the error, mean over leads", waves, {}),
        *_prediction_and_truth(
            "power", "wavenumber", "power of the {} fields, mean over leads", waves
        ),
        _error(
            "spectrum_distance",
            "forecast",
            "mean absolute difference of the logarithmic spectra of prediction and truth",
            None,
        ),
    ]


def forecast_errors(
    preds: Tensor, target: Tensor, info: Mapping[str, Any], lyapunov_time: Tensor
) -> dict[str, Tensor]:
    """Values of `field_statistics`, NaN or infinite where a rollout blew up.

    Args:
        preds, target: `(B, L, C, *grid)` in the unit of the data.
        info: `dataset_info` of the data module.
        lyapunov_time: `(B,)`.
    """
    std = torch.tensor(info["std"], device=preds.device)
    by_lead, scaled = vrmse(preds, target), standardised_error(preds, target, std)
    values = {
        "relative_l2": relative_l2(preds, target),
        "vrmse": by_lead.mean(dim=1),
        "valid_time": valid_leads(scaled) * info["time_step"] / lyapunov_time.double(),
        "lead/vrmse": by_lead,
        "lead/nrmse": nrmse(preds, target),
        "lead/standardised_error": scaled,
        "lead/true_energy": energy(target),
        "lead/predicted_energy": energy(preds),
    }
    for first, last in windows_of(info["leads"]):
        values[f"vrmse_{first}_{last}"] = by_lead[:, first:last].mean(dim=1)
    if not info["grid"]:
        return values
    parts = amplitude_and_phase(preds, target)
    return values | {
        "lead/mse": mean_squared_error(preds, target).mean(dim=2),
        "lead/amplitude_part": parts.amplitude,
        "lead/phase_part": parts.phase,
        "lead/mean_drift": mean_drift(preds, target),
        "lead_band/band_rmse": band_rmse(preds, target),
        "wavenumber/error_power": error_power(preds, target).mean(dim=(1, 2)),
        "wavenumber/true_power": power_by_wavenumber(target).mean(dim=(1, 2)),
        "wavenumber/predicted_power": power_by_wavenumber(preds).mean(dim=(1, 2)),
        "spectrum_distance": spectrum_distance(preds, target),
    }


def _error(
    name: str,
    per: str,
    describe: str,
    axis: Axis | None,
    summaries: Mapping[str, str] | None = None,
) -> Statistic:
    """An error that may be infinite, whose mean and median are metrics."""
    if summaries is None:
        summaries = (
            {name: "mean", f"{name}_median": "quantile_0.5"} if axis is None else {name: "mean"}
        )
    return Statistic(name, "", per, describe, axis, summaries, failures=True)
