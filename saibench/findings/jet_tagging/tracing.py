"""The paper's claims on error tracing, tested by class and energy (§5.5, fig. 12)."""

from __future__ import annotations

from functools import partial

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.scores import MIN_SAMPLES, ClassScore, interval
from saibench.analysis.jet_tagging.class_balance import (
    BACKGROUND,
    BALANCE,
    SIGNAL,
    accuracy_change,
    balance_minus_classifier,
)
from saibench.analysis.jet_tagging.tested_jets import ScoredJets
from saibench.datamodules.jet_tagging.energy_bins import NUM_BINS
from saibench.errors import UserError
from saibench.evidence.selection import Cell
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, Answer, Finding, check_claim
from saibench.findings.jet_tagging.shared import (
    answer,
    answer_positive,
    first_minus_second,
    percent,
    percent_of,
    second_minus_first,
)
from saibench.findings.verdict import verdict, verdict_below

RATIO_FALLS = "the fraction of top jets decreases with energy (§5.5, fig. 12a)"
SIGNAL_FALLS = "the accuracy on top jets decreases with energy (§5.5, fig. 12b)"
BACKGROUND_RISES = "the accuracy on QCD jets is higher in bin 6 than in bin 5 (§5.5, fig. 12b)"
CLASSES_DIFFER = "the accuracies on top jets and on QCD jets differ (§5.5, fig. 12b)"
BUMP_IS_BALANCE = (
    "the rise of the accuracy in bin 6 is due to class balance more than to the classifier (§5.5)"
)
BUMP_BIN = 6


def of_tracing(jets: ScoredJets, cell: Cell, label: str) -> list[Finding]:
    """The findings on one model."""
    tests = {
        RATIO_FALLS: partial(ratio_falls, jets),
        SIGNAL_FALLS: partial(signal_falls, jets, cell),
        BACKGROUND_RISES: partial(background_rises, jets, cell),
        CLASSES_DIFFER: partial(classes_differ, jets, cell),
        BUMP_IS_BALANCE: partial(bump_is_balance, jets, cell),
    }
    return [one for claim, test in tests.items() for one in check_claim(claim, label, test)]


def ratio_falls(jets: ScoredJets) -> Answer:
    """Test the slope of the fraction over the bins."""
    free = jets.unstratified
    return _falls([free.signal_ratio(jets.bins == n) for n in range(NUM_BINS)], "top jets")


def signal_falls(jets: ScoredJets, cell: Cell) -> Answer:
    scores = [jets.class_accuracy(cell, 1, jets.bins == n) for n in range(NUM_BINS)]
    return _falls(scores, "accuracy on top jets")


def background_rises(jets: ScoredJets, cell: Cell) -> Answer:
    before, at = (jets.class_accuracy(cell, 0, jets.bins == n) for n in (BUMP_BIN - 1, BUMP_BIN))
    if not before.num_background or not at.num_background:
        raise UserError(f"Bin {BUMP_BIN - 1} or bin {BUMP_BIN} has no QCD jets.")
    rise = interval([before, at], second_minus_first)
    numbers = (
        f"accuracy on QCD jets {percent_of(before)} in bin 5 ({before.num_background:,} jets) and "
        f"{percent_of(at)} in bin 6 ({at.num_background:,} jets)."
    )
    if min(before.num_background, at.num_background) < MIN_SAMPLES:
        return INCONCLUSIVE, f"too few jets: {numbers}"
    return verdict(rise), numbers


def classes_differ(jets: ScoredJets, cell: Cell) -> Answer:
    """Test whether the difference over all energies is significant in either direction."""
    signal, background = (jets.class_accuracy(cell, label) for label in (1, 0))
    gap = interval([signal, background], first_minus_second)
    return answer(
        verdict_below(gap) if gap.estimate < 0 else verdict(gap),
        [signal, background],
        f"accuracy {percent_of(signal)} on {signal.num_signal:,} top jets and "
        f"{percent_of(background)} on {background.num_background:,} QCD jets.",
    )


def bump_is_balance(jets: ScoredJets, cell: Cell) -> Answer:
    """Compare the contributions of class balance and classifier to the rise from bin 5 to bin 6."""
    change = accuracy_change(jets, cell, BUMP_BIN - 1, BUMP_BIN)
    if np.isnan(change.whole.estimate):
        raise UserError(f"Bin {BUMP_BIN - 1} or bin {BUMP_BIN} lacks jets of a class.")
    chosen = [jets.bins == n for n in (BUMP_BIN - 1, BUMP_BIN)]
    plain = [jets.accuracy(cell, own) for own in chosen]
    balanced = [jets.balanced_accuracy(cell, own) for own in chosen]
    rise = percent_of(*balanced, reduce=second_minus_first)
    numbers = (
        f"from bin 5 to bin 6 the accuracy changes by {percent(change.whole)}: "
        f"{percent(change.parts[BALANCE])} by class balance, {percent(change.parts[SIGNAL])} by "
        f"the classifier on top jets, {percent(change.parts[BACKGROUND])} on QCD jets; with "
        f"balanced classes it changes by {rise}."
    )
    if change.whole.high < 0:
        found, numbers = CONTRADICTED, f"there is no rise: {numbers}"
    elif change.whole.low <= 0:
        found, numbers = INCONCLUSIVE, f"the rise is not significant: {numbers}"
    else:
        found = verdict(balance_minus_classifier(jets, cell, BUMP_BIN - 1, BUMP_BIN))
    return answer(found, plain, numbers)


def _falls(scores: list[ClassScore], name: str) -> Answer:
    """Test whether the slope of weighted least squares over the bins is negative."""
    used = [n for n, score in enumerate(scores) if not score.has_few_samples]
    if len(used) < 3:
        raise UserError(f"Fewer than 3 energy bins have {MIN_SAMPLES} jets of either class.")
    counts = np.array([scores[n].count for n in used], dtype=float)
    place = np.array(used) - np.average(used, weights=counts)
    solve = counts * place / (counts * place**2).sum()

    def fall(values: Floats) -> Floats:
        return -values @ solve

    rows = ", ".join(f"{100 * scores[n].estimate:.1f} % in bin {n}" for n in used)
    of_used = [scores[n] for n in used]
    slope = percent_of(*of_used, reduce=fall, digits=2)
    return answer_positive(of_used, fall, f"{name}: {rows}; a decrease of {slope} per bin.")
