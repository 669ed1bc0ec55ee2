"""Validates the samples that a trusted range is fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError


def as_columns(features: ArrayLike) -> Floats:
    """`(samples, features)`."""
    values = np.asarray(features, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values


def quantities_of(names: Sequence[str | Quantity] | None, count: int) -> tuple[Quantity, ...]:
    """The features, numbered if no names are given."""
    if names is None:
        names = ["feature"] if count == 1 else [f"feature_{number}" for number in range(count)]
    return tuple(Quantity(name) if isinstance(name, str) else name for name in names)


def refuse_invalid(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    quantities: Sequence[Quantity],
) -> None:
    """Refuse samples that no range can be fitted to.

    Raises:
        UserError: coverage, shapes or values are invalid.
    """
    if not 0 < coverage < 1:
        raise UserError(f"coverage={coverage:g} is not between 0 and 1. Use 0.9.")
    count = features.shape[1]
    if len(quantities) != count:
        raise UserError(f"{count} features need {count} names, not {len(quantities)}.")
    if not len(errors) == len(features) == len(blocks):
        raise UserError(
            f"features ({len(features)}), errors ({len(errors)}) and blocks ({len(blocks)}) differ "
            "in length."
        )
    if not (np.isfinite(features).all() and np.isfinite(errors).all()):
        raise UserError("features and errors must be finite. Exclude undefined samples.")
    if (errors < 0).any():
        raise UserError("an error is negative. Use absolute errors.")
    if np.unique(errors).tolist() == [0.0, 1.0]:
        raise UserError(
            "each error is 0 or 1, so a bound is not informative. Use the mean error over groups "
            "of similar samples (--mean-of 100)."
        )
