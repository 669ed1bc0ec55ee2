"""Samples that a trusted range can be fitted to, or the sentence that says why they cannot be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError


def as_columns(features: ArrayLike) -> Floats:
    """One row a sample, one column a feature."""
    values = np.asarray(features, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values


def quantities_of(names: Sequence[str | Quantity] | None, count: int) -> tuple[Quantity, ...]:
    """The features, named by numbers where no names are given."""
    if names is None:
        names = ["feature"] if count == 1 else [f"feature_{number}" for number in range(count)]
    return tuple(Quantity(name) if isinstance(name, str) else name for name in names)


def refuse_invalid(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    quantities: Sequence[Quantity],
    directions: Sequence[int] | None,
) -> None:
    """Refuse samples that nothing can be fitted to."""
    if not 0 < coverage < 1:
        raise UserError(f"a coverage of {coverage:g} is not between 0 and 1; 0.9 would work.")
    count = features.shape[1]
    if len(quantities) != count or (directions is not None and len(directions) != count):
        raise UserError(f"{count} features need as many names, and directions if any are given.")
    if not len(errors) == len(features) == len(blocks):
        raise UserError(
            f"{len(features)} samples of features, {len(errors)} errors and {len(blocks)} block "
            "labels do not belong together; one of each a sample would work."
        )
    if not (np.isfinite(features).all() and np.isfinite(errors).all()):
        raise UserError("features and errors must be finite; leave undefined samples out.")
    if (errors < 0).any():
        raise UserError("an error is negative; absolute errors would work.")
    if len(np.unique(errors)) == 2 and set(np.unique(errors)) == {0.0, 1.0}:
        raise UserError(
            "each error is 0 or 1, of which a bound says nothing; the mean error over groups of "
            "like samples would work (--mean-of 100)."
        )
