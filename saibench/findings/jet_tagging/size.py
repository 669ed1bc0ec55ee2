"""What taggers trained on more or fewer jets, with other inputs, say of the paper (§5.1, §5.2)."""

from __future__ import annotations

from functools import partial

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.roc_bands import background_efficiency
from saibench.analysis.classification.scores import MIN_SAMPLES, interval
from saibench.analysis.jet_tagging.tested_jets import FEATURES, SIZES, tested_jets
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, fewest_seeds, tested, variants
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, Finding, ask
from saibench.findings.jet_tagging.shared import answer_positive, judged, number_of, percent_of
from saibench.formatting import fixed

MORE_HELPS = "more training jets raise the accuracy (§5.1, fig. 7a)"
LOG_LINEAR = (
    "the accuracy gained by a doubling of the training jets does not drop with their number: it "
    "stays more than half as large (§5.1, fig. 7a)"
)
NOISY = (
    "trained on the fewest jets, the model cannot push the background efficiency below 1 % (§5.1, "
    "fig. 7b)"
)
PRIOR_WINS_FEW = (
    "with the fewest jets, kinematic inputs are better than four-momenta (§5.2, fig. 8)"
)
RAW_WINS_MANY = "with the most jets, four-momenta are better than kinematic inputs (§5.2, fig. 8)"
LEAD_SHRINKS = "the lead of kinematic inputs shrinks with the training set (§5.2, fig. 8)"

COUNT = "train_count"
PRIOR = "kinematic"
KEPT = 0.3
"""Signal efficiency below which a tagger is of little use."""
NOISE = 0.01
"""Background efficiency (§5.1)."""


def of_sizes(evidence: StudyEvidence) -> list[Finding]:
    found: list[Finding] = []
    for variant in variants(tested(evidence), SIZES, by=[COUNT]):
        if len(variant.cells) > 1:
            seeds = fewest_seeds(variant.cells)
            found += ask(MORE_HELPS, variant.label, partial(more_helps, evidence, variant), seeds)
            found += ask(LOG_LINEAR, variant.label, partial(log_linear, evidence, variant), seeds)
            found += ask(NOISY, variant.label, partial(noisy, evidence, variant))
    return found


def of_features(evidence: StudyEvidence) -> list[Finding]:
    """Of every input beside the kinematic features, with equally many jets each."""
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
            few, many = fewest_seeds(pairs[0]), fewest_seeds(pairs[-1])
            found += ask(PRIOR_WINS_FEW, label, partial(prior_wins, evidence, pairs, 0, 1), few)
            if len(pairs) > 1:
                asked = partial(prior_wins, evidence, pairs, -1, -1)
                found += ask(RAW_WINS_MANY, label, asked, many)
                asked = partial(lead_shrinks, evidence, pairs)
                found += ask(LEAD_SHRINKS, label, asked, min(few, many))
    return found


def more_helps(evidence: StudyEvidence, variant: Variant) -> Answer:
    """By the accuracy with the most jets less that with the fewest."""
    jets = tested_jets(evidence, variant.cells)
    scores = [jets.accuracy(cell) for cell in variant.cells]
    rows = ", ".join(
        f"{percent_of(score)} with {cell.shared[COUNT]:,}"
        for cell, score in zip(variant.cells, scores, strict=True)
    )
    ends = [scores[0], scores[-1]]
    gained = percent_of(*ends, reduce=_second_less_first)
    return judged(ends, _second_less_first, f"accuracy {rows} jets: {gained} more.")


def log_linear(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    """By the gain a doubling in the upper half of the doublings, against that in the lower half."""
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
        f"accuracy gained by a doubling: {first} from {counts[0]:,.0f} to {counts[turn]:,.0f} "
        f"jets, {later} from there to {counts[-1]:,.0f}."
    )
    if rises.low <= 0:
        return INCONCLUSIVE, f"no gain in the lower half beyond doubt: {numbers}"
    return judged(scores, lambda values: gains(values)[1] - gains(values)[0] / 2, numbers)


def noisy(evidence: StudyEvidence, variant: Variant) -> Answer:
    """By the share of QCD jets that is kept where 30 % of the top jets are."""
    jets = tested_jets(evidence, variant.cells)
    passed = [
        background_efficiency(
            [jets.scores[point] for point in cell.points], jets.label, jets.blocks, KEPT
        )
        for cell in (variant.cells[0], variant.cells[-1])
    ]
    tops, qcds = (int((jets.label == one).sum()) for one in (1, 0))
    shown = [fixed(each, 4) for each in passed]
    numbers = (
        f"where {100 * KEPT:.0f} % of the top jets are kept, so is a share of {shown[0]} of the "
        f"{qcds:,} QCD jets with {variant.cells[0].shared[COUNT]:,} training jets, and {shown[1]} "
        f"with {variant.cells[-1].shared[COUNT]:,}."
    )
    if tops < MIN_SAMPLES:
        return INCONCLUSIVE, f"too few top jets to keep 30 % of them: {numbers}"
    if qcds * NOISE < 10:
        return INCONCLUSIVE, f"too few QCD jets to see 1 % of them: {numbers}"
    found = CONTRADICTED if passed[0].high < NOISE else INCONCLUSIVE
    return (SUPPORTED if passed[0].low > NOISE else found), numbers


def prior_wins(
    evidence: StudyEvidence, pairs: list[tuple[Cell, Cell]], position: int, sign: int
) -> Answer:
    """By the accuracy with kinematic inputs less the other's, times `sign`."""
    own, other = pairs[position]
    jets = tested_jets(evidence, [own, other])
    scores = [jets.accuracy(own), jets.accuracy(other)]
    lead = percent_of(*scores, reduce=_first_less_second)
    areas = jets.auc(own), jets.auc(other)
    return judged(
        scores,
        lambda values: sign * _first_less_second(values),
        f"with {own.shared[COUNT]:,} jets the accuracy is {percent_of(scores[0])} with kinematic "
        f"inputs and {percent_of(scores[1])} with {other.shared[FEATURES]}, a lead of {lead}; the "
        f"AUC {number_of(areas[0])} and {number_of(areas[1])}.",
    )


def lead_shrinks(evidence: StudyEvidence, pairs: list[tuple[Cell, Cell]]) -> Answer:
    """By the lead with the fewest jets less that with the most."""
    ends = [*pairs[0], *pairs[-1]]
    jets = tested_jets(evidence, ends)
    scores = [jets.accuracy(cell) for cell in ends]
    leads = [percent_of(*scores[n : n + 2], reduce=_first_less_second) for n in (0, 2)]
    shrinks = interval(scores, lambda v: v[:, 0] - v[:, 1] - v[:, 2] + v[:, 3])
    return answer_positive(
        scores,
        shrinks,
        f"kinematic inputs lead by {leads[0]} with {pairs[0][0].shared[COUNT]:,} jets and by "
        f"{leads[1]} with {pairs[-1][0].shared[COUNT]:,}.",
    )


def _pairs(variant: Variant, other: str) -> list[tuple[Cell, Cell]]:
    """Kinematic and other inputs with equally many jets, by their number."""
    cells = {(cell.shared[FEATURES], cell.shared[COUNT]): cell for cell in variant.cells}
    counts = sorted(count for name, count in cells if name == PRIOR and (other, count) in cells)
    return [(cells[PRIOR, count], cells[other, count]) for count in counts]


def _first_less_second(values: Floats) -> Floats:
    return values[:, 0] - values[:, 1]


def _second_less_first(values: Floats) -> Floats:
    return values[:, 1] - values[:, 0]
