"""The numbers in the figure of the trusted range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saibench.analysis.trusted_range.conditional import CoverageIn
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.tolerance import lower_limit
from saibench.analysis.trusted_range.trusted_range import TrustedRange

POSITIONS = 201
BEYOND = 0.12
"""Extension of the bound beyond the fitted range, as a fraction of its width."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A fitted range with its samples."""

    found: Found
    trusted: TrustedRange
    samples: ErrorSamples

    @property
    def label(self) -> str:
        return self.found.label

    @cached_property
    def line(self) -> dict[str, np.ndarray]:
        """Values along the best feature, slightly beyond its range."""
        along = self.trusted.best
        low, high = along.low[0], along.high[0]
        reach = BEYOND * (high - low)
        at = np.linspace(lower_limit(low, reach), high + reach, POSITIONS)
        check = along.check(at)
        bounds = {"expected error": check.expected, "upper bound": check.upper}
        return {"at": at, "inside": check.inside, **bounds}

    @property
    def declared(self) -> np.ndarray:
        """Whether all features together declare a sample trusted, `(samples,)`."""
        return self.found.declared

    @property
    def mean_above_bound(self) -> bool:
        """Whether the expected error is above the bound somewhere in the range."""
        above = self.line["expected error"] > self.line["upper bound"]
        return bool((above & self.line["inside"]).any())

    @property
    def bins(self) -> list[CoverageIn]:
        """The coverage in bins of the best feature."""
        name, validation = self.trusted.best.features[0].name, self.found.validation
        bins = [] if validation is None else validation.conditional.bins
        return [part for part in bins if part.name == name]

    @cached_property
    def top(self) -> float:
        """Upper end of an axis for its errors."""
        highest = [np.quantile(self.samples.errors, 0.995), np.nanmax(self.line["upper bound"])]
        return 1.15 * max(*highest, self.trusted.tolerance or 0)


def range_rows(one: Drawn) -> Iterator[dict[str, object]]:
    """Rows `points`, `curve`, `position`, `value`, `low`, `high`, `samples`."""
    inside = np.where(one.line["inside"], "", " beyond the data")
    for name in ("expected error", "upper bound"):
        for position, value, place in zip(one.line["at"], one.line[name], inside, strict=True):
            yield _row(one.label, f"{name}{place}", position, value)
    validation = one.found.validation
    if validation is None:
        return
    observed = zip(validation.levels, validation.observed, strict=True)
    at = [("observed coverage", level, interval) for level, interval in observed]
    at += [("coverage of a bin", (part.low + part.high) / 2, part.coverage) for part in one.bins]
    for curve, position, found in at:
        yield _row(one.label, curve, position, found.estimate, found.low, found.high, found.count)
    curve_of = validation.usefulness.risk_coverage
    for name, risk in (("kept error", curve_of.risk), ("ideal kept error", curve_of.ideal)):
        for kept, value in zip(curve_of.kept, risk, strict=True):
            yield _row(one.label, name, kept, value)


def _row(
    label: str,
    curve: str,
    at: float,
    value: float,
    low: float | None = None,
    high: float | None = None,
    samples: int | None = None,
) -> dict[str, object]:
    row = {"points": label, "curve": curve, "position": float(at), "value": float(value)}
    return {**row, "low": low, "high": high, "samples": samples}
