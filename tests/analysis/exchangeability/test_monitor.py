"""The monitor of a stream: false alarms, delay, spacing and mistakes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from saibench.analysis.exchangeability import Monitor, Reference, Series
from saibench.errors import UserError

STREAMS = 200


def reference(
    rows: np.ndarray, kind: str = "sample", spacing: float = 1.0, unit: str = ""
) -> Reference:
    ids = tuple(range(len(rows)))
    columns = [*zip("abc", rows.T.tolist(), strict=False), ("error", np.abs(rows[:, 0]).tolist())]
    *features, error = (Series(name, tuple(values), ids, spacing) for name, values in columns)
    return Reference(tuple(features), error, kind, unit)


def feed(monitor: Monitor, stream: np.ndarray) -> Monitor:
    for row in stream:
        monitor.update(dict(zip("abc", row.tolist(), strict=False)))
    return monitor


def test_false_alarms_are_rarer_than_the_level() -> None:
    random = np.random.default_rng(0)
    alarms = 0
    for seed in range(STREAMS):
        rows = random.standard_t(3, size=(250, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
        alarms += feed(Monitor(reference(rows[:50]), seed=seed), rows[50:]).alarm is not None
    # with a probability of 5 % more than this happens once in 1,000 times
    assert alarms <= stats.binom.ppf(0.999, STREAMS, 0.05)


def test_alarm_names_the_changed_feature_and_the_place() -> None:
    random = np.random.default_rng(1)
    found = []
    for seed in range(20):
        rows = random.normal(size=(400, 3))
        rows[250:, 1] += 2.5  # 50 samples after the first of the stream
        alarm = feed(Monitor(reference(rows[:200]), seed=seed), rows[200:]).alarm
        assert alarm is not None
        found.append((alarm.feature, alarm.place, alarm.since))
        assert alarm.samples == alarm.place + 1
    features, places, since = zip(*found, strict=True)
    late = [place for place in places if place >= 50]
    assert len(late) >= 18 and np.median(late) <= 70
    assert features.count("b") >= 18
    assert np.median(np.abs(np.array(since) - 50)) <= 5


def test_smaller_values_raise_the_alarm_too() -> None:
    rows = np.random.default_rng(2).normal(size=(200, 1))
    rows[100:] -= 3
    assert feed(Monitor(reference(rows[:100])), rows[100:]).alarm is not None


def test_broken_samples_count_as_extreme() -> None:
    rows = np.random.default_rng(3).normal(size=(100, 1))
    monitor = Monitor(reference(rows))
    for _ in range(30):
        monitor.update({"a": math.nan})
    assert monitor.alarm is not None


def test_samples_nearer_than_the_spacing_are_skipped() -> None:
    rows = np.random.default_rng(4).normal(size=(50, 1))
    monitor = Monitor(reference(rows, "time", spacing=0.3, unit="ps"))
    for step in range(31):
        monitor.update({"a": 0.0}, time=step * 0.1)
    assert monitor.samples == 11
    slow = replace(monitor.reference.series[0], name="b", spacing=0.9)
    both = Monitor(replace(monitor.reference, series=(slow, *monitor.reference.series)))
    for step in range(31):
        both.update({"a": 0.0, "b": 100.0}, time=step * 0.1)
    assert both.samples == 11  # of a; b has 4
    every_third = Monitor(reference(rows, spacing=3.0))
    assert feed(every_third, np.zeros((31, 1))).samples == 11


def test_correlated_series_raise_no_more_alarms_than_the_level() -> None:
    """AR(1) series, compared at three correlation times (Sokal's, (1 + a) / (2 (1 − a)))."""
    random, memory = np.random.default_rng(5), 0.9
    spacing = 3 * (1 + memory) / (2 * (1 - memory))
    apart, alarms = math.ceil(spacing), 0
    for seed in range(STREAMS):
        series = lfilter([1], [1, -memory], random.normal(size=200 + 100 * apart))[200:, None]
        known = reference(series[: 50 * apart : apart], spacing=spacing)
        stream = Monitor(known, seed=seed)
        alarms += feed(stream, series[50 * apart :]).alarm is not None
    assert alarms <= stats.binom.ppf(0.999, STREAMS, 0.05)


def test_errors_have_a_monitor_of_their_own() -> None:
    rows = np.random.default_rng(6).normal(size=(100, 2))
    monitor = Monitor(reference(rows).of_errors)
    for _ in range(30):
        monitor.update({"error": 9.0})
    assert monitor.alarm is not None and monitor.alarm.feature == "error"


@pytest.mark.parametrize(
    ("kind", "given", "named"),
    [("time", {"a": 1.0, "b": 1.0}, "time.* ps"), ("sample", {"a": 1.0}, "needs b")],
)
def test_missing_values_are_refused(kind: str, given: dict[str, float], named: str) -> None:
    monitor = Monitor(reference(np.zeros((30, 2)), kind, unit="ps"))
    with pytest.raises(UserError, match=named):
        monitor.update(given)


def test_range_without_calibration_samples_has_no_monitor() -> None:
    with pytest.raises(UserError, match="trust --save"):
        Monitor(None)
    with pytest.raises(UserError, match=r"level=1\.5"):
        Monitor(reference(np.zeros((30, 1))), level=1.5)
