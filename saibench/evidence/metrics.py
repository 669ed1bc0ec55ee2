"""Where among the recorded metrics one of a given name is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Metrics = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""The content of a `metrics.json`: `{partition: {metric: {value, unit, per, count}}}`."""


def located(points: Collection[Metrics], name: str, first: str) -> tuple[str, str] | None:
    """The partition and name of a metric that some point has a value of.

    Args:
        points: the metrics of each point.
        name: `<metric>`, or `<partition>/<metric>`.
        first: the partition to look at before all others.
    """
    partitions = dict.fromkeys([first, *(name for metrics in points for name in metrics)])
    where, _, metric = name.rpartition("/")
    for partition in [where] if where else partitions:
        entries = ((metrics.get(partition) or {}).get(metric) or {} for metrics in points)
        if any(entry.get("value") is not None for entry in entries):
            return partition, metric
    return None
