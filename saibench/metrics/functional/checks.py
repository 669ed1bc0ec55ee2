"""Checks of shapes and dtypes. No value is read from the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

INTEGER_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def difference(preds: Tensor, target: Tensor, what: str) -> Tensor:
    """Predicted minus target in float64, without broadcasting.

    Args:
        preds: predictions of any shape and floating dtype.
        target: of the same shape.
        what: name of the quantity in the plural, for the message, such as "forces".

    Raises:
        ValueError: shapes that differ, or values that are not floating point.

    >>> difference(torch.zeros(4, 1), torch.zeros(4), "energies")
    Traceback (most recent call last):
    ValueError: Predicted energies (4, 1) and target energies (4,) must have the same shape.
    """
    if preds.shape != target.shape:
        raise ValueError(
            f"Predicted {what} {tuple(preds.shape)} and target {what} {tuple(target.shape)} must "
            "have the same shape."
        )
    if not (preds.is_floating_point() and target.is_floating_point()):
        raise ValueError(
            f"Predicted and target {what} must be floating point, "
            f"not {preds.dtype} and {target.dtype}."
        )
    return preds.double() - target.double()


def check_integers(values: Tensor, shape: Sequence[int], what: str) -> None:
    """Raise `ValueError` unless `values` are integers of this shape.

    >>> check_integers(torch.zeros(3), (2,), "species")
    Traceback (most recent call last):
    ValueError: species must be integers of shape (2,), not torch.float32 of shape (3,).
    """
    if tuple(values.shape) != tuple(shape) or values.dtype not in INTEGER_DTYPES:
        raise ValueError(
            f"{what} must be integers of shape {tuple(shape)}, "
            f"not {values.dtype} of shape {tuple(values.shape)}."
        )
