"""Learning curves: the error by training set size, its extrapolation, and the data for a target."""

from __future__ import annotations

from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.extrapolation import Extrapolation, TooFewSizes
from saibench.analysis.learning_curve.laws import LAWS, Law
from saibench.analysis.learning_curve.reading import learning_curves

__all__ = [
    "LAWS",
    "Extrapolation",
    "Law",
    "LearningCurve",
    "TooFewSizes",
    "learning_curves",
]
