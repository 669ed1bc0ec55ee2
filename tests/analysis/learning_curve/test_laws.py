from __future__ import annotations

import numpy as np
import pytest
from made_curves import LAWS as TRUE
from made_curves import SIZES
from scipy.optimize import least_squares

from saibench.analysis.learning_curve.fitting import fit
from saibench.analysis.learning_curve.laws import LAWS, Law

BY_NAME = {law.name: law for law in LAWS}
NUMBERS = np.array(SIZES, dtype=float)
BOUNDS = {
    "log-linear": lambda n, a, c: c - a * np.log2(n),
    "power": lambda n, a, s: a * n**-s,
    "power with offset": lambda n, a, s, c: a * n**-s + c,
    "saturating": lambda n, a, s, c: a * np.exp(-n / s) + c,
}
STARTS = {
    "log-linear": [(1.0, 50.0)],
    "power": [(500.0, 0.5), (50.0, 0.1)],
    "power with offset": [(500.0, 0.5, 1.0), (500.0, 0.9, 10.0), (100.0, 0.2, 5.0)],
    "saturating": [(30.0, 1000.0, 10.0), (30.0, 5000.0, 10.0)],
}


def errors_of(name: str, rows: int = 6, noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(3)
    truth = np.array([TRUE[name](size) for size in SIZES])
    return truth * np.exp(noise * rng.standard_normal((rows, len(SIZES))))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("truth", TRUE)
def test_fits_are_at_least_as_good_as_those_of_scipy(law: Law, truth: str) -> None:
    errors = errors_of(truth)
    found = fit(law, NUMBERS, errors)
    curve = BOUNDS[law.name]
    own = found.at(NUMBERS) / errors - 1
    np.testing.assert_allclose((own**2).sum(axis=1), found.residual, atol=1e-9)
    for row, residual in zip(errors, found.residual, strict=True):
        best = min(
            2
            * least_squares(
                lambda numbers, row=row: curve(NUMBERS, *numbers) / row - 1,
                start,
                bounds=(0, np.inf),
                x_scale=start,
            ).cost
            for start in STARTS[law.name]
        )
        assert residual <= best * (1 + 2e-3) + 1e-9


@pytest.mark.parametrize("name", TRUE)
def test_a_curve_without_noise_recovers_its_law(name: str) -> None:
    errors = np.array([[TRUE[name](size) for size in SIZES]])
    found = fit(BY_NAME[name], NUMBERS, errors)
    ahead = np.array([50.0, 20_000.0])
    np.testing.assert_allclose(found.at(ahead)[0], [TRUE[name](n) for n in ahead], rtol=2e-3)
    np.testing.assert_allclose(found.needed(TRUE[name](12_000.0)), [12_000], rtol=2e-2)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_needed_inverts_the_law(law: Law) -> None:
    found = fit(law, NUMBERS, errors_of("power with offset", rows=20))
    target = 0.9 * float(errors_of("power with offset")[:, -1].min())
    needed = found.needed(target)
    for number, size in enumerate(needed):
        if np.isinf(size):
            assert found.limit[number] >= target * (1 - 1e-9)
        else:
            assert found.at(np.array([size]))[number, 0] == pytest.approx(target)


def test_rising_errors_are_fitted_by_no_rise() -> None:
    rising = np.array([[20.0, 21.0, 22.0, 23.0, 24.0, 25.0]])
    for law in LAWS:
        found = fit(law, NUMBERS, rising)
        at = found.at(np.array([200.0, 6400.0]))[0]
        assert at[1] <= at[0] + 1e-9
        assert found.needed(10.0)[0] > 1e9  # never, or so slowly that it is the same
