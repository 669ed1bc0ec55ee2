"""What jets turned about the beam say of the paper's findings on rotation (§5.3, fig. 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.scores import ClassScore, interval, mean_score
from saibench.analysis.jet_tagging.rotated_scores import (
    best_and_worst,
    cross_fitted,
    extremes,
    mean_difference,
)
from saibench.analysis.jet_tagging.tested_jets import (
    FEATURES,
    rotated_jets,
    rotated_partition,
    rotated_variants,
)
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, fewest_seeds
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, Finding, ask
from saibench.findings.jet_tagging.shared import (
    answer_positive,
    judged,
    number_of,
)

INVARIANT = (
    "kinematic inputs: but for rounding, a jet's score is the same however it is turned (§5.3)"
)
SENSITIVE = "four-momenta: the AUC depends on how jets are turned (§5.3, fig. 9)"
NOT_UPRIGHT = "four-momenta: jets as they are need not be those done best (§5.3, fig. 9)"
MITIGATED = "the gap between best and worst angle shrinks with the training set (§5.3, fig. 9)"
WORST_WINS = (
    "with the most jets, four-momenta at the worst angle are better than kinematic inputs (§5.3)"
)

BY_OTHERS = "where other jets choose the angle"

COUNT = "train_count"
PRIOR = "kinematic"
ROUNDING = 0.02
"""Share of the scores' spread that single precision explains: in the masses of nearly parallel
pairs large numbers cancel, and their logarithms are inputs. Of a small Particle Transformer trained
on 1,800 jets of TopLandscape it is 0.5 %, and 1e-11 in double precision."""


@dataclass(frozen=True, eq=False)
class Turned:
    """A cell's areas under the ROC by angle, and the positions of the best and the worst."""

    cell: Cell
    angles: list[str]
    areas: list[ClassScore]

    @property
    def ends(self) -> list[ClassScore]:
        return [self.areas[position] for position in extremes(self.areas)]

    @property
    def ends_by_others(self) -> list[ClassScore]:
        """Best and worst, and once more: by either half of the jets, as the other half chooses."""
        return cross_fitted(self.areas, best_and_worst)

    @property
    def gap(self) -> str:
        best, worst = self.ends
        by_others = number_of(*self.ends_by_others, reduce=mean_difference)
        gap = best.estimate - worst.estimate
        return f"{gap:.4f} ({by_others} {BY_OTHERS}) with {self.name}"

    @property
    def name(self) -> str:
        return f"{self.cell.shared[COUNT]:,} jets"


def of_rotation(evidence: StudyEvidence) -> list[Finding]:
    partition = rotated_partition(evidence)
    if partition is None:
        return []
    found: list[Finding] = []
    for variant in rotated_variants(evidence):
        cells = _by_features(variant)
        if PRIOR in cells:
            asked = partial(invariant, evidence, cells[PRIOR], partition)
            found += ask(INVARIANT, variant.label, asked)
        for name, own in cells.items():
            if name == PRIOR:
                continue
            label = ", ".join(filter(None, [variant.label, name]))
            turned = [_turned(evidence, cell, partition) for cell in own]
            found += ask(SENSITIVE, label, partial(sensitive, turned))
            found += ask(NOT_UPRIGHT, label, partial(not_upright, turned))
            if len(turned) > 1:
                found += ask(MITIGATED, label, partial(mitigated, turned), fewest_seeds(own))
            prior = {cell.shared[COUNT]: cell for cell in cells.get(PRIOR, [])}
            most = prior.get(own[-1].shared[COUNT])
            if most is not None:
                reference = _turned(evidence, most, partition)
                seeds = fewest_seeds([own[-1], most])
                found += ask(WORST_WINS, label, partial(worst_wins, turned[-1], reference), seeds)
    return found


def invariant(evidence: StudyEvidence, cells: list[Cell], partition: str) -> Answer:
    """By how far a jet's scores lie apart over the angles, beside how far those of jets do."""
    apart, spreads, largest = [], [], 0.0
    for cell in cells:
        _, turned = rotated_jets(evidence, cell, partition)
        for point in cell.points:
            scores = np.stack([jets.scores[point] for jets in turned])
            apart.append(np.ptp(scores, axis=0))
            spreads.append(float(scores[0].std()))
            largest = max(largest, float(apart[-1].max()))
    jets, spread = turned[0], float(np.mean(spreads))
    mean = interval([mean_score(np.mean(apart, axis=0), jets.label, jets.blocks)])
    if not spread:
        raise UserError(f"All {len(jets.label):,} jets have the same score, whatever the angle.")
    low, share, high = (100 * number / spread for number in (mean.low, mean.estimate, mean.high))
    found = INCONCLUSIVE
    if mean.high < ROUNDING * spread:
        found = SUPPORTED
    elif mean.low > ROUNDING * spread:
        found = CONTRADICTED
    return found, (
        f"over all angles a jet's scores lie {mean.estimate:.1e} apart on average, at most "
        f"{largest:.1e}: {share:.2g} [{low:.2g}, {high:.2g}] % of the scores' standard deviation "
        f"{spread:.2f}, over {len(jets.label):,} jets and {len(apart)} models; rounding explains "
        f"up to {100 * ROUNDING:g} %."
    )


def sensitive(turned: list[Turned]) -> Answer:
    """By the gap between the best and the worst angle with the fewest jets, cross-fitted."""
    rows = ", ".join(each.gap for each in turned)
    return judged(
        turned[0].ends_by_others,
        mean_difference,
        f"AUC at the best less at the worst angle: {rows}.",
    )


def not_upright(turned: list[Turned]) -> Answer:
    """By the model whose best angle gains most over 0°, cross-fitted."""
    gains = [(each, each.ends[0].estimate - each.areas[0].estimate) for each in turned]
    each, gained = max(gains, key=lambda gain: gain[1])
    best = each.angles[extremes(each.areas)[0]]
    counts = [len(own.areas) for own in turned]
    upright = np.repeat(np.cumsum([0, *counts[:-1]]), counts)  # of each area, that at 0°

    def most_gaining(values: Floats) -> tuple[int, int]:
        position, _ = best_and_worst(values - values[upright])
        return position, int(upright[position])

    areas = [area for own in turned for area in own.areas]
    chosen = BY_OTHERS if len(turned) == 1 else "where other jets choose model and angle"
    pairs = cross_fitted(areas, most_gaining)
    return judged(
        pairs,
        mean_difference,
        f"with {each.name} the AUC is highest at {best}°, by {gained:.4f} more than at 0° "
        f"({number_of(*pairs, reduce=mean_difference)} {chosen}).",
    )


def mitigated(turned: list[Turned]) -> Answer:
    """By the gap with the fewest jets less that with the most, both cross-fitted."""
    ends = turned[0], turned[-1]
    scores = [score for each in ends for score in each.ends_by_others]
    shrinks = interval(scores, lambda v: mean_difference(v[:, :4]) - mean_difference(v[:, 4:]))
    rows = ", ".join(each.gap for each in ends)
    return answer_positive(scores, shrinks, f"AUC at the best less at the worst angle: {rows}.")


def worst_wins(turned: Turned, reference: Turned) -> Answer:
    """By the AUC at the worst angle, cross-fitted, less that of the kinematic model."""
    pairs = cross_fitted(
        [*turned.areas, reference.areas[0]],
        lambda values: (best_and_worst(values[:-1])[1], len(values) - 1),
    )
    return judged(
        pairs,
        mean_difference,
        f"with {turned.name} the AUC is {number_of(turned.ends[1])} at the worst angle and "
        f"{number_of(reference.areas[0])} with kinematic inputs, "
        f"{number_of(*pairs, reduce=mean_difference)} more {BY_OTHERS}.",
    )


def _by_features(variant: Variant) -> Mapping[str, list[Cell]]:
    """The cells of each input, by their number of jets."""
    found: dict[str, list[Cell]] = {}
    for cell in variant.cells:
        found.setdefault(cell.shared[FEATURES], []).append(cell)
    return found


def _turned(evidence: StudyEvidence, cell: Cell, partition: str) -> Turned:
    angles, jets = rotated_jets(evidence, cell, partition)
    return Turned(cell, list(angles), [of_angle.auc(cell) for of_angle in jets])
