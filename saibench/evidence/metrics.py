"""Reading and looking up recorded metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from saibench.evidence.record_schema import refuse_misshapen_metrics
from saibench.files.integrity import check_file, damaged, read_json_object
from saibench.printable import printable

Metrics = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""The content of a `metrics.json`: `{partition: {metric: {value, unit, per, count}}}`."""


def read_metrics(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The content of a `metrics.json`.

    Raises:
        UserError: the file is missing or damaged, or does not match the record.
    """
    check_file(path)
    metrics: dict[str, dict[str, dict[str, Any]]] = printable(read_json_object(path))
    try:
        refuse_misshapen_metrics(metrics)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return metrics


def added_definition(entry: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The settings of a metric that the user added; None for one of the model."""
    of = (entry or {}).get("of")
    found = of.get("metric") if isinstance(of, Mapping) else None
    return found if isinstance(found, Mapping) and isinstance(found.get("name"), str) else None


def added_names(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The user's metrics of a partition that are a single number."""
    found = {name: added_definition(entry) for name, entry in metrics.items()}
    return [name for name, known in found.items() if known is not None and known["name"] == name]


def definitions(metrics: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The settings of the user's metrics of a partition."""
    found = (added_definition(entry) for entry in metrics.values())
    return [known for known in found if known is not None]


def other_metrics(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The user's metrics in `before` that are not in `now`; they remain valid."""
    names = {known["name"] for known in definitions(now)}
    return {
        name: entry
        for name, entry in before.items()
        if (known := added_definition(entry)) is not None and known["name"] not in names
    }


def located(points: Collection[Metrics], name: str, first: str) -> tuple[str, str] | None:
    """The partition and name of a metric that some point has a value of.

    For a metric at a position on an axis, such as `mae_60` at 60 minutes, the nearest position if
    the data have no such position.

    Args:
        points: the metrics of each point.
        name: `<metric>`, or `<partition>/<metric>`.
        first: the partition to search first.
    """
    partitions = dict.fromkeys([first, *(name for metrics in points for name in metrics)])
    where, _, metric = name.rpartition("/")
    for find in (_exactly, nearest_label):
        for partition in [where] if where else partitions:
            known = [
                known
                for metrics in points
                for known, entry in (metrics.get(partition) or {}).items()
                if (entry or {}).get("value") is not None
            ]
            if (found := find(metric, known)) is not None:
                return partition, found
    return None


def nearest_label(name: str, known: Collection[str]) -> str | None:
    """`name`, or the name that differs only in its final number, nearest to that of `name`.

    >>> nearest_label("mae_60", ["mae", "mae_54", "mae_63"])
    'mae_63'
    """
    if name in known:
        return name
    stem, _, label = name.rpartition("_")
    if not stem or not label.isdecimal():
        return None
    numbers = [
        int(end) for start, _, end in (other.rpartition("_") for other in known)
        if start == stem and end.isdecimal()
    ]  # fmt: skip
    if not numbers:
        return None
    return f"{stem}_{min(numbers, key=lambda number: (abs(number - int(label)), number))}"


def _exactly(name: str, known: Collection[str]) -> str | None:
    return name if name in known else None
