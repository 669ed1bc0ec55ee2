"""Saved samples of taggers: jets with their constituents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from saibench.evidence.saved_samples import SavedSamples

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SavedJet:
    """One jet and its C constituents; angles relative to the jet axis, pT in GeV."""

    sample_id: int
    label: int
    score: float
    why: str
    eta: Floats
    phi: Floats
    pt: Floats


@dataclass(frozen=True, eq=False)
class SavedJets(SavedSamples):
    """J jets and their C constituents, jet after jet.

    label: (J,) int64, 1 for a top jet, 0 for a QCD jet
    score: (J,) float64, predicted probability of a top jet
    why: (J,) str, the reason for saving the jet
    end: (J,) int64, row after the jet's last constituent
    eta, phi: (C,) float64, pseudorapidity and azimuth relative to the jet axis
    pt: (C,) float64, GeV
    """

    FILE: ClassVar[str] = "jets.npz"

    label: NDArray[np.int64]
    score: Floats
    why: NDArray[np.str_]
    end: NDArray[np.int64]
    eta: Floats
    phi: Floats
    pt: Floats

    def __post_init__(self) -> None:
        if len(self.end) != len(self.sample_id) or self.end[-1:] != len(self.pt):
            raise ValueError("the lengths of sample_id, end and pt do not match")

    def __iter__(self) -> Iterator[SavedJet]:
        starts = np.concatenate([[0], self.end[:-1]])
        for number, (start, end) in enumerate(zip(starts, self.end, strict=True)):
            yield SavedJet(
                int(self.sample_id[number]),
                int(self.label[number]),
                float(self.score[number]),
                str(self.why[number]),
                *(column[start:end] for column in (self.eta, self.phi, self.pt)),
            )
