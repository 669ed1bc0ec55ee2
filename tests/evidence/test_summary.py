"""Summaries of a statistic, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from saibench.evidence.statistic import Axis, Statistic
from saibench.evidence.summary import is_summary, quantile, summary
from saibench.evidence.writer import checked_values, metrics

VALUES = np.random.default_rng(3).normal(size=(257, 2))
DECLARED = {
    "bias": "mean",
    "mae": "mean_abs",
    "rmse": "root_mean_square",
    "p90": "quantile_0.9",
    "p95": "quantile_abs_0.95",
}
BY_NUMPY = {
    "bias": lambda column: np.mean(column),
    "mae": lambda column: np.mean(np.abs(column)),
    "rmse": lambda column: np.sqrt(np.mean(column**2)),
    "p90": lambda column: np.quantile(column, 0.9),
    "p95": lambda column: np.quantile(np.abs(column), 0.95),
}


@pytest.mark.parametrize("name", DECLARED)
def test_summary_equals_that_of_numpy(name: str) -> None:
    chosen = np.arange(100, 257)
    plain = Statistic("error", "K", "sample", "error", summaries=DECLARED)
    found = metrics([plain], {"error": VALUES[:, 0]}, chosen)[name]
    assert found["value"] == pytest.approx(BY_NUMPY[name](VALUES[100:, 0]), rel=1e-14)
    assert found["count"] == 157 and found["unit"] == "K"
    assert found["of"] == {"column": "error", "how": DECLARED[name]}
    along = Statistic("error", "K", "sample", "error", Axis("lead", (6, 12)), DECLARED)
    found = metrics([along], {"lead/error": VALUES}, chosen)[f"{name}_12"]
    assert found["value"] == pytest.approx(BY_NUMPY[name](VALUES[100:, 1]), rel=1e-14)
    assert found["of"]["label"] == 12


def test_a_long_axis_of_numbers_has_metrics_at_about_fifty_of_them() -> None:
    values = {"lead/error": np.random.default_rng(4).normal(size=(3, 1000))}
    along = Statistic("error", "K", "sample", "error", Axis("lead", (*range(1, 1001),)), DECLARED)
    found = metrics([along], values, np.arange(3))
    labels = [entry["of"]["label"] for name, entry in found.items() if name.startswith("mae_")]
    assert labels == [1, *range(20, 1001, 20)]
    assert found["mae_40"]["value"] == pytest.approx(np.abs(values["lead/error"][:, 39]).mean())
    names = tuple(f"station {number}" for number in range(1000))
    assert len(Statistic("error", "K", "", "", Axis("site", names), DECLARED).metrics) == 5000


def test_undefined_values_are_ignored() -> None:
    column = np.where(np.arange(257) % 3 == 0, np.nan, VALUES[:, 0])
    plain = Statistic("error", "K", "sample", "error", summaries=DECLARED)
    found = metrics([plain], {"error": column}, np.arange(257))
    for name, entry in found.items():
        expected = BY_NUMPY[name](column[~np.isnan(column)])
        assert entry["value"] == pytest.approx(expected, rel=1e-14) and entry["count"] == 171
    nothing = metrics([plain], {"error": column}, np.array([0, 3]))
    assert all(entry["value"] is None and entry["count"] == 0 for entry in nothing.values())


def test_a_quantile_below_all_failures_has_a_value() -> None:
    how = {"mean": "mean", "rms": "root_mean_square", "median": "quantile_0.5"}
    how["p90"] = "quantile_0.9"
    one = Statistic("error", "Å", "atom", "error", summaries=how, failures=True)
    given = {"sample_id": np.arange(5), "error": np.array([3.0, np.nan, 1.0, 2.0, np.inf])}
    found = metrics([one], checked_values([one], given), np.arange(5))
    assert {name: entry["value"] for name, entry in found.items()} == {
        "mean": None,
        "rms": None,
        "median": 3.0,
        "p90": None,
    }
    assert all(entry["failures"] == 2 for entry in found.values())


@pytest.mark.parametrize("share", [0.01, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_the_quantile_interpolates_as_numpy_does(share: float, size: int) -> None:
    values = VALUES[:size, 0]
    assert quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-14)


@pytest.mark.parametrize("how", ["median", "quantile_1.0", "quantile_0.0", "quantile_", "rms"])
def test_an_unknown_summary_is_refused_by_name(how: str) -> None:
    assert not is_summary(how)
    with pytest.raises(ValueError, match=rf"error, summaries\.own: .*'{how}'.*quantile_0\.9"):
        Statistic("error", "K", "sample", "error", summaries={"own": how})


def test_names_of_summaries() -> None:
    assert is_summary("quantile_.25") and is_summary("mean") and not is_summary(None)
    assert summary("quantile_.25").share == 0.25
