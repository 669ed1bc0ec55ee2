"""Sentences on the trend of a run's error over regions."""

from __future__ import annotations

import numpy as np

from saibench.analysis.region_trend.of_evidence import RunTrend
from saibench.analysis.region_trend.regions import RegionTrend
from saibench.formatting import in_range, number


def trend_sentence(run: RunTrend, found: RegionTrend, feature: str) -> str:
    """The prediction at the end of the extrapolation, and where it stays within the tolerance."""
    unit, of_feature = run.statistic.unit, run.feature.unit
    at = np.array([found.high])
    low, high = (float(bound[0]) for bound in found.trend.interval(at))
    mean = number(float(found.trend.mean(at)[0]))
    where = f"{feature} = {number(found.high, unit=of_feature)}"
    text = (
        f"The trend over {len(found.regions)} regions predicts a mean error of {mean} "
        f"[{number(low)}, {number(high)}] {unit}".rstrip()
        + f" at {where}."
    )
    if run.tolerance is None:
        return text
    limit = f"{run.tolerance:g} {unit}".rstrip()
    span = found.within(run.tolerance)
    if span is None:
        return f"{text} Nowhere does it predict at most {limit} with its whole interval."
    first, last = (in_range(value, found.low, found.high) for value in span)
    return (
        f"{text} Its interval stays within the tolerance of {limit} from {first} to {last} "
        f"{of_feature}".rstrip()
        + "."
    )


def left_out_sentence(run: RunTrend, found: RegionTrend, feature: str) -> str:
    """The check on the last region."""
    left, last = found.left_out, found.regions[-1]
    unit = run.statistic.unit
    verdict = "as predicted" if left.holds else "so the trend does not continue"
    return (
        f"From the other regions the last one (from {feature} = "
        f"{number(last.low, unit=run.feature.unit)}) is predicted at {number(left.predicted)} "
        f"[{number(left.low)}, {number(left.high)}] {unit}".rstrip()
        + f", and measured at {number(left.measured, unit=unit)}: {verdict}."
    )
