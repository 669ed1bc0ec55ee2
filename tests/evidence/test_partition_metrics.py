"""Metrics of a whole partition, in addition to means of its statistics."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from saibench.evidence import writer
from saibench.evidence.statistic import PartitionMetric


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def last_label(values: np.ndarray) -> float:
    return values[:, -1].max()


COLUMNS = {
    "error": np.array([1.0, 4.0, 2.0, 8.0]),
    "time": np.array([0, 1, 2, 3]),
    "lead/error": np.arange(8.0).reshape(4, 2),
}


def computed(*metrics: PartitionMetric) -> dict:
    return writer.partition_metrics(metrics, COLUMNS)


def test_a_metric_combines_statistics_and_features() -> None:
    drift = PartitionMetric("drift", "", "sample", ("error", "time"), correlation)
    expected = np.corrcoef([1, 4, 2, 8], [0, 1, 2, 3])[0, 1]
    assert computed(drift)["drift"] == {
        "value": pytest.approx(expected, rel=1e-14),
        "unit": "",
        "per": "sample",
        "count": 4,
    }


def test_a_statistic_with_an_axis_comes_as_a_matrix() -> None:
    worst = PartitionMetric("worst", "mm/h", "sample", ("lead/error",), last_label)
    assert computed(worst)["worst"]["value"] == 7.0


def test_a_metric_without_its_column_is_omitted() -> None:
    assert computed(PartitionMetric("drift", "", "", ("error", "energy"), correlation)) == {}


@pytest.mark.parametrize("undefined", [math.nan, math.inf, -math.inf])
def test_undefined_value_becomes_null_and_keeps_its_count(undefined: float) -> None:
    metric = PartitionMetric("auc", "", "", ("error",), lambda _: undefined)
    assert json.loads(json.dumps(computed(metric), allow_nan=False))["auc"] == {
        "value": None,
        "unit": "",
        "per": "",
        "count": 4,
    }
