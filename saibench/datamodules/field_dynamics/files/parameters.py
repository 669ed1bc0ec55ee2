"""Parameters of an equation that the user names, for files that do not hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from saibench.errors import UserError


def parameter_values(parameters: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    """`data.parameters` of each trajectory, `(count,)` by name.

    Args:
        parameters: by name: one number for all trajectories, or a list with one per trajectory.
        count: number of trajectories.

    Raises:
        UserError: no numbers, NaN or infinite ones, or a list of another length.
    """
    return {name: _values(name, given, count) for name, given in parameters.items()}


def _values(name: str, given: Any, count: int) -> np.ndarray:
    use = "Use one number, or a list with one per trajectory."
    try:
        values = np.atleast_1d(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError) as error:  # a text, or lists of different lengths
        raise UserError(f"data.parameters.{name}={given} is no number. {use}") from error
    if values.ndim > 1:
        raise UserError(f"data.parameters.{name}={given} is a list of lists. {use}")
    if values.shape not in ((1,), (count,)):
        raise UserError(
            f"data.parameters.{name} has {values.size} numbers for {count} trajectories. {use}"
        )
    if not np.isfinite(values).all():
        raise UserError(f"data.parameters.{name}={given} is NaN or infinite. {use}")
    return np.broadcast_to(values, (count,)).copy()
