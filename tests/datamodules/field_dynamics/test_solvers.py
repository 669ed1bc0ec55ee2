"""The built-in solvers agree with other integrators, and keep the budgets of their equations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.io import loadmat

from saibench.datamodules.field_dynamics.etdrk4 import ETDRK4
from saibench.datamodules.field_dynamics.frames import integrate
from saibench.datamodules.field_dynamics.kuramoto_sivashinsky import (
    KuramotoSivashinsky,
    SpectralKS,
    initial_waves,
)
from saibench.datamodules.field_dynamics.lorenz import Lorenz63, lorenz_rate, runge_kutta
from saibench.datamodules.field_dynamics.navier_stokes import (
    NavierStokes,
    SpectralFlow,
    initial_vorticity,
)
from saibench.errors import UserError


def integrated(advance, state: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        state = advance(state)
    return state


def by_scipy(rate, state: np.ndarray, until: float) -> np.ndarray:
    """The state after this time, by an implicit or explicit method of variable order."""
    shape = state.shape

    def real(_: float, values: np.ndarray) -> np.ndarray:
        return rate(values.view(complex).reshape(shape)).ravel().view(float)

    found = solve_ivp(
        real, (0, until), state.ravel().view(float), method="DOP853", rtol=1e-10, atol=1e-10
    )
    return found.y[:, -1].copy().view(complex).reshape(shape)


def test_etdrk4_is_of_fourth_order() -> None:
    """For Bernoulli's equation u' = −2 u − u³."""
    linear, start = np.array([-2.0]), np.array([0.8])
    exact = 1 / np.sqrt((1 / 0.64 + 0.5) * np.exp(4.0) - 0.5)  # at t = 1

    def error(steps: int) -> float:
        scheme = ETDRK4.of(linear, 1 / steps)
        advance = lambda u: scheme.advance(u, lambda v: -(v**3))  # noqa: E731
        return abs(integrated(advance, start, steps)[0] - exact)

    errors = [error(steps) for steps in (8, 16, 32)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(np.abs(orders - 4) < 0.4)


def test_kuramoto_sivashinsky_agrees_with_scipy() -> None:
    equation = SpectralKS(32, 22.0, np.array([1.0]))
    start = np.fft.rfft(initial_waves(np.array([1.0]), 32, seed=0))
    found = integrated(equation.stepper(0.01), start, 500)
    rate = lambda v: equation.linear * v + equation.nonlinear(v)  # noqa: E731
    expected = by_scipy(rate, start, 5.0)
    np.testing.assert_allclose(np.fft.irfft(found), np.fft.irfft(expected), atol=1e-5)


def test_kuramoto_sivashinsky_has_the_symmetry_of_its_parameter() -> None:
    """u(x, t; μ, L) = u(x/√μ, t/μ; 1, L/√μ) / √μ."""
    mu = 0.8
    start = initial_waves(np.array([1.0]), 64, seed=1)
    own = SpectralKS(64, 30.0, np.array([mu]))
    scaled = SpectralKS(64, 30.0 / np.sqrt(mu), np.array([1.0]))
    found = integrated(own.stepper(0.05), np.fft.rfft(start), 200)
    other = integrated(scaled.stepper(0.05 / mu), np.fft.rfft(start * np.sqrt(mu)), 200)
    np.testing.assert_allclose(np.fft.irfft(found) * np.sqrt(mu), np.fft.irfft(other), atol=1e-9)


def test_kuramoto_sivashinsky_agrees_with_another_solver(data_dir: Path) -> None:
    """Of DeepHPMs (Raissi 2018), on [−10, 10]; both ends are in its grid."""
    path = data_dir / "fields" / "KS.mat"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    theirs = loadmat(path)["usol"].T
    points, frames = 256, 26  # 5 time units, before the difference of the grids has grown
    x, place = np.linspace(0, 20, theirs.shape[1]), 20 * np.arange(points) / points
    start = np.interp(place, x, theirs[0])
    equation = SpectralKS(points, 20.0, np.array([1.0]))
    found = integrated(equation.stepper(0.02), np.fft.rfft(start[None]), 10 * (frames - 1))
    expected = np.interp(place, x, theirs[frames - 1])
    assert np.abs(np.fft.irfft(found)[0] - expected).max() < 0.01 * np.abs(expected).max()


def test_flow_agrees_with_scipy() -> None:
    flow = SpectralFlow(16, np.array([0.02]), forcing=0.5)
    start = np.fft.rfft2(initial_vorticity(np.array([2.0]), np.array([0]), 16, seed=0))
    found = integrated(flow.stepper(0.02), start, 50)
    rate = lambda v: flow.linear * v + flow.nonlinear(v)  # noqa: E731
    np.testing.assert_allclose(flow.field(found), flow.field(by_scipy(rate, start, 1.0)), atol=1e-6)


def test_flow_keeps_the_budgets_of_energy_and_enstrophy() -> None:
    """dE/dt = −2 ν Z and dZ/dt = −2 ν P, which advection does not change."""
    viscosity, step = 0.01, 0.005
    flow = SpectralFlow(32, np.array([viscosity]))
    start = np.fft.rfft2(initial_vorticity(np.array([3.0]), np.array([1]), 32, seed=0))
    spectra = [start]
    for _ in range(40):
        spectra.append(flow.stepper(step)(spectra[-1]))

    def budgets(spectrum: np.ndarray) -> tuple[float, float, float]:
        u, v = flow.velocity(spectrum)
        gradient = [flow.field(1j * k * spectrum) for k in (flow.x, flow.y)]
        energy = (u**2 + v**2).mean() / 2
        palinstrophy = (gradient[0] ** 2 + gradient[1] ** 2).mean() / 2
        return energy, (flow.field(spectrum) ** 2).mean() / 2, palinstrophy

    energy, enstrophy, palinstrophy = np.transpose([budgets(one) for one in spectra])
    lost = 2 * viscosity * np.trapezoid(enstrophy, dx=step)
    np.testing.assert_allclose(energy[0] - energy[-1], lost, rtol=1e-4)
    spread = 2 * viscosity * np.trapezoid(palinstrophy, dx=step)
    np.testing.assert_allclose(enstrophy[0] - enstrophy[-1], spread, rtol=1e-3)


def test_lorenz_agrees_with_scipy() -> None:
    start = np.array([1.0, 2.0, 20.0])
    found = integrated(lambda u: runge_kutta(u, 28.0, 0.005), start, 200)
    expected = solve_ivp(lambda _, u: lorenz_rate(u, 28.0), (0, 1), start, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found, expected.y[:, -1], atol=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        lambda n: initial_waves(np.array([1.0]), n, seed=2),
        lambda n: initial_vorticity(np.array([1.0]), np.array([3]), n, seed=2),
    ],
)
def test_initial_conditions_are_one_function_on_every_grid(fields) -> None:
    fine, coarse = fields(64), fields(32)
    every_second = fine[(..., *[slice(None, None, 2)] * (fine.ndim - 1))]
    np.testing.assert_allclose(every_second, coarse, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "source",
    [
        KuramotoSivashinsky(trajectories=2, frames=3, points=32, length=22.0, transient=5.0),
        NavierStokes(trajectories=2, frames=3, points=16),
        Lorenz63(trajectories=2, frames=3),
    ],
    ids=lambda source: source.name,
)
def test_sources_are_cached_and_have_their_layout(source, cache: Path) -> None:
    data, layout = source.load(cache), source.layout()
    assert data.values.shape == (2, 3, len(layout.channels), *layout.grid)
    assert data.data_hash == source.load(cache).data_hash
    assert set(source.preview().columns) == {*data.parameters, *data.features}
    assert np.std(data.values) > 0


def test_time_step_must_be_a_multiple_of_the_solvers() -> None:
    with pytest.raises(UserError, match="solver_step"):
        KuramotoSivashinsky(time_step=1.0, solver_step=0.3)


def test_a_solution_beyond_single_precision_is_refused() -> None:
    saved = np.empty((2, 3, 1), np.float32)
    with pytest.raises(UserError, match=r"trajectory 1 .*frame 1"):
        integrate(np.array([1.0, 1e30]), lambda state: 1e20 * state / state[0],
                  lambda state: state[:, None], saved, 1, 0, "growth")  # fmt: skip


def test_a_parameter_that_is_one_number_is_described_by_it() -> None:
    assert "ρ of 28," in Lorenz63(trajectories=2, frames=4).describe()
    described = Lorenz63(trajectories=2, frames=4, rho_low=26, rho_high=30).describe()
    assert "ρ from 26 to 30," in described


def test_lyapunov_times_of_the_lorenz_system_are_those_of_the_known_rho(tmp_path: Path) -> None:
    for source, known in (
        (Lorenz63(2, 3), True),
        (Lorenz63(2, 3, rho_high=30), False),
        (Lorenz63(2, 3, rho_low=0.5, rho_high=0.5), False),
    ):
        assert source.layout().has_lyapunov_time is known
        assert (source.load(tmp_path).lyapunov_time is not None) is known
