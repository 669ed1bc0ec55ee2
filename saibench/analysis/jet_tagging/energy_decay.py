"""The decay of a tagger's scores with jet energy beyond the energies that it was trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.classification.scores import ClassScore, interval
from saibench.analysis.jet_tagging.tested_jets import ScoredJets
from saibench.datamodules.jet_tagging.energy_bins import EDGES, NUM_BINS
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested, variants

TRAIN_BINS = "train_bins"
"""Setting of the study `energy_extrapolation`: the energy bins in the training partition."""
ACROSS = [TRAIN_BINS, "training.samplers"]
LOWEST_TWO = [0, 1]
"""Training bins of the model in the paper's figure 12."""
MIN_BINS = 4
"""A parabola fits three bins exactly."""
NUM_POSITIONS = 25


@dataclass(frozen=True, eq=False)
class QuadraticDecay:
    """Least-squares fit of a score by the distance d ≥ 0 of a bin from training: a + b·d + c·d².

    Args:
        slope: b, per bin of 236.25 GeV.
        curvature: c, per bin².
        positions: `(P,)` distances.
        line, low, high: `(P,)`, the fit and its 95 % band.
        bins: fitted bins, weighted by their numbers of jets.
    """

    slope: Interval
    curvature: Interval
    positions: Floats
    line: Floats
    low: Floats
    high: Floats
    bins: tuple[int, ...]


def training_ranges(points: polars.DataFrame) -> list[Variant]:
    """The runs by the range of energy bins that they were trained on, narrow ranges first."""
    if TRAIN_BINS not in points.columns:
        return []
    known = points.filter(polars.col(TRAIN_BINS).is_not_null())
    found = variants(known, ACROSS, by=[TRAIN_BINS])
    return [
        Variant(each.label, tuple(sorted(each.cells, key=lambda cell: len(train_bins(cell)))))
        for each in found
    ]


def train_bins(cell: Cell) -> list[int]:
    """The training bins of a cell of `training_ranges`."""
    return list(json.loads(cell.shared[TRAIN_BINS]))


def traced_cell(evidence: StudyEvidence) -> Cell:
    """The runs that were trained on the two lowest bins, or else the first ones."""
    points = tested(evidence)
    for variant in training_ranges(points):
        for cell in variant.cells:
            if train_bins(cell) == LOWEST_TWO:
                return cell
    names = [TRAIN_BINS] if TRAIN_BINS in points.columns else []
    return variants(points, [], by=[*names, "train_count"])[0].cells[0]


def is_ambiguous(evidence: StudyEvidence) -> bool:
    """Whether there are several models, none of which was trained on a range of energies."""
    points = tested(evidence)
    of_all = variants(points, [], by=["train_count"])
    return not training_ranges(points) and (len(of_all) > 1 or len(of_all[0].cells) > 1)


def range_text(cell: Cell) -> str:
    """`bins 0–2`, `bin 0`."""
    bins = train_bins(cell)
    return f"bin {bins[0]}" if len(bins) == 1 else f"bins {bins[0]}–{bins[-1]}"


def bin_text(number: int) -> str:
    """`bin 6 (1967.5–2203.75 GeV)`."""
    return f"bin {number} ({EDGES[number]:g}–{EDGES[number + 1]:g} GeV)"


def by_bin(jets: ScoredJets) -> list[NDArray[np.bool_]]:
    """Masks of the jets in each of the 8 bins."""
    return [jets.bins == number for number in range(NUM_BINS)]


def quadratic_decay(scores: Sequence[ClassScore], trained: Sequence[int]) -> QuadraticDecay | None:
    """The fit from the last training bin upwards; None if too few bins have enough jets.

    Args:
        scores: of the 8 bins.
        trained: training bins.
    """
    last = max(trained)
    bins = [n for n in range(last, NUM_BINS) if not scores[n].has_few_samples]
    if len(bins) < MIN_BINS or bins[0] != last:
        return None
    distance = np.array(bins, dtype=float) - last
    weights = np.sqrt([scores[n].count for n in bins])
    powers = np.stack([distance**power for power in range(3)], axis=1)
    solve = np.linalg.pinv(weights[:, None] * powers) * weights  # (3, bins)
    used = [scores[n] for n in bins]
    positions = np.linspace(0, distance[-1], NUM_POSITIONS)
    fitted = [
        interval(used, lambda values, at=at: values @ (solve.T @ [1, at, at**2]))  # type: ignore[misc]
        for at in positions
    ]
    return QuadraticDecay(
        slope=interval(used, lambda values: values @ solve[1]),
        curvature=interval(used, lambda values: values @ solve[2]),
        positions=positions,
        line=np.array([at.estimate for at in fitted]),
        low=np.array([at.low for at in fitted]),
        high=np.array([at.high for at in fitted]),
        bins=tuple(bins),
    )
