"""Watches the samples of a partition in the data's order."""

from __future__ import annotations

from dataclasses import dataclass

import polars

from saibench.analysis.exchangeability.monitor import LEVEL, WITHOUT_REFERENCE, Alarm, Monitor
from saibench.analysis.exchangeability.reference import ERROR_NAME, Reference, in_order
from saibench.errors import UserError
from saibench.evidence.independence import GROUP, TIME
from saibench.formatting import counted, number


class NotMonitored(UserError):
    """The samples cannot be compared with the calibration."""


@dataclass(frozen=True)
class Watched:
    """What the monitors of the features and of the true error say about a partition.

    Args:
        samples: number of compared samples, or groups, of the feature with most.
        features, error: their alarms, or None.
        reference: that they are compared with.
    """

    samples: int
    features: Alarm | None
    error: Alarm | None
    reference: Reference


def watch(
    reference: Reference | None,
    rows: polars.DataFrame,
    error: str,
    *,
    data: str = "",
    level: float = LEVEL,
) -> Watched:
    """Compare samples in the order of their times, groups or ids with the calibration.

    Args:
        reference: of the trusted range.
        rows: as in `reference_of`.
        error: column of the error.
        data: hash of the data.
        level: largest probability of a false alarm, of each monitor.

    Raises:
        NotMonitored: there is no reference or no sample, calibration samples are among the rows, or
            the samples are ordered otherwise.
    """
    if reference is None:
        raise NotMonitored(WITHOUT_REFERENCE)
    samples, order = in_order(rows, [*reference.names, error])
    if samples.is_empty():
        raise NotMonitored("No sample has all features of the calibration samples.")
    if data == reference.data and not reference.sample_ids.isdisjoint(samples["sample_id"]):
        raise NotMonitored("The trusted range was calibrated on some of these samples.")
    if order.kind != reference.kind:
        raise NotMonitored(
            f"The calibration samples are independent by {reference.kind}, these by {order.kind}."
        )
    features = Monitor(reference, level=level)
    of_errors = reference.of_errors
    errors = None if of_errors is None else Monitor(of_errors, level=level)
    for row, place in zip(samples.iter_rows(named=True), order.place.tolist(), strict=True):
        features.update(row, place)
        if errors is not None:
            errors.update({ERROR_NAME: row[error]}, place)
    return Watched(features.samples, features.alarm, errors.alarm if errors else None, reference)


def watched_sentence(found: Watched, error: str) -> str:
    """Whether the samples resemble the calibration, and where they cease to.

    Args:
        error: name of the error.
    """
    noun = "group" if found.reference.kind == GROUP else "sample"
    compared = counted(found.samples, f"independent {noun}")
    names = "features" if found.reference.error is None else f"features and {error}"
    alarms = {one.feature if one is found.features else error: one
              for one in (found.features, found.error) if one is not None}  # fmt: skip
    if not alarms:
        return f"{names} resemble the calibration ({compared})"
    parts = [f"{name} {alarm_text(one, found.reference)}" for name, one in alarms.items()]
    if found.features is None:
        parts.append("the features resemble it")
    return f"{'; '.join(parts)} ({compared})"


def alarm_text(alarm: Alarm, reference: Reference) -> str:
    """`no longer resembles the calibration at 0.42 ps (changed at about 0.3 ps)`."""
    return (
        f"no longer resembles the calibration at {place_text(alarm.place, reference)} (changed at "
        f"about {place_text(alarm.since, reference)})"
    )


def place_text(place: float, reference: Reference) -> str:
    """`0.42 ps`, or `sample 41` counted from 0."""
    if reference.kind == TIME:
        return number(place, unit=reference.unit) if reference.unit else f"time {number(place)}"
    return f"{reference.kind} {place:,.0f}"
