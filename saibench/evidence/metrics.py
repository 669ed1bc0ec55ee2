"""The recorded metrics, and where among them one of a given name is."""

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
        UserError: the file is missing or damaged, or is not that of the record beside it.
    """
    check_file(path)
    metrics: dict[str, dict[str, dict[str, Any]]] = printable(read_json_object(path))
    try:
        refuse_misshapen_metrics(metrics)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return metrics


def added_definition(entry: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What the settings said of a metric that a user added to the model's; None for another."""
    of = (entry or {}).get("of")
    found = of.get("metric") if isinstance(of, Mapping) else None
    return found if isinstance(found, Mapping) and isinstance(found.get("name"), str) else None


def added_names(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of the metrics of a partition, those that a user added and that are one number each."""
    found = {name: added_definition(entry) for name, entry in metrics.items()}
    return [name for name, known in found.items() if known is not None and known["name"] == name]


def definitions(metrics: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the metrics of a partition that a user added, what the settings said of each."""
    found = (added_definition(entry) for entry in metrics.values())
    return [known for known in found if known is not None]


def other_metrics(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Of `before` the metrics that a user added and that `now` has not: they hold all the same."""
    names = {known["name"] for known in definitions(now)}
    return {
        name: entry
        for name, entry in before.items()
        if (known := added_definition(entry)) is not None and known["name"] not in names
    }


def located(points: Collection[Metrics], name: str, first: str) -> tuple[str, str] | None:
    """The partition and name of a metric that some point has a value of.

    Args:
        points: the metrics of each point.
        name: `<metric>`, or `<partition>/<metric>`.
        first: the partition to look at before all others.

    Of a metric at a position on an axis, as `mae_60` at 60 minutes, the nearest is found where data
    of another cadence have none there.
    """
    partitions = dict.fromkeys([first, *(name for metrics in points for name in metrics)])
    where, _, metric = name.rpartition("/")
    for choose in (_exactly, nearest_label):
        for partition in [where] if where else partitions:
            known = [
                known
                for metrics in points
                for known, entry in (metrics.get(partition) or {}).items()
                if (entry or {}).get("value") is not None
            ]
            if (found := choose(metric, known)) is not None:
                return partition, found
    return None


def nearest_label(name: str, known: Collection[str]) -> str | None:
    """`name`, or of those that differ from it in the number at their end the nearest.

    >>> nearest_label("mae_60", ["mae", "mae_54", "mae_63"])
    'mae_63'
    """
    if name in known:
        return name
    stem, _, label = name.rpartition("_")
    if not stem or not label.isdecimal():
        return None
    numbers = [
        int(other.removeprefix(f"{stem}_"))
        for other in known
        if other.startswith(f"{stem}_") and other.removeprefix(f"{stem}_").isdecimal()
    ]
    if not numbers:
        return None
    return f"{stem}_{min(numbers, key=lambda number: (abs(number - int(label)), number))}"


def _exactly(name: str, known: Collection[str]) -> str | None:
    return name if name in known else None
