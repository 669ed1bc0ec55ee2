"""Splits a change in accuracy between energy bins into class balance and classifier.

The accuracy is r·s + (1 − r)·b, with the share r of top jets and the accuracies s and b of top and
QCD jets. Its change from one bin to another is exactly the sum of Δr·(s − b), r·Δs and (1 − r)·Δb,
each evaluated at the mean of the two bins (Kitagawa, J. Am. Stat. Assoc. 50, 1955).
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
    """The change in accuracy from one bin to another, and its `PARTS`."""

    whole: Interval
    parts: dict[str, Interval]


def accuracy_change(jets: ScoredJets, cell: Cell, before: int, after: int) -> AccuracyChange:
    """The change from bin `before` to bin `after`; NaN if a bin lacks a class."""
    scores = _scores(jets, cell, before, after)
    found = [interval(scores, lambda values, n=n: _parts(values)[n]) for n in range(4)]  # type: ignore[misc]
    return AccuracyChange(found[0], dict(zip(PARTS, found[1:], strict=True)))


def balance_minus_classifier(jets: ScoredJets, cell: Cell, before: int, after: int) -> Interval:
    """The part of class balance minus the sum of both parts of the classifier."""
    scores = _scores(jets, cell, before, after)

    def lead(values: Floats) -> Floats:
        _, balance, signal, background = _parts(values)
        return balance - signal - background

    return interval(scores, lead)


def _scores(jets: ScoredJets, cell: Cell, before: int, after: int) -> list[ClassScore]:
    jets = jets.unstratified  # the share of top jets is one of the parts
    return [
        score
        for own in (jets.bins == before, jets.bins == after)
        for score in (
            jets.signal_ratio(own),
            jets.class_accuracy(cell, 1, own),
            jets.class_accuracy(cell, 0, own),
        )
    ]


def _parts(values: Floats) -> Floats:
    """`(4, R)`: whole, balance, signal, background from ratio and accuracies before and after."""
    pairs = [values[:, [n, n + 3]] for n in range(3)]
    ratio, signal, background = (pair.mean(axis=1) for pair in pairs)
    ratio_change, signal_change, background_change = (pair[:, 1] - pair[:, 0] for pair in pairs)
    parts = np.stack(
        [
            ratio_change * (signal - background),
            ratio * signal_change,
            (1 - ratio) * background_change,
        ]
    )
    return np.concatenate([parts.sum(axis=0)[None], parts])
