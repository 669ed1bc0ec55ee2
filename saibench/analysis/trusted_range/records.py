"""Quantities, source, counts and checks of a trusted range, and what its samples must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.bootstrap import Floats
from saibench.errors import UserError
from saibench.evidence.known import TrainingSide


@dataclass(frozen=True)
class Quantity:
    """A feature or an error: name, unit, normalisation (`per`) and description.

    Args:
        ideal: a statistic's value without error; the error is the distance from it.
        mean_of: number of similar samples that an error is averaged over.
        known: whether a feature is known `before` or only `after` the test; empty if undeclared.
        training: values of a feature at which samples resemble the training partition: `low` of a
            distance, `high` of a similarity; empty if neither.
    """

    name: str
    unit: str = ""
    per: str = ""
    describe: str = ""
    ideal: float = 0.0
    mean_of: int = 1
    known: str = ""
    training: TrainingSide = ""

    @property
    def error_name(self) -> str:
        """Name of the error of one sample: `force_mae`, `|correct − 1|`."""
        return f"|{self.name} − {self.ideal:g}|" if self.ideal else self.name

    def distance_from(self, ideal: float) -> Quantity:
        """The error of this statistic as the distance from its ideal value."""
        return replace(self, ideal=ideal, describe=f"distance from {ideal:g} of: {self.describe}")

    @property
    def title(self) -> str:
        """Name of the errors: `|correct − 1| (mean of 25)`."""
        return (
            self.error_name if self.mean_of == 1 else f"{self.error_name} (mean of {self.mean_of})"
        )


@dataclass(frozen=True)
class Source:
    """The study, runs and partitions of a range's samples."""

    study: str = ""
    workload: str = ""
    data: str = ""
    points: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    seen_in_training: int = 0
    """Number of excluded samples that the model was trained on."""
    undefined: int = 0
    """Number of excluded samples with an undefined error or feature."""
    saibench: str = ""
    system: str = ""
    """The modelled system, such as a substance; empty if the data name none."""


@dataclass(frozen=True)
class Counts:
    """Numbers of samples, independent blocks and splits."""

    samples: int
    fitted_blocks: int
    calibration_blocks: int
    seed: int
    """Of the random splits of the blocks."""
    splits: int = 1


@dataclass(frozen=True, eq=False)
class Check:
    """Expected errors and bounds of samples, `(samples,)` each.

    If a feature is not finite, the expected error is NaN and the bound infinite.
    """

    expected: Floats
    upper: Floats
    inside: NDArray[np.bool_]
    """Whether all features are in the fitted range; elsewhere the bound is an extrapolation."""

    def within(self, tolerance: float) -> NDArray[np.bool_]:
        """Whether a sample is trusted: inside the range, with a bound at or below the tolerance."""
        return self.inside & (self.upper <= tolerance)


def as_columns(features: ArrayLike) -> Floats:
    """`(samples, features)`."""
    values = np.asarray(features, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values


def quantities_of(names: Sequence[str | Quantity] | None, count: int) -> tuple[Quantity, ...]:
    """The features, numbered if no names are given."""
    if names is None:
        names = ["feature"] if count == 1 else [f"feature_{number}" for number in range(count)]
    return tuple(Quantity(name) if isinstance(name, str) else name for name in names)


def refuse_invalid(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    quantities: Sequence[Quantity],
) -> None:
    """Refuse samples that no range can be fitted to.

    Raises:
        UserError: coverage, shapes or values are invalid.
    """
    if not 0 < coverage < 1:
        raise UserError(f"coverage={coverage:g} is not between 0 and 1. Use 0.9.")
    count = features.shape[1]
    if len(quantities) != count:
        raise UserError(f"{count} features need {count} names, not {len(quantities)}.")
    if not len(errors) == len(features) == len(blocks):
        raise UserError(
            f"features ({len(features)}), errors ({len(errors)}) and blocks ({len(blocks)}) differ "
            "in length."
        )
    if not (np.isfinite(features).all() and np.isfinite(errors).all()):
        raise UserError("features and errors must be finite. Exclude undefined samples.")
    if (errors < 0).any():
        raise UserError("an error is negative. Use absolute errors.")
    if np.unique(errors).tolist() == [0.0, 1.0]:
        raise UserError(
            "each error is 0 or 1, so a bound is not informative. Use the mean error over groups "
            "of similar samples (--mean-of 100)."
        )
