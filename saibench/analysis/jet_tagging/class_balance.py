"""Which part of a change in accuracy between energy bins is class balance, which the classifier.

The accuracy is r·s + (1 − r)·b, of the share r of top jets and the accuracies s and b of either
class. Its change from one bin to another is exactly the sum of three parts, each taken at the mean
of the others (Kitagawa, J. Am. Stat. Assoc. 50, 1955): Δr·(s − b), r·Δs and (1 − r)·Δb.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.classification.scores import ClassScore, interval
from saibench.analysis.jet_tagging.tested_jets import ScoredJets
from saibench.evidence.selection import Cell

BALANCE, SIGNAL, BACKGROUND = "class balance", "classifier, top jets", "classifier, QCD jets"
PARTS = (BALANCE, SIGNAL, BACKGROUND)


@dataclass(frozen=True)
class AccuracyChange:
    """The change from one bin to another, and its parts by `PARTS`."""

    whole: Interval
    parts: dict[str, Interval]


def accuracy_change(jets: ScoredJets, cell: Cell, before: int, after: int) -> AccuracyChange:
    """From bin `before` to bin `after`; NaN where a bin lacks a class."""
    scores = _scores(jets, cell, before, after)
    found = [interval(scores, lambda values, n=n: _parts(values)[n]) for n in range(4)]  # type: ignore[misc]
    return AccuracyChange(found[0], dict(zip(PARTS, found[1:], strict=True)))


def balance_minus_classifier(jets: ScoredJets, cell: Cell, before: int, after: int) -> Interval:
    """What class balance changes less what both classes' accuracies change together."""
    scores = _scores(jets, cell, before, after)

    def lead(values: Floats) -> Floats:
        _, balance, signal, background = _parts(values)
        return balance - signal - background

    return interval(scores, lead)


def _scores(jets: ScoredJets, cell: Cell, before: int, after: int) -> list[ClassScore]:
    jets = jets.unstratified  # the shares are one of the parts
    chosen = [jets.bins == number for number in (before, after)]
    return [
        score
        for own in chosen
        for score in (
            jets.signal_ratio(own),
            jets.class_accuracy(cell, 1, own),
            jets.class_accuracy(cell, 0, own),
        )
    ]


def _parts(values: Floats) -> Floats:
    """`(4, R)`: whole, balance, signal, background from ratio and accuracies before and after."""
    ratio, signal, background = (values[:, [n, n + 3]] for n in range(3))
    change = {name: part[:, 1] - part[:, 0] for name, part in
              (("ratio", ratio), ("signal", signal), ("background", background))}  # fmt: skip
    mean_ratio = ratio.mean(axis=1)
    parts = np.stack(
        [
            change["ratio"] * (signal.mean(axis=1) - background.mean(axis=1)),
            mean_ratio * change["signal"],
            (1 - mean_ratio) * change["background"],
        ]
    )
    return np.concatenate([parts.sum(axis=0)[None], parts])
