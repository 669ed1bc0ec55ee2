"""The paper's claims on extrapolation in energy, tested by bins (§5.4, figs. 10, 11)."""

from __future__ import annotations

from functools import partial

import numpy as np

from saibench.analysis.classification.scores import interval, mean_score
from saibench.analysis.jet_tagging.energy_decay import (
    by_bin,
    quadratic_decay,
    range_text,
    train_bins,
    training_ranges,
)
from saibench.analysis.jet_tagging.tested_jets import ScoredJets, tested_jets
from saibench.datamodules.jet_tagging.energy_bins import NUM_BINS
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, min_seeds, tested
from saibench.findings.finding import Answer, Finding, check_claim
from saibench.findings.jet_tagging.shared import (
    answer,
    answer_positive,
    first_minus_second,
    number_of,
    percent,
    percent_of,
    second_minus_first,
)
from saibench.findings.verdict import verdict_below, verdict_within

LONG_TAIL = "about half of the jets are in the first of 8 energy bins (§5.4, fig. 10)"
DECAYS = "accuracy is lower beyond the training energies than within (§5.4, fig. 11)"
QUADRATIC = "accuracy decays quadratically beyond the training energies (§5.4, fig. 11)"
QUADRATIC_AUC = "the AUC decays quadratically beyond the training energies (§5.4, fig. 11)"
BUMP = "accuracy is higher in energy bin 6 than in bin 5 (§5.4, fig. 11)"
OWED_TO_TRAINING = (
    "beyond a narrow energy range, a model trained on a wider range is better: the decay is due to "
    "the training range, not to the jets"
)
BUMP_BIN = 6
HALF = (0.4, 0.6)


def of_energies(evidence: StudyEvidence) -> list[Finding]:
    """The findings on each training range."""
    found: list[Finding] = []
    for number, variant in enumerate(training_ranges(tested(evidence))):
        jets = tested_jets(evidence, variant.cells)
        if not number:
            found += check_claim(LONG_TAIL, "", partial(long_tail, jets))
        for cell in variant.cells:
            label = ", ".join(filter(None, [variant.label, f"trained on {range_text(cell)}"]))
            if max(train_bins(cell)) < NUM_BINS - 1:
                found += check_claim(DECAYS, label, partial(decays, jets, cell))
            for claim, statistic in ((QUADRATIC, "accuracy"), (QUADRATIC_AUC, "auc")):
                found += check_claim(claim, label, partial(quadratic, jets, cell, statistic))
            if BUMP_BIN not in train_bins(cell):
                found += check_claim(BUMP, label, partial(bump, jets, cell))
        test = partial(owed_to_training, jets, variant)
        found += check_claim(OWED_TO_TRAINING, variant.label, test, min_seeds(variant.cells))
    return found


def long_tail(jets: ScoredJets) -> Answer:
    in_bins = jets.bins >= 0
    blocks = jets.unstratified.blocks
    first = mean_score((jets.bins == 0).astype(np.float64), jets.label, blocks, in_bins, share=True)
    share = interval([first])
    counts = ", ".join(f"{int((jets.bins == number).sum()):,}" for number in range(NUM_BINS))
    numbers = f"{percent(share)} of the jets are in bin 0; by bin: {counts}."
    return verdict_within(share, *HALF), numbers


def decays(jets: ScoredJets, cell: Cell) -> Answer:
    inside = np.isin(jets.bins, train_bins(cell))
    beyond = jets.bins > max(train_bins(cell))
    scores = [jets.accuracy(cell, inside), jets.accuracy(cell, beyond)]
    if not scores[1].count:
        raise UserError("No jet has an energy beyond the training range.")
    return answer_positive(
        scores,
        first_minus_second,
        f"accuracy {percent_of(scores[0])} within, over {scores[0].count:,} jets, and "
        f"{percent_of(scores[1])} beyond, over {scores[1].count:,}.",
    )


def quadratic(jets: ScoredJets, cell: Cell, statistic: str) -> Answer | None:
    """Test whether the fit's curvature is negative, so that the decay grows with the distance."""
    scores = [getattr(jets, statistic)(cell, chosen) for chosen in by_bin(jets)]
    fit = quadratic_decay(scores, train_bins(cell))
    if fit is None:
        return None
    scale, unit = (100, " %") if statistic == "accuracy" else (1, "")
    slope, curvature = (
        " ".join(
            [
                f"{scale * found.estimate:.3g}",
                f"[{scale * found.low:.3g}, {scale * found.high:.3g}]{unit}",
            ]
        ).replace("-", "−")
        for found in (fit.slope, fit.curvature)
    )
    return answer(
        verdict_below(fit.curvature),
        [scores[number] for number in fit.bins],
        f"least squares over bins {', '.join(map(str, fit.bins))}: slope {slope} per bin, "
        f"curvature {curvature} per bin².",
    )


def bump(jets: ScoredJets, cell: Cell) -> Answer:
    before, at = (jets.accuracy(cell, jets.bins == n) for n in (BUMP_BIN - 1, BUMP_BIN))
    if not before.count or not at.count:
        raise UserError(f"Bin {BUMP_BIN - 1} or bin {BUMP_BIN} has no jets.")
    rise = percent_of(before, at, reduce=second_minus_first)
    return answer_positive(
        [before, at],
        second_minus_first,
        f"accuracy {percent_of(before)} in bin 5 ({before.count:,} jets), {percent_of(at)} in bin "
        f"6 ({at.count:,} jets): {rise} more.",
    )


def owed_to_training(jets: ScoredJets, variant: Variant) -> Answer | None:
    """Compare the widest and the narrowest range on jets of the bins that only the widest has."""
    narrow, wide = variant.cells[0], variant.cells[-1]
    only = np.isin(jets.bins, sorted(set(train_bins(wide)) - set(train_bins(narrow))))
    if not only.any():
        return None
    scores = [jets.accuracy(cell, only) for cell in (wide, narrow)]
    gained = percent_of(*scores, reduce=first_minus_second)
    areas = [jets.auc(cell, only) for cell in (wide, narrow)]
    return answer_positive(
        scores,
        first_minus_second,
        f"on the {scores[0].count:,} jets of bins outside {range_text(narrow)}, accuracy "
        f"{percent_of(scores[0])} trained on {range_text(wide)} and {percent_of(scores[1])} "
        f"trained on {range_text(narrow)}: {gained} more; AUC {number_of(areas[0])} and "
        f"{number_of(areas[1])}.",
    )
