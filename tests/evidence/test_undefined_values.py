"""Undefined values, failures of the model, and refused values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from saibench.errors import UserError
from saibench.evidence.statistic import Axis, Statistic
from saibench.evidence.writer import check_keys, checked_values, metrics

NAN, INF = np.nan, np.inf
AXIS = Axis("step", (1, 2, 3))
BLOWN_UP = np.array([[1.0, NAN, NAN], [1.0, 1.0, 1.0]])
BOTH = np.ones(2, dtype=bool)


def statistic(axis: Axis | None = AXIS, **settings: bool) -> Statistic:
    return Statistic("error", "Å", "atom", "distance", axis, {"error": "mean"}, **settings)


def computed(
    one: Statistic, column: np.ndarray, defined: np.ndarray | None = None
) -> dict[str, dict]:
    values = {"sample_id": np.array([7, 8]), one.key: column}
    if defined is not None:
        values[one.defined_key] = defined
    check_keys([one], values)
    checked = checked_values([one], values)
    assert set(checked) == {"sample_id", one.key}
    return metrics([one], checked, BOTH)


@pytest.mark.parametrize("lost", [NAN, INF, -INF])
def test_a_rollout_that_blows_up_is_refused_and_named(lost: float) -> None:
    column = np.nan_to_num(BLOWN_UP, nan=lost, posinf=lost, neginf=lost)
    with pytest.raises(RuntimeError, match=r"step/error .* 1 of 2 .*ids \[7\].* step 2, 3"):
        computed(statistic(), column)


def test_a_declared_failure_is_an_infinite_error() -> None:
    one = statistic(failures=True)
    values = {"sample_id": np.array([7, 8]), one.key: BLOWN_UP}
    assert checked_values([one], values)[one.key].tolist() == [[1, INF, INF], [1, 1, 1]]
    found = computed(one, BLOWN_UP)
    assert found["error_3"] == {
        "value": None, "unit": "Å", "per": "atom", "count": 2, "failures": 1,
        "of": {"column": "error", "how": "mean", "axis": "step", "label": 3},
    }  # fmt: skip
    assert found["error_1"]["value"] == 1 and found["error_1"]["failures"] == 0
    json.dumps(found, allow_nan=False)


def test_undefined_positions_are_ignored() -> None:
    defined = np.isfinite(BLOWN_UP)
    found = computed(statistic(partial=True), BLOWN_UP, defined=defined)
    assert (found["error_3"]["value"], found["error_3"]["count"]) == (1.0, 1)
    assert (found["error_1"]["value"], found["error_1"]["count"]) == (1.0, 2)
    hidden = np.where(defined, BLOWN_UP, 1e9)  # a number at an undefined position
    assert computed(statistic(partial=True), hidden, defined=defined) == found
    some = np.array([[True, True, False], [True, True, True]])
    with pytest.raises(RuntimeError, match="step 2:"):
        computed(statistic(partial=True), BLOWN_UP, defined=some)


def test_a_partial_statistic_needs_bools_of_its_shape() -> None:
    with pytest.raises(UserError, match=r"'step/error.defined'.*\(2, 3\)"):
        computed(statistic(partial=True), BLOWN_UP)
    with pytest.raises(UserError, match=r"float64 \(2, 3\).*'step/error.defined'"):
        computed(statistic(partial=True), BLOWN_UP, defined=np.isfinite(BLOWN_UP).astype(float))
    with pytest.raises(UserError, match=r"'step/error.defined'"):
        computed(statistic(), BLOWN_UP, defined=np.isfinite(BLOWN_UP))


def test_a_species_that_the_molecule_lacks_has_no_value() -> None:
    species = Axis("species", ("C", "F", "H"), {"num_atoms": (2, 0, 3)}, weight="num_atoms")
    column = np.array([[1.0, NAN, 3.0], [2.0, 0.0, 5.0]])
    found = computed(statistic(species), column)
    assert [found[f"error_{name}"]["value"] for name in "CFH"] == [1.5, None, 4.0]
    assert [found[f"error_{name}"]["count"] for name in "CFH"] == [2, 0, 2]
    with pytest.raises(RuntimeError, match="species C:"):
        computed(statistic(species), np.array([[NAN, NAN, 3.0], [2.0, NAN, 5.0]]))


def test_values_of_a_sample_without_an_axis() -> None:
    column = np.array([NAN, 2.0])
    with pytest.raises(RuntimeError, match=r"^error .*ids \[7\]"):
        computed(statistic(None), column)
    found = computed(statistic(None, partial=True), column, defined=np.array([False, True]))
    assert (found["error"]["value"], found["error"]["count"]) == (2.0, 1)
    assert computed(statistic(None, failures=True), column)["error"]["failures"] == 1


@pytest.mark.parametrize("shape", [(2,), (2, 4)])
def test_an_axis_of_another_length_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"'step/error'.*\(2, 3\)"):
        computed(statistic(), np.ones(shape))
