"""Rain rates from the units of radar files."""

from __future__ import annotations

from typing import Literal

import numpy as np

from saibench.datamodules.nowcasting.event import RECORD_RATE
from saibench.errors import UserError

Unit = Literal["mm/h", "mm/s", "mm/day", "m/s", "mm", "m", "dBZ"]

PER_HOUR = {"mm/h": 1.0, "mm/s": 3600.0, "mm/day": 1 / 24, "m/s": 3.6e6}
"""Unit of a rate → factor to mm/h; 1 kg/m² of water is 1 mm."""
DEPTHS = {"mm": 1.0, "m": 1000.0}
"""Unit of an accumulation → factor to mm."""
REFLECTIVITY = "dBZ"
ZR_FACTOR, ZR_EXPONENT = 200.0, 1.6
"""Z = 200 R^1.6, Z in mm⁶/m³ and R in mm/h (Marshall, Palmer 1948, *Journal of Meteorology* 5,
165)."""
NO_ECHO = -np.inf
"""dBZ of a pixel without an echo, whose rain rate is 0."""

_SPELLINGS: dict[Unit, tuple[str, ...]] = {
    "mm/h": ("mm/h", "mm/hr", "mmh-1", "mmhr-1", "mmhour-1", "mm/hour", "kgm-2h-1", "kg/m2/h"),
    "mm/s": ("mm/s", "mms-1", "kgm-2s-1", "kg/m2/s", "kg/(m2s)"),
    "mm/day": ("mm/day", "mm/d", "mmday-1", "mmd-1", "kgm-2d-1", "kgm-2day-1"),
    "m/s": ("m/s", "ms-1"),
    "mm": ("mm", "kgm-2", "kg/m2", "millimeter", "millimeters"),
    "m": ("m", "meter", "metre"),
    "dBZ": ("dbz",),
}


def known_unit(stated: str) -> Unit | None:
    """The unit that a file states, in any usual spelling; None if unknown or of another quantity.

    `mm h-1`, `mm hr^-1`, `mm hr**-1` and `kg m-2 h-1` are all mm/h.
    """
    plain = stated.lower().replace("**", "").replace("^", "").translate({32: None, 46: None})
    plain = plain.replace("{", "").replace("}", "").replace("²", "2")
    for unit, spellings in _SPELLINGS.items():
        if plain in spellings:
            return unit
    return None


def rain_rate(values: np.ndarray, unit: Unit, interval_minutes: float | None) -> np.ndarray:
    """Rain rate in mm/h, float64, of values in a unit.

    Args:
        values: of any shape.
        unit: of the values.
        interval_minutes: of an accumulation, else None.
    """
    values = values.astype(np.float64)
    if unit == REFLECTIVITY:
        return np.power(np.power(10.0, values / 10) / ZR_FACTOR, 1 / ZR_EXPONENT)
    if unit == "mm/h":
        return values
    if unit in PER_HOUR:
        return values * PER_HOUR[unit]
    if interval_minutes is None:
        raise ValueError("an accumulation needs an interval")
    return values * (DEPTHS[unit] * 60 / interval_minutes)


def refuse_faulty(values: np.ndarray, missing: np.ndarray, unit: Unit, where: str) -> None:
    """Refuse a frame whose values are no rain.

    Args:
        values: (H, W) in `unit`.
        missing: (H, W), pixels with a documented code for missing.
        unit: of the values.
        where: file and time.

    Raises:
        UserError: pixels that are NaN, infinite or negative, with their number.
    """
    is_dbz = unit == REFLECTIVITY
    faulty = ~np.isfinite(values)
    if is_dbz:
        faulty &= values != NO_ECHO
    nan_remedy = "If these pixels are missing, set data.nan_is_missing=true"
    _refuse(faulty & ~missing, "NaN or Inf", values, unit, where, nan_remedy)
    if not is_dbz:
        remedy = "If this is a code for missing pixels, add it to data.missing"
        _refuse((values < 0) & ~missing, "negative", values, unit, where, remedy)


def refuse_impossible(rate: np.ndarray, where: str) -> None:
    """Refuse rates above the world record, which are no rain.

    Args:
        rate: (H, W) in mm/h, 0 in missing pixels.
        where: file and time.

    Raises:
        UserError: their number and the largest.
    """
    if rate.max() > RECORD_RATE:
        raise UserError(
            f"{where}: {int((rate > RECORD_RATE).sum()):,} pixels are above the world record of "
            f"{RECORD_RATE:,g} mm/h (up to {rate.max():,.4g} mm/h). If this is a code for "
            "missing pixels, add it to data.missing; otherwise correct data.unit."
        )


def _refuse(
    found: np.ndarray, fault: str, values: np.ndarray, unit: Unit, where: str, remedy: str
) -> None:
    if found.any():
        raise UserError(
            f"{where}: {int(found.sum()):,} of {found.size:,} pixels are {fault} "
            f"({values[found][0]:g} {unit}). {remedy}."
        )
