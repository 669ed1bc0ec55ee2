"""What jets turned about the beam say of the paper's findings on rotation (§5.3, fig. 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, rows_of, tested, variants
from saibench.interpretation.finding import NOT_SEEN, SEEN, Answer, Finding, ask
from saibench.interpretation.jet_claims import (
    answer_positive,
    judged,
    number_of,
)
from saibench.interpretation.jet_scores import JetScore, interval
from saibench.interpretation.tested_jets import (
    FEATURES,
    SIZES,
    turned_jets,
    turned_partition,
)
from saibench.interpretation.turned_scores import best_less_worst, extremes

INVARIANT = "kinematic inputs: the score of a jet is the same however it is turned (§5.3)"
SENSITIVE = "four-momenta: the AUC depends on how jets are turned (§5.3, fig. 9)"
NOT_UPRIGHT = "four-momenta: jets as they are need not be those done best (§5.3, fig. 9)"
MITIGATED = "the gap between best and worst angle shrinks with the training set (§5.3, fig. 9)"
WORST_WINS = (
    "with the most jets, four-momenta at the worst angle are better than kinematic inputs (§5.3)"
)

COUNT = "train_count"
PRIOR = "kinematic"
ROUNDING = 1e-3
"""Change of a score that single precision explains: features differ by 1e-6, logits by more."""


@dataclass(frozen=True, eq=False)
class Turned:
    """A cell's areas under the ROC by angle, and the positions of the best and the worst."""

    cell: Cell
    angles: list[str]
    areas: list[JetScore]

    @property
    def ends(self) -> list[JetScore]:
        return [self.areas[position] for position in extremes(self.areas)]

    @property
    def name(self) -> str:
        return f"{self.cell.shared[COUNT]:,} jets"


def of_rotation(evidence: StudyEvidence) -> list[Finding]:
    partition = turned_partition(evidence)
    points = tested(evidence)
    if partition is None or FEATURES not in points.columns:
        return []
    held = evidence.samples.filter(polars.col("partition") == partition)["point"].unique()
    points = points.filter(polars.col("point").is_in(held.to_list()))
    found: list[Finding] = []
    for variant in variants(points, [*SIZES, FEATURES], by=[FEATURES, COUNT]):
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
                found += ask(MITIGATED, label, partial(mitigated, turned))
            prior = {cell.shared[COUNT]: cell for cell in cells.get(PRIOR, [])}
            most = prior.get(own[-1].shared[COUNT])
            if most is not None:
                reference = _turned(evidence, most, partition)
                found += ask(WORST_WINS, label, partial(worst_wins, turned[-1], reference))
    return found


def invariant(evidence: StudyEvidence, cells: list[Cell], partition: str) -> Answer:
    """By the largest change of any jet's score: no interval, this is a property of the inputs."""
    points = [point for cell in cells for point in cell.points]
    rows = rows_of(evidence.samples, points, partition)
    if "score_range" in rows.columns and not rows["score_range"].is_null().all():
        largest = float(rows["score_range"].drop_nulls().max())  # type: ignore[arg-type]
    else:
        largest = max(_largest_change(evidence, cell, partition) for cell in cells)
    return (
        SEEN if largest < ROUNDING else NOT_SEEN,
        f"turned by any angle, no score of {rows['sample_id'].n_unique():,} jets by {len(points)} "
        f"models changes by more than {largest:.1e}; rounding explains up to {ROUNDING:g}.",
    )


def sensitive(turned: list[Turned]) -> Answer:
    """By the gap between the best and the worst angle with the fewest jets."""
    rows = ", ".join(
        f"{number_of(*each.ends, reduce=best_less_worst)} with {each.name}" for each in turned
    )
    return judged(
        turned[0].ends, best_less_worst, f"AUC at the best less at the worst angle: {rows}."
    )


def not_upright(turned: list[Turned]) -> Answer:
    """By the model whose best angle gains most over 0°."""
    gains = [(each, [each.ends[0], each.areas[0]]) for each in turned]
    each, pair = max(gains, key=lambda gain: gain[1][0].estimate - gain[1][1].estimate)
    best = each.angles[extremes(each.areas)[0]]
    gained = number_of(*pair, reduce=best_less_worst)
    return judged(
        pair,
        best_less_worst,
        f"with {each.name} the AUC is highest at {best}°, by {gained} more than at 0°.",
    )


def mitigated(turned: list[Turned]) -> Answer:
    """By the gap with the fewest jets less that with the most."""
    scores = [*turned[0].ends, *turned[-1].ends]
    gaps = [number_of(*each.ends, reduce=best_less_worst) for each in (turned[0], turned[-1])]
    shrinks = interval(scores, lambda v: v[:, 0] - v[:, 1] - v[:, 2] + v[:, 3])
    return answer_positive(
        scores,
        shrinks,
        f"AUC at the best less at the worst angle: {gaps[0]} with {turned[0].name}, {gaps[1]} with "
        f"{turned[-1].name}.",
    )


def worst_wins(turned: Turned, reference: Turned) -> Answer:
    """By the AUC at the worst angle less that of the kinematic model, both on all angles' jets."""
    pair = [turned.ends[1], reference.areas[0]]
    return judged(
        pair,
        best_less_worst,
        f"with {turned.name} the AUC is {number_of(pair[0])} at the worst angle and "
        f"{number_of(pair[1])} with kinematic inputs, "
        f"{number_of(*pair, reduce=best_less_worst)} more.",
    )


def _by_features(variant: Variant) -> Mapping[str, list[Cell]]:
    """The cells of each input, by their number of jets."""
    found: dict[str, list[Cell]] = {}
    for cell in variant.cells:
        found.setdefault(cell.shared[FEATURES], []).append(cell)
    return found


def _turned(evidence: StudyEvidence, cell: Cell, partition: str) -> Turned:
    angles, jets = turned_jets(evidence, cell, partition)
    return Turned(cell, list(angles), [of_angle.auc(cell) for of_angle in jets])


def _largest_change(evidence: StudyEvidence, cell: Cell, partition: str) -> float:
    _, jets = turned_jets(evidence, cell, partition)
    return max(
        float(abs(of_angle.scores[point] - jets[0].scores[point]).max())
        for of_angle in jets
        for point in cell.points
    )
