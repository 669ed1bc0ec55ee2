"""Calibration samples of a monitor: independent, in order, and bounded in number."""

from __future__ import annotations

import numpy as np
import polars
import pytest
from scipy.signal import lfilter

from saibench.analysis.exchangeability import NotMonitored, Series, reference_of, watch
from saibench.analysis.exchangeability.reference import MAX_VALUES, MIN_VALUES
from saibench.analysis.exchangeability.stream import watched_sentence
from saibench.evidence.independence import Independence, marked_index


def trajectory(memory: float, count: int, seed: int = 0, start: int = 0) -> polars.DataFrame:
    """An AR(1) feature and its error, in the order of time but stored in another one."""
    random = np.random.default_rng(seed)
    feature = lfilter([1], [1, -memory], random.normal(size=count + 200))[200:]
    time = 0.01 * np.arange(count)
    rows = polars.DataFrame(
        {
            "sample_id": np.arange(start, start + count),
            "time": time,
            "distance": feature,
            "constant": np.ones(count),
            "error": np.abs(feature + random.normal(size=count)),
        }
    )
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=1)
    return marked_index(shuffled, Independence("time", "time"))


def test_samples_are_three_correlation_times_apart() -> None:
    memory = 0.9
    rows = trajectory(memory, 20_000)
    found = reference_of(rows, ["time", "distance", "constant"], "error", unit="ps")
    assert found is not None
    assert (found.names, found.kind, found.unit) == (("distance",), "time", "ps")
    exact = 3 * 0.01 * (1 + memory) / (2 * (1 - memory))  # of an AR(1) series
    (series,) = found.series
    assert series.spacing == pytest.approx(exact, rel=0.2)
    assert len(series.values) == MAX_VALUES
    by_id = dict(rows.select("sample_id", "distance").iter_rows())
    assert list(series.values) == [by_id[number] for number in series.sample_ids]
    assert np.diff(series.sample_ids).min() * 0.01 >= series.spacing * 0.999
    assert found.error is not None and found.error.spacing < series.spacing  # noise is added


def test_a_drifting_series_has_no_reference() -> None:
    rows = trajectory(0.5, 1000).with_columns(distance=polars.col("time") ** 2)
    assert reference_of(rows, ["distance"], "error") is None
    assert reference_of(trajectory(0.0, MIN_VALUES - 1), ["distance"], "error") is None


def test_rows_of_a_sample_and_samples_of_a_group_are_averaged() -> None:
    random = np.random.default_rng(0)
    rows = polars.DataFrame(
        {
            "sample_id": np.repeat(np.arange(120), 2),
            "event": np.repeat(np.arange(40), 6).astype(str),
            "feature": random.normal(size=240),
            "error": random.uniform(size=240),
        }
    )
    grouped = reference_of(marked_index(rows, Independence("group", "event")), ["feature"], "error")
    assert grouped is not None and (grouped.kind, grouped.series[0].spacing) == ("group", 1)
    means = rows["feature"].to_numpy().reshape(40, 6).mean(axis=1)
    np.testing.assert_allclose(grouped.series[0].values, means, rtol=1e-12)
    single = reference_of(marked_index(rows, Independence()), ["feature"], "error")
    assert single is not None and len(single.series[0].values) == 120


def test_undefined_samples_are_left_out() -> None:
    random = np.random.default_rng(0)
    rows = marked_index(
        polars.DataFrame(
            {
                "sample_id": range(100),
                "feature": [None, float("inf"), *random.normal(size=98).tolist()],
                "error": random.uniform(size=100),
            }
        ),
        Independence(),
    )
    found = reference_of(rows.sample(fraction=1.0, shuffle=True, seed=0), ["feature"], "error")
    assert found is not None and found.series[0].sample_ids == tuple(range(2, 100))


def test_stream_of_the_same_kind_raises_no_alarm_and_a_hotter_one_does() -> None:
    found = reference_of(trajectory(0.9, 20_000), ["distance"], "error", unit="ps", data="x")
    same = watch(found, trajectory(0.9, 5000, seed=1, start=10**6), "error", data="x")
    assert same.features is None and same.error is None and same.samples > 100
    hotter = trajectory(0.9, 5000, seed=1, start=10**6).with_columns(
        distance=polars.col("distance") + polars.when(polars.col("time") > 20).then(5).otherwise(0)
    )
    changed = watch(found, hotter, "error", data="x")
    assert changed.features is not None and changed.error is None
    assert 20 < changed.features.place < 26
    assert abs(changed.features.since - 20) < 10 * changed.reference.series[0].spacing
    assert "distance" in watched_sentence(changed, "force_mae")
    assert "ps" in watched_sentence(changed, "force_mae")


def test_calibration_samples_and_other_orders_are_not_compared() -> None:
    rows = trajectory(0.9, 20_000)
    found = reference_of(rows, ["distance"], "error", data="x")
    with pytest.raises(NotMonitored, match="calibrated on"):
        watch(found, rows, "error", data="x")
    assert watch(found, rows, "error", data="other").samples
    unordered = rows.drop("__time").with_columns(sample_id=polars.col("sample_id") + 10**6)
    with pytest.raises(NotMonitored, match="by time"):
        watch(found, unordered, "error", data="x")
    with pytest.raises(NotMonitored, match=str(MIN_VALUES)):
        watch(None, rows, "error")


def test_drifting_feature_is_left_out_beside_another() -> None:
    rows = trajectory(0.5, 1000).with_columns(drift=polars.col("time") ** 2)
    found = reference_of(rows, ["distance", "drift"], "error")
    assert found is not None and found.names == ("distance",)
    assert found.only(["drift"]) is None and found.only(["distance"]) == found


def test_series_of_other_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="series"):
        Series("a", (1.0,), (0, 1), 1.0)
