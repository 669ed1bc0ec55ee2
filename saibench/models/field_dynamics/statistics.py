"""Statistics of a tested forecast, with unit and normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, Statistic, crossed
from saibench.metrics.field_dynamics.functional.common_task import (
    LONG_FRAMES,
    LONG_ROWS,
    SHORT_FRAMES,
    histogram_error,
    short_time_error,
    spectral_error,
)
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
"""Windows of frames over which The Well averages the VRMSE of a rollout, counted from 0, the last
exclusive."""


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
    if info["has_lyapunov_time"]:
        found.append(_lead_time(axis))
    if grid:
        found += _of_grid(axis, grid)
    found += _common_task(info)
    return [*found, _equivariance()] if symmetry else found


def _valid_time(has_lyapunov_time: bool) -> Statistic:
    unit = "Lyapunov times" if has_lyapunov_time else "time units"
    describe = "time before the error first exceeds half a standard deviation"
    summaries = {"valid_time": "mean"}
    return Statistic("valid_time", unit, "forecast", describe, summaries=summaries)


def _lead_time(axis: Axis) -> Statistic:
    """A feature of trusted ranges: frames of trajectories with other parameters are comparable."""
    describe = "time between the last observed and the predicted frame"
    return Statistic("lead_time", "Lyapunov times", "frame", describe, axis, known=BEFORE)


def _window(first: int, last: int) -> Statistic:
    describe = f"VRMSE, mean over the predicted frames {first + 1} to {last}, from 1"
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


def _common_task(info: Mapping[str, Any]) -> list[Statistic]:
    """Errors of the Common Task Framework, if forecasts are long enough: 100 − its scores."""
    short = "error of the first 20 frames by the Common Task Framework: 100 − E1"
    long = "its long-time error: 100 − E2"
    described = {
        "ctf_short_error": f"{short}, by the largest singular values",
        "ctf_short_error_l2": f"{short}, by the relative L2 error",
        "ctf_long_error": long,
        "ctf_long_error_fixed_bins": f"{long}, in bins of the truth",
    }
    values = ctf_names(info)
    return [
        Statistic(name, "%", "forecast", text, summaries={name: "mean"}, failures=True)
        for name, text in described.items()
        if name in values
    ]


def ctf_names(info: Mapping[str, Any]) -> set[str]:
    """The errors of the Common Task Framework that forecasts of these data have."""
    found = {"ctf_short_error", "ctf_short_error_l2"} if info["leads"] >= SHORT_FRAMES else set()
    if len(info["grid"]) == 1 and len(info["channels"]) == 1 and info["leads"] >= LONG_FRAMES:
        found |= {"ctf_long_error"}
    if not info["grid"] and info["leads"] >= LONG_ROWS:
        found |= {"ctf_long_error", "ctf_long_error_fixed_bins"}
    return found


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
    if info["has_lyapunov_time"]:
        leads = torch.arange(1, info["leads"] + 1, device=preds.device)
        values["lead/lead_time"] = leads * info["time_step"] / lyapunov_time.double()[:, None]
    for first, last in windows_of(info["leads"]):
        values[f"vrmse_{first}_{last}"] = by_lead[:, first:last].mean(dim=1)
    values |= common_task_errors(preds, target, info)
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


def common_task_errors(preds: Tensor, target: Tensor, info: Mapping[str, Any]) -> dict[str, Tensor]:
    """Values of the errors of `ctf_names`."""
    names, found = ctf_names(info), {}
    if "ctf_short_error" in names:
        found["ctf_short_error"] = short_time_error(preds, target)
        found["ctf_short_error_l2"] = short_time_error(preds, target, frobenius=True)
    if "ctf_long_error_fixed_bins" in names:
        found["ctf_long_error"] = histogram_error(preds, target)
        found["ctf_long_error_fixed_bins"] = histogram_error(preds, target, corrected=True)
    elif "ctf_long_error" in names:
        found["ctf_long_error"] = spectral_error(preds, target)
    return found


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
