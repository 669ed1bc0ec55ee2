"""The paper's claims on training set size and input features (§5.1, §5.2)."""

from __future__ import annotations

from functools import partial

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.roc_bands import background_efficiency
from saibench.analysis.classification.scores import MIN_SAMPLES, interval
from saibench.analysis.jet_tagging.tested_jets import FEATURES, SIZES, tested_jets
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, min_seeds, tested, variants
from saibench.findings.finding import INCONCLUSIVE, Answer, Finding, check_claim
from saibench.findings.jet_tagging.shared import (
    answer_positive,
    first_minus_second,
    number_of,
    percent_of,
    second_minus_first,
)
from saibench.findings.verdict import verdict
from saibench.formatting import fixed

MORE_HELPS = "more training jets increase the accuracy (§5.1, fig. 7a)"
LOG_LINEAR = (
    "the accuracy gain per doubling of the training jets does not drop: with many jets it is more "
    "than half of that with few (§5.1, fig. 7a)"
)
NOISY = (
    "trained on the fewest jets, the model has a background efficiency above 1 % (§5.1, fig. 7b)"
)
PRIOR_WINS_FEW = (
    "with the fewest jets, kinematic inputs are better than four-momenta (§5.2, fig. 8)"
)
RAW_WINS_MANY = "with the most jets, four-momenta are better than kinematic inputs (§5.2, fig. 8)"
LEAD_SHRINKS = "the lead of kinematic inputs shrinks with the training set size (§5.2, fig. 8)"

COUNT = "train_count"
PRIOR = "kinematic"
KEPT = 0.3
"""Signal efficiency; a tagger with less is of little use."""
NOISE = 0.01
"""Background efficiency (§5.1)."""


def of_sizes(evidence: StudyEvidence) -> list[Finding]:
    found: list[Finding] = []
    for variant in variants(tested(evidence), SIZES, by=[COUNT]):
        if len(variant.cells) > 1:
            label, seeds = variant.label, min_seeds(variant.cells)
            found += check_claim(MORE_HELPS, label, partial(more_helps, evidence, variant), seeds)
            found += check_claim(LOG_LINEAR, label, partial(log_linear, evidence, variant), seeds)
            found += check_claim(NOISY, label, partial(noisy, evidence, variant))
    return found


def of_features(evidence: StudyEvidence) -> list[Finding]:
    """The findings on kinematic features against every other input, at equal numbers of jets."""
    points = tested(evidence)
    if FEATURES not in points.columns:
        return []
    found: list[Finding] = []
    for variant in variants(points, [*SIZES, FEATURES], by=[FEATURES, COUNT]):
        names = dict.fromkeys(cell.shared[FEATURES] for cell in variant.cells)
        for other in (name for name in names if name != PRIOR):
            pairs = _pairs(variant, other)
            if not pairs:
                continue
            label = ", ".join(filter(None, [variant.label, f"{PRIOR} against {other}"]))
            few, many = min_seeds(pairs[0]), min_seeds(pairs[-1])
            test = partial(prior_wins, evidence, pairs[0], 1)
            found += check_claim(PRIOR_WINS_FEW, label, test, few)
            if len(pairs) > 1:
                test = partial(prior_wins, evidence, pairs[-1], -1)
                found += check_claim(RAW_WINS_MANY, label, test, many)
                test = partial(lead_shrinks, evidence, pairs)
                found += check_claim(LEAD_SHRINKS, label, test, min(few, many))
    return found


def more_helps(evidence: StudyEvidence, variant: Variant) -> Answer:
    """Test the accuracy with the most jets minus that with the fewest."""
    jets = tested_jets(evidence, variant.cells)
    scores = [jets.accuracy(cell) for cell in variant.cells]
    rows = ", ".join(
        f"{percent_of(score)} with {cell.shared[COUNT]:,}"
        for cell, score in zip(variant.cells, scores, strict=True)
    )
    ends = [scores[0], scores[-1]]
    gained = percent_of(*ends, reduce=second_minus_first)
    return answer_positive(ends, second_minus_first, f"accuracy {rows} jets: {gained} more.")


def log_linear(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    """Compare the gains per doubling in the upper and the lower half of the sizes (log scale)."""
    counts = np.array([cell.shared[COUNT] for cell in variant.cells], dtype=float)
    doublings = np.log2(counts)
    if len(counts) < 3:
        return None
    turn = 1 + int(np.argmin(np.abs(doublings[1:-1] - (doublings[0] + doublings[-1]) / 2)))
    jets = tested_jets(evidence, variant.cells)
    scores = [jets.accuracy(variant.cells[number]) for number in (0, turn, -1)]
    before = doublings[turn] - doublings[0], doublings[-1] - doublings[turn]

    def gains(values: Floats) -> tuple[Floats, Floats]:
        return (values[:, 1] - values[:, 0]) / before[0], (values[:, 2] - values[:, 1]) / before[1]

    first, later = (
        percent_of(*scores, reduce=lambda values, n=n: gains(values)[n], digits=2)  # type: ignore[misc]
        for n in range(2)
    )
    rises = interval(scores, lambda values: gains(values)[0])
    numbers = (
        f"accuracy gain per doubling: {first} from {counts[0]:,.0f} to {counts[turn]:,.0f} "
        f"jets, {later} from there to {counts[-1]:,.0f}."
    )
    if rises.low <= 0:
        return INCONCLUSIVE, f"no significant gain in the lower half: {numbers}"
    return answer_positive(scores, lambda values: gains(values)[1] - gains(values)[0] / 2, numbers)


def noisy(evidence: StudyEvidence, variant: Variant) -> Answer:
    """Test the background efficiency at a signal efficiency of 30 %."""
    jets = tested_jets(evidence, variant.cells)
    passed = [
        background_efficiency(
            [jets.scores[point] for point in cell.points], jets.label, jets.blocks, KEPT
        )
        for cell in (variant.cells[0], variant.cells[-1])
    ]
    tops, qcds = (int((jets.label == one).sum()) for one in (1, 0))
    efficiencies = [fixed(each, 4) for each in passed]
    numbers = (
        f"at a signal efficiency of {100 * KEPT:.0f} % the background efficiency is "
        f"{efficiencies[0]} with {variant.cells[0].shared[COUNT]:,} training jets and "
        f"{efficiencies[1]} with {variant.cells[-1].shared[COUNT]:,}, over {qcds:,} QCD jets."
    )
    if tops < MIN_SAMPLES:
        return INCONCLUSIVE, f"too few top jets for a signal efficiency of 30 %: {numbers}"
    if qcds * NOISE < 10:
        return INCONCLUSIVE, f"too few QCD jets to resolve 1 % of them: {numbers}"
    return verdict(passed[0], NOISE), numbers


def prior_wins(evidence: StudyEvidence, pair: tuple[Cell, Cell], sign: int) -> Answer:
    """Test the accuracy with kinematic inputs minus that with the other, times `sign`."""
    own, other = pair
    jets = tested_jets(evidence, [own, other])
    scores = [jets.accuracy(own), jets.accuracy(other)]
    lead = percent_of(*scores, reduce=first_minus_second)
    areas = jets.auc(own), jets.auc(other)
    return answer_positive(
        scores,
        lambda values: sign * first_minus_second(values),
        f"with {own.shared[COUNT]:,} jets the accuracy is {percent_of(scores[0])} with kinematic "
        f"inputs and {percent_of(scores[1])} with {other.shared[FEATURES]}, a lead of {lead}; the "
        f"AUC {number_of(areas[0])} and {number_of(areas[1])}.",
    )


def lead_shrinks(evidence: StudyEvidence, pairs: list[tuple[Cell, Cell]]) -> Answer:
    """Test the lead with the fewest jets minus that with the most."""
    ends = [*pairs[0], *pairs[-1]]
    jets = tested_jets(evidence, ends)
    scores = [jets.accuracy(cell) for cell in ends]
    leads = [percent_of(*scores[n : n + 2], reduce=first_minus_second) for n in (0, 2)]
    return answer_positive(
        scores,
        lambda v: v[:, 0] - v[:, 1] - v[:, 2] + v[:, 3],
        f"the lead of kinematic inputs is {leads[0]} with {pairs[0][0].shared[COUNT]:,} jets and "
        f"{leads[1]} with {pairs[-1][0].shared[COUNT]:,}.",
    )


def _pairs(variant: Variant, other: str) -> list[tuple[Cell, Cell]]:
    """Cells with kinematic and with other inputs at equal numbers of jets, in ascending order."""
    cells = {(cell.shared[FEATURES], cell.shared[COUNT]): cell for cell in variant.cells}
    counts = sorted(count for name, count in cells if name == PRIOR and (other, count) in cells)
    return [(cells[PRIOR, count], cells[other, count]) for count in counts]
