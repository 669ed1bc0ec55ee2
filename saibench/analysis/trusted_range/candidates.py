"""Which error models are candidates for a combination of features."""

from __future__ import annotations

from saibench.analysis.trusted_range.model_curves import KINDS, ModelKind

QUADRATIC = "quadratic"
MAX_QUADRATIC = 3
"""Features of a quadratic model; the number of its products grows with the square."""


def kinds_of(
    columns: tuple[int, ...], varying: int, kind: ModelKind | None = None
) -> tuple[ModelKind, ...]:
    """The given error model, or those that a combination is tried with.

    Trees, which take longest, are of all features only, and a quadratic model of few.

    Args:
        columns: of the features.
        varying: number of features that could be combined.
    """
    if kind is not None:
        return (kind,)
    return tuple(
        one
        for one in KINDS
        if (one != QUADRATIC or len(columns) <= MAX_QUADRATIC)
        and (one != "trees" or len(columns) == varying > 1)
    )
