"""pysteps (Pulkkinen et al. 2019, doi:10.5194/gmd-12-4185-2019), imported by whoever needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from saibench.errors import UserError

WET = 0.1
"""mm/h; less is no rain, as is usual with pysteps."""

WET_DB, DRY_DB = -10.0, -15.0
"""`WET` in dB, and the value that stands for no rain."""


def pysteps_library() -> Any:
    """The module `pysteps`, without the line that its import prints.

    Raises:
        UserError: it is not installed.
    """
    try:
        with redirect_stdout(StringIO()):
            import pysteps
    except ModuleNotFoundError as error:
        raise UserError(
            "Lagrangian extrapolation and STEPS need pysteps, which is not installed: "
            "pip install saibench[nowcasting] would work (it wants a C compiler)."
        ) from error
    return pysteps


@contextmanager
def quiet_pysteps() -> Iterator[None]:
    """Nothing of what pysteps prints, and NumPy's global generator as it was."""
    state = np.random.get_state()
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        np.random.set_state(state)


def to_decibel(rain: np.ndarray) -> np.ndarray:
    """10 log10 of rain in mm/h as float64; `DRY_DB` below `WET`."""
    wet = rain >= WET
    return np.where(wet, 10 * np.log10(np.where(wet, rain, 1.0), dtype=np.float64), DRY_DB)


def from_decibel(decibel: np.ndarray) -> np.ndarray:
    """Rain in mm/h; 0 below `WET_DB` and where pysteps says NaN, since nothing was observed.

    What flows in over the border has not been observed; it is predicted to be dry.
    """
    known = np.nan_to_num(decibel, nan=DRY_DB)
    return np.where(known >= WET_DB, 10 ** (known / 10), 0.0)
