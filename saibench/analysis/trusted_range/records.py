"""The parts of a trusted range: quantities, source, counts, and the result of a check."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
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
