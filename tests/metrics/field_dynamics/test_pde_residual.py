"""The residual of the equation: of waves by formula, of the solvers' own forecasts, of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saibench.datamodules.field_dynamics.kuramoto_sivashinsky import SpectralKS, initial_waves
from saibench.datamodules.field_dynamics.navier_stokes import SpectralFlow, initial_vorticity
from saibench.metrics.field_dynamics.functional.equations import kuramoto_sivashinsky, navier_stokes
from saibench.metrics.field_dynamics.functional.pde_residual import RESIDUAL_FRAMES, pde_residual

POINTS, LENGTH, MU = 96, 50.0, np.array([0.7, 1.0])
FLOW_POINTS, NU = 32, np.array([0.01, 0.02])


def residual_of_ks(frames: np.ndarray, step: float, mu: np.ndarray = MU) -> np.ndarray:
    equation = kuramoto_sivashinsky((POINTS,), (LENGTH,), {"mu": torch.from_numpy(mu)})
    return pde_residual(torch.tensor(frames)[:, :, None], equation, step).numpy()


def residual_of_flow(frames: np.ndarray, step: float, nu: np.ndarray, forcing: float = 0.0):
    grid = (FLOW_POINTS, FLOW_POINTS)
    parameters = {"viscosity": torch.from_numpy(nu)}
    equation = navier_stokes(grid, (2 * np.pi, 2 * np.pi), parameters, forcing)
    return pde_residual(torch.tensor(frames)[:, :, None], equation, step).numpy()


def of_a_wave(rate: float, growth: float, step: float) -> float:
    """Of u_n = growthⁿ cos(k x) with u_t = rate · u, by hand: the weight of the wave cancels."""
    change = (growth - 1 / growth) / (2 * step)
    linear = rate * (1 / growth + 4 + growth) / 6
    return abs(change - linear) / np.hypot(change, linear)


@pytest.fixture(scope="module")
def solution() -> np.ndarray:
    """Frames `(2, T, N)` of the solver on the attractor, 0.05 apart, in double precision."""
    advance = SpectralKS(POINTS, LENGTH, MU).stepper(0.05)
    state, frames = np.fft.rfft(initial_waves(np.ones(2), POINTS, seed=1)), []
    for number in range(1200 + 20 * (RESIDUAL_FRAMES + 2)):
        state = advance(state)
        if number >= 1200:
            frames.append(np.fft.irfft(state, n=POINTS))
    return np.stack(frames, axis=1)


@pytest.mark.parametrize("growth", [0.8, 1.0, 1.3])
def test_residual_of_a_wave_that_grows_at_another_rate(growth: float) -> None:
    """A small wave of the Kuramoto–Sivashinsky equation, and any of a flow, is linear."""
    k, step = 2 * np.pi * 3 / LENGTH, 0.5
    x = np.arange(POINTS) * LENGTH / POINTS
    powers = growth ** np.arange(4)
    frames = np.broadcast_to(1e-9 * powers[:, None] * np.cos(k * x), (2, 4, POINTS))
    expected = [of_a_wave(k**2 - mu * k**4, growth, step) for mu in MU]
    np.testing.assert_allclose(residual_of_ks(frames, step), expected, rtol=1e-6)

    y = 2 * np.pi * np.arange(FLOW_POINTS) / FLOW_POINTS
    wave = 5 * np.cos(3 * y[:, None] + 2 * y)
    frames = np.broadcast_to(powers[:, None, None] * wave, (2, 4, *wave.shape))
    expected = [of_a_wave(-13 * nu, growth, step) for nu in NU]
    np.testing.assert_allclose(residual_of_flow(frames, step, NU), expected, rtol=1e-6)


def test_solution_has_the_residual_of_the_rule_in_time(solution: np.ndarray) -> None:
    """h⁴/180 ∂⁵u/∂t⁵, by central differences of frames 0.05 apart, with the terms by NumPy.

    The next term of the rule is h²ω²/21 of it for a frequency ω, and ω is up to 5 here.
    """
    every = 5
    step = 0.05 * every
    found = residual_of_ks(solution[:, ::every], step)

    equation, coarse = SpectralKS(POINTS, LENGTH, MU), np.arange(1, RESIDUAL_FRAMES + 1) * every
    k = 2 * np.pi / LENGTH * np.arange(POINTS // 2 + 1)
    speed = np.sqrt(np.square(solution[:, 0]).mean(axis=1, keepdims=True))
    weight = 1 / (1 + step * np.abs(equation.linear) + (step * k * speed) ** 4)
    spectra = np.fft.rfft(solution)
    stencil = {-3: -0.5, -2: 2, -1: -2.5, 1: 2.5, 2: -2, 3: 0.5}
    fifth = sum(factor * spectra[:, coarse + at] for at, factor in stencil.items()) / 0.05**5
    rates = [
        np.stack([term(spectra[:, at]) for at in coarse], axis=1)
        for term in (lambda u: equation.linear * u, equation.nonlinear)
    ]

    def size(spectrum: np.ndarray) -> np.ndarray:
        return np.square(np.fft.irfft(weight[:, None] * spectrum, n=POINTS)).sum(axis=(1, 2))

    terms = size(rates[0]) + size(rates[1]) + size(rates[0] + rates[1])
    expected = np.sqrt(size(step**4 / 180 * fifth) / terms)
    np.testing.assert_allclose(found, expected, rtol=0.1)
    assert found.max() < 1e-3


def test_forecasts_with_wrong_parameters_or_noise_are_above_the_solution(
    solution: np.ndarray,
) -> None:
    """ΔL u is the residual of a wrong μ; white noise on the frames gives its own size."""
    frames, step = solution[:, ::5], 0.25
    exact = residual_of_ks(frames, step)
    wrong = [residual_of_ks(frames, step, MU + change) for change in (0.01, 0.02, 0.04)]
    assert (wrong[0] > 3 * exact).all()
    np.testing.assert_allclose(wrong[2] / wrong[1], 2, rtol=0.05)
    noise = np.random.default_rng(0).standard_normal(frames.shape)
    noisy = [residual_of_ks(frames + level * noise, step) for level in (0.001, 0.002)]
    assert (noisy[0] > 3 * exact).all()
    np.testing.assert_allclose(noisy[1] / noisy[0], 2, rtol=0.05)


def test_only_the_first_frames_count(solution: np.ndarray) -> None:
    frames = solution[:, ::20].copy()
    first = residual_of_ks(frames, 1.0)
    longer = np.concatenate([frames, np.zeros_like(frames)], axis=1)
    np.testing.assert_array_equal(residual_of_ks(longer, 1.0), first)
    assert residual_of_ks(0 * frames, 1.0).tolist() == [0, 0]
    frames[0, 1] = np.nan  # a rollout that blew up
    assert np.isnan(residual_of_ks(frames, 1.0)).tolist() == [True, False]


def test_flow_solves_its_equation_with_and_without_a_force() -> None:
    """Of the fourth order in the time between frames; Kolmogorov's flow is steady."""
    flow = SpectralFlow(FLOW_POINTS, NU, forcing=0.5)
    advance, frames = flow.stepper(0.01), []
    state = np.fft.rfft2(initial_vorticity(np.full(2, 2.0), np.arange(2), FLOW_POINTS, 0))
    for _ in range(30):
        state = advance(state)
        frames.append(flow.field(state))
    solved = np.stack(frames, axis=1)
    fine, coarse = (
        residual_of_flow(solved[:, [20 - every, 20, 20 + every]], 0.01 * every, NU, 0.5)
        for every in (2, 4)
    )
    assert coarse.max() < 1e-3
    np.testing.assert_allclose(np.log2(coarse / fine), 4, atol=0.2)
    assert (residual_of_flow(solved[:, [19, 20, 21]], 0.01, NU) > 100 * coarse).all()

    y = 2 * np.pi * np.arange(FLOW_POINTS) / FLOW_POINTS
    steady = 0.5 * np.cos(4 * y)[:, None] / (16 * NU[:, None, None])
    still = np.broadcast_to(steady[:, None], (2, 4, FLOW_POINTS, FLOW_POINTS))
    assert residual_of_flow(still, 0.1, NU, 0.5).max() < 1e-12


def test_terms_are_those_of_the_solvers(solution: np.ndarray) -> None:
    field = np.random.default_rng(0).standard_normal((2, 1, 1, FLOW_POINTS, FLOW_POINTS))
    nu = {"viscosity": torch.from_numpy(NU)}
    flow = navier_stokes((FLOW_POINTS, FLOW_POINTS), (2 * np.pi, 2 * np.pi), nu, forcing=0.5)
    spectrum, own = flow.spectrum(torch.from_numpy(field)), SpectralFlow(FLOW_POINTS, NU, 0.5)
    at_once = spectrum[:, 0, 0].numpy()
    np.testing.assert_allclose(flow.linear[:, 0, 0], own.linear, rtol=1e-12)
    np.testing.assert_allclose(flow.nonlinear(spectrum)[:, 0, 0], own.nonlinear(at_once), atol=1e-9)
    for component, expected in enumerate(own.velocity(at_once)):
        np.testing.assert_allclose(flow.velocity(spectrum)[:, 0, component], expected, atol=1e-12)
    assert flow.wavenumber[-1, 2].item() == pytest.approx(np.sqrt(5))
