"""Errors of fields against numpy by formula, Parseval's theorem, and what must be refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from saibench.metrics.conformance import assert_metric_conforms
from saibench.metrics.field_dynamics import FieldErrorByLead, ReconstructionError, ValidTime
from saibench.metrics.field_dynamics.functional.errors import (
    energy,
    mean_squared_error,
    nrmse,
    relative_l2,
    valid_leads,
    vrmse,
)
from saibench.metrics.field_dynamics.functional.spectra import (
    amplitude_and_phase,
    band_rmse,
    error_power,
    power_by_wavenumber,
    spectrum_distance,
)

LEADS = 3


def fields(samples: int, seed: int = 0, grid: tuple[int, ...] = (16,), channels: int = 2):
    generator = torch.Generator().manual_seed(seed)
    shape = (samples, LEADS, channels, *grid)
    target = torch.randn(shape, generator=generator, dtype=torch.float64)
    return target + 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64), target


def vrmse_by_loop(preds: Tensor, target: Tensor) -> np.ndarray:
    p, t = preds.double().numpy(), target.double().numpy()
    found = np.empty(p.shape[:3])
    for place in np.ndindex(*found.shape):
        found[place] = np.sqrt(((p[place] - t[place]) ** 2).mean() / (t[place].var(ddof=1) + 1e-7))
    return found.mean(axis=2)


def nrmse_by_loop(preds: Tensor, target: Tensor) -> np.ndarray:
    p, t = preds.double().numpy(), target.double().numpy()
    found = np.empty(p.shape[:3])
    for place in np.ndindex(*found.shape):
        found[place] = np.linalg.norm(p[place] - t[place]) / np.linalg.norm(t[place])
    return found.mean(axis=2)


def means_by_loop(preds: Tensor, target: Tensor) -> dict:
    if not len(preds):
        return {name: torch.full((LEADS,), torch.nan) for name in ("vrmse", "nrmse")} | {"count": 0}
    return {
        "vrmse": vrmse_by_loop(preds, target).mean(axis=0),
        "nrmse": nrmse_by_loop(preds, target).mean(axis=0),
        "count": len(preds),
    }


def time_by_loop(preds: Tensor, target: Tensor, lead_time: Tensor) -> dict:
    p, t = preds.double().numpy(), target.double().numpy()
    total = 0.0
    for own, true, unit in zip(p, t, lead_time.double().tolist(), strict=True):
        for lead in range(LEADS):
            if np.sqrt((((own[lead] - true[lead]) / 0.8) ** 2).mean()) > 0.4:
                break
            total += unit
    return {"time": total / len(p) if len(p) else np.nan, "count": len(p)}


def test_errors_by_lead_conform() -> None:
    batches = [fields(4), fields(3, seed=1)]
    assert_metric_conforms(lambda: FieldErrorByLead(LEADS), batches, means_by_loop)


def test_valid_time_conforms() -> None:
    batches = [(*fields(samples, seed), torch.rand(samples, dtype=torch.float64) + 0.1)
               for seed, samples in enumerate((5, 3))]  # fmt: skip
    assert_metric_conforms(lambda: ValidTime([0.8, 0.8], limit=0.4), batches, time_by_loop)


@pytest.mark.parametrize("grid", [(16,), (8, 12), ()])
def test_errors_equal_numpy(grid: tuple[int, ...]) -> None:
    preds, target = fields(2, grid=grid, channels=3)
    one_field = (p.unsqueeze(2) if not grid else p for p in (preds, target))
    own, true = one_field
    np.testing.assert_allclose(vrmse(preds, target), vrmse_by_loop(own, true))
    np.testing.assert_allclose(nrmse(preds, target), nrmse_by_loop(own, true))
    expected = [
        np.linalg.norm(p - t) / np.linalg.norm(t) for p, t in zip(preds, target, strict=True)
    ]
    np.testing.assert_allclose(relative_l2(preds, target), expected)


def test_a_frame_predicted_by_its_mean_has_a_vrmse_of_one() -> None:
    _, target = fields(2, grid=(4096,))
    mean = target.mean(dim=-1, keepdim=True).expand_as(target)
    np.testing.assert_allclose(vrmse(mean, target), 1, atol=2e-4)  # √(1 − 1/N)


@pytest.mark.parametrize("grid", [(16,), (15,), (8, 12)])
def test_parts_of_the_spectrum_sum_to_the_mean_square(grid: tuple[int, ...]) -> None:
    preds, target = fields(2, grid=grid)
    error = mean_squared_error(preds, target)
    np.testing.assert_allclose(error_power(preds, target).sum(-1), error)
    np.testing.assert_allclose(power_by_wavenumber(target).sum((-1, -2)) / 2, energy(target))
    parts = amplitude_and_phase(preds, target)
    np.testing.assert_allclose(parts.amplitude + parts.phase, error.mean(dim=2))
    one = band_rmse(preds[:, :, :1], target[:, :, :1])
    np.testing.assert_allclose(one.square().sum(-1), error[:, :, 0])


def test_a_translated_wave_has_an_error_of_phase_alone_and_a_weaker_one_of_amplitude() -> None:
    x = 2 * torch.pi * torch.arange(32, dtype=torch.float64) / 32
    wave = torch.cos(5 * x).view(1, 1, 1, 32)
    moved = amplitude_and_phase(torch.roll(wave, 1, dims=-1), wave)
    assert moved.amplitude.item() < 1e-20 < moved.phase.item()
    weaker = amplitude_and_phase(wave / 2, wave)
    assert abs(weaker.phase.item()) < 1e-20
    assert weaker.amplitude.item() == pytest.approx(0.125)
    low, middle, high = band_rmse(wave / 2, wave).flatten().tolist()
    assert middle == pytest.approx(np.sqrt(0.125))
    assert max(low, high) < 1e-12


def test_spectra_of_translated_fields_are_equal() -> None:
    _, target = fields(2)
    moved = torch.roll(target, 3, dims=-1)
    assert spectrum_distance(moved, target).abs().max() < 1e-9
    halved = spectrum_distance(target / 2, target)
    np.testing.assert_allclose(halved, np.log(4), rtol=1e-3)


def test_a_rollout_that_blew_up_has_an_infinite_error_and_no_further_valid_time() -> None:
    preds, target = fields(1)
    preds[:, 1:] = torch.inf
    errors = vrmse(preds, target)
    assert torch.isinf(errors[0, 1:]).all() and errors[0, 0].isfinite()
    assert valid_leads(torch.tensor([[0.1, torch.nan, 0.1]])).tolist() == [1]


def test_a_true_value_that_is_not_finite_is_refused() -> None:
    preds, target = fields(1)
    with pytest.raises(ValueError, match="true values"):
        FieldErrorByLead(LEADS).update(preds, torch.full_like(target, torch.inf))


def reconstruction_by_norms(preds: Tensor, target: Tensor) -> dict[str, np.ndarray | int]:
    error, true = (one.double().numpy().reshape(-1, 32) for one in (preds - target, target))
    ratios = {order: 100 * np.linalg.norm(error, order) / np.linalg.norm(true, order)
              for order in (2, "fro")}  # fmt: skip
    return {
        "official": ratios[2],
        "l2": ratios["fro"],
        "frames": len(true),
    }


def test_reconstruction_error_is_of_the_whole_matrix() -> None:
    batches = [fields(samples, seed) for seed, samples in enumerate((2, 4, 1, 5))]
    assert_metric_conforms(lambda: ReconstructionError(values=32), batches, reconstruction_by_norms)


def test_infinite_reconstruction_has_an_infinite_error() -> None:
    preds, target = fields(2)
    preds[0, 0] = torch.inf
    metric = ReconstructionError(values=32)
    metric.update(preds, target)
    assert metric.compute()["official"].isinf()
