"""Least-squares fits of a law to many curves at once, such as the resamplings of one curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.learning_curve.laws import Law

ROUNDS, FINER = 5, 9
"""Rounds in which the search for s is refined, and values per round."""


@dataclass(frozen=True, eq=False)
class Fits:
    """One law fitted to R curves: a · g(n; s) + c, arrays `(R,)`.

    Args:
        residual: sum of squared relative residuals.
        num_sizes: number of fitted sizes.
    """

    law: Law
    a: Floats
    s: Floats
    c: Floats
    residual: Floats
    num_sizes: int

    def at(self, sizes: Floats) -> Floats:
        """The errors of these sizes, `(R, sizes)`."""
        return self.a[:, None] * self.law.basis(sizes, self.s[:, None]) + self.c[:, None]

    def needed(self, error: float) -> Floats:
        """The size at which the error falls to `error`, `(R,)`; 0 if always, inf if never."""
        flat = self.a <= 0
        with np.errstate(divide="ignore", invalid="ignore"):
            found = self.law.inverse((error - self.c) / self.a, self.s)
        return np.where(flat, np.where(self.c <= error, 0.0, math.inf), found)

    @property
    def limit(self) -> Floats:
        """The error in the limit of infinitely many samples, `(R,)`; 0 if the law has no limit."""
        return self.c if self.law.offset_is_limit else np.zeros_like(self.c)

    @property
    def scatter(self) -> Floats:
        """Standard deviation of the relative residuals, `(R,)`; NaN without degrees of freedom."""
        left = self.num_sizes - self.law.parameters
        return np.sqrt(self.residual / left) if left else np.full_like(self.residual, math.nan)

    def formula(self) -> str:
        """The first curve as text."""
        return self.law.formula(float(self.a[0]), float(self.s[0]), float(self.c[0]))


def fit(law: Law, sizes: Floats, errors: Floats) -> Fits:
    """Fit `errors (R, sizes)`, all positive, by least squares of their relative residuals."""
    shapes = law.shapes(sizes)
    best = _best(law, sizes, errors, shapes)
    if len(shapes) == 1:
        return Fits(law, *best, len(sizes))
    step = np.log(shapes[1] / shapes[0])
    for _ in range(ROUNDS):
        around = np.exp(np.linspace(-step, step, FINER))
        best = _best(law, sizes, errors, best[1][:, None] * around)
        step *= 2 / (FINER - 1)
    return Fits(law, *best, len(sizes))


def _best(
    law: Law, sizes: Floats, errors: Floats, shapes: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """a, s, c and residual of the best of the shapes, `(S,)` or `(R, S)` by curve."""
    basis = law.basis(sizes, shapes[..., None])
    largest = np.abs(basis).max(axis=-1)
    basis = basis / largest[..., None]
    a, c, residual = _linear(law, basis, 1 / errors)
    chosen = np.arange(len(errors)), np.argmin(residual, axis=1)
    scale, shape = (np.broadcast_to(part, a.shape)[chosen] for part in (largest, shapes))
    return a[chosen] / scale, shape, c[chosen], residual[chosen]


def _linear(law: Law, basis: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Minimize Σ (weights · (a·basis + c) − 1)² over a and c within their bounds.

    The problem is convex: its solution is the unbounded one if that is allowed, else the best one
    on an edge. Returns a, c and the minimum, `(R, S)` each.

    Args:
        basis: `(S, sizes)` or `(R, S, sizes)`.
        weights: `(R, sizes)`.
    """
    squares = weights**2
    gg, gh, g = _sums(basis**2, squares), _sums(basis, squares), _sums(basis, weights)
    hh = np.broadcast_to(squares.sum(axis=1, keepdims=True), gg.shape)
    h = np.broadcast_to(weights.sum(axis=1, keepdims=True), gg.shape)
    nothing = np.zeros_like(g)
    candidates = [(np.maximum(g / gg, 0), nothing)]
    if law.has_offset:
        determinant = gg * hh - gh**2
        with np.errstate(divide="ignore", invalid="ignore"):
            a, c = (g * hh - h * gh) / determinant, (h * gg - g * gh) / determinant
        allowed = (a >= 0) & ((c >= 0) | (not law.offset_is_limit))
        usable = allowed & (determinant > 1e-12 * gg * hh)
        flat = h / hh
        candidates += [(nothing, flat), (np.where(usable, a, 0.0), np.where(usable, c, flat))]
    residuals = [
        a**2 * gg + c**2 * hh + 2 * a * c * gh - 2 * a * g - 2 * c * h + weights.shape[1]
        for a, c in candidates
    ]
    best = np.argmin(residuals, axis=0)
    a, c = (np.choose(best, column) for column in zip(*candidates, strict=True))
    return a, c, np.maximum(np.choose(best, residuals), 0.0)


def _sums(basis: Floats, weights: Floats) -> Floats:
    """Σ basis · weights over the sizes, `(R, S)`."""
    if basis.ndim == 2:  # the same shapes for all curves
        return weights @ basis.T
    return np.einsum("rsk,rk->rs", basis, weights)
