"""What a trusted range is of, what it rests on, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats


@dataclass(frozen=True)
class Quantity:
    """A feature or an error: its name, unit, what one value is normalised by, and one clause.

    Args:
        ideal: of a statistic, its value where there is no error; the error is its distance.
        mean_of: how many samples that are alike an error is averaged over.
        known: of a feature, `before` or `after` the truth is; empty where it is not declared.
    """

    name: str
    unit: str = ""
    per: str = ""
    describe: str = ""
    ideal: float = 0.0
    mean_of: int = 1
    known: str = ""

    @property
    def of_one(self) -> str:
        """What the error of one sample is called: `force_mae`, `|correct − 1|`."""
        return f"|{self.name} − {self.ideal:g}|" if self.ideal else self.name

    def distance_from(self, ideal: float) -> Quantity:
        """The error of this statistic whose ideal value is not 0, described as a distance."""
        return replace(self, ideal=ideal, describe=f"distance from {ideal:g} of: {self.describe}")

    @property
    def title(self) -> str:
        """What errors are called: `|correct − 1| (mean of 25)`."""
        return self.of_one if self.mean_of == 1 else f"{self.of_one} (mean of {self.mean_of})"


@dataclass(frozen=True)
class Source:
    """Where the samples of a range come from; `samples` counts those that were used."""

    study: str = ""
    workload: str = ""
    data: str = ""
    points: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    seen_in_training: int = 0
    """Samples left out because the model was trained on them."""
    undefined: int = 0
    """Samples left out because their error or a feature is undefined."""
    saibench: str = ""
    system: str = ""
    """What the model is of, such as a substance; empty if the data name none."""


@dataclass(frozen=True)
class Counts:
    """How many samples and independent blocks the range rests on."""

    samples: int
    fitted_blocks: int
    calibration_blocks: int
    seed: int
    """Of the draws that part the blocks."""
    splits: int = 1
    """How often they were parted."""


@dataclass(frozen=True, eq=False)
class Check:
    """What a trusted range says of samples, `(samples,)` each.

    Where a feature is not a number nothing is known: no expected error, an infinite bound.
    """

    expected: Floats
    upper: Floats
    inside: NDArray[np.bool_]
    """Whether all features lie in the range that was fitted; elsewhere the bound is a guess."""
