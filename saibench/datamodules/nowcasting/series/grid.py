"""The part of a grid that is used, and its coarsening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saibench.errors import UserError

MULTIPLE = 32
"""Sides are multiples of it, so that every net can halve them five times."""


@dataclass(frozen=True)
class Section:
    """A part of a coarsened grid.

    coarsen: pixels of a side that are averaged into one
    top, left: first row and column, in coarse pixels
    height, width: in coarse pixels
    """

    coarsen: int
    top: int
    left: int
    height: int
    width: int

    def cut(self, rate: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Mean rate `(height, width)` float32, NaN where any averaged pixel is missing.

        Args:
            rate: (H, W) in mm/h.
            missing: (H, W).
        """
        n = self.coarsen
        rows = slice(n * self.top, n * (self.top + self.height))
        columns = slice(n * self.left, n * (self.left + self.width))
        part = np.where(missing[rows, columns], np.nan, rate[rows, columns])
        if n == 1:
            return part.astype(np.float32)
        blocks = part.reshape(self.height, n, self.width, n)
        return blocks.mean(axis=(1, 3)).astype(np.float32)


def section(
    height: int, width: int, coarsen: int, crop: tuple[int, int, int, int] | None
) -> Section:
    """The given crop, or the largest centred one.

    Args:
        height, width: of the grid, in pixels.
        coarsen: pixels of a side that are averaged into one.
        crop: top, left, height and width in coarse pixels; None for the largest.

    Raises:
        UserError: the crop is not inside the grid, or the grid is smaller than 32 coarse pixels.
    """
    rows, columns = height // coarsen, width // coarsen
    if crop is None:
        largest = [side // MULTIPLE * MULTIPLE for side in (rows, columns)]
        if 0 in largest:
            raise UserError(
                f"data.coarsen={coarsen}: the grid of {height} x {width} pixels then has {rows} x "
                f"{columns}. Use at least {MULTIPLE} x {MULTIPLE}."
            )
        top, left = (rows - largest[0]) // 2, (columns - largest[1]) // 2
        return Section(coarsen, top, left, *largest)
    top, left, high, wide = crop
    if high % MULTIPLE or wide % MULTIPLE or not high or not wide:
        raise UserError(
            f"data.crop={list(crop)}: height and width are not multiples of {MULTIPLE}. Use those."
        )
    if top + high > rows or left + wide > columns:
        raise UserError(
            f"data.crop={list(crop)} ends at row {top + high} and column {left + wide}, outside "
            f"the grid of {rows} x {columns} pixels."
        )
    return Section(coarsen, top, left, high, wide)
