"""Import of pysteps (Pulkkinen et al. 2019, doi:10.5194/gmd-12-4185-2019)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from saibench.errors import UserError

MIN_RATE = 0.1
"""mm/h; lower rates are no rain, as usual with pysteps."""

MIN_RATE_DB, DRY_DB = -10.0, -15.0
"""`MIN_RATE` in dB, and the value for no rain."""


def pysteps_library() -> Any:
    """The module `pysteps`, without the output of its import.

    Raises:
        UserError: it is not installed.
    """
    try:
        with redirect_stdout(StringIO()):
            import pysteps
    except ModuleNotFoundError as error:
        raise UserError(
            "Lagrangian extrapolation and STEPS need pysteps, which is not installed. Use "
            "pip install 'saibench[nowcasting]' (needs a C compiler)."
        ) from error
    return pysteps


@contextmanager
def quiet_pysteps() -> Iterator[None]:
    """Suppress the output of pysteps and restore NumPy's global generator."""
    state = np.random.get_state()
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        np.random.set_state(state)


def to_decibel(rain: np.ndarray) -> np.ndarray:
    """10 log10 of rain in mm/h as float64; `DRY_DB` below `MIN_RATE`."""
    wet = rain >= MIN_RATE
    return np.where(wet, 10 * np.log10(np.where(wet, rain, 1.0), dtype=np.float64), DRY_DB)


def from_decibel(decibel: np.ndarray) -> np.ndarray:
    """Rain in mm/h; 0 below `MIN_RATE_DB` and for NaN, the inflow over the border."""
    known = np.nan_to_num(decibel, nan=DRY_DB)
    return np.where(known >= MIN_RATE_DB, 10 ** (known / 10), 0.0)
