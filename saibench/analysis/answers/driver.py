"""What contributes to an error."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.records import Quantity

COMPONENT, CAUSE, PREDICTOR = "component", "cause", "predictor"


@dataclass(frozen=True)
class Driver:
    """A feature, component or cause that contributes to the error.

    Args:
        name: `soap_distance`, `species O`, `motion`.
        kind: `feature`, `model feature`, `component`, `cause` or `predictor`.
        share: of the variance of the error's rank for a feature, beyond that of data features for
            one of the model; reduction of the held-out loss of a bound for a predictor, with two
            standard errors; else of the summed error.
        size: share of the samples (or atoms) that a component has; None for others.
        counted: unit of the size.
    """

    name: str
    kind: str
    share: Interval
    size: float | None = None
    counted: str = ""

    @property
    def excess(self) -> float:
        """The share beyond that of an equal error everywhere."""
        return self.share.estimate - (self.size or 0.0)


@dataclass(frozen=True)
class DriverNumbers:
    """The largest contributions to the error of one run.

    Args:
        run: its label; empty if the study has one run.
        response: the error.
        drivers: significant ones, largest excess first; none if no contribution is significant.
        correlates: without drivers, features with a significant rank correlation.
    """

    run: str
    response: Quantity
    drivers: tuple[Driver, ...]
    correlates: tuple[str, ...] = ()
