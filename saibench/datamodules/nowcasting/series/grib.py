"""Reader of rain in GRIB, such as the MRMS product PrecipRate, by ecCodes.

MRMS: GRIB2 of discipline 209, category 6, number 1 in mm/h, with -3 where there is no coverage and
-1 for missing (NSSL, *MRMS GRIB2 tables*, version 12.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series.grib_process import Message, messages
from saibench.datamodules.nowcasting.series.rain_file import (
    KM_PER_DEGREE,
    Frame,
    Layout,
    the_only,
)
from saibench.datamodules.nowcasting.series.rates import Unit, known_unit
from saibench.errors import UserError
from saibench.files.plain import refuse_irregular

MRMS_DISCIPLINE = 209
MRMS_RATE = (6, 1)
"""Category and number of the parameter PrecipRate."""
MRMS_CODES = (-3.0, -1.0)
GRIB2 = 2
CODE_TOLERANCE = 1e-3
"""mm/h, for the rounding of packed values."""
KEYS = (
    *("Nj", "Ni", "shortName", "units", "edition", "gridType", "bitmapPresent", "missingValue"),
    *("discipline", "parameterCategory", "parameterNumber"),
    *("validityDate", "validityTime", "dataDate", "dataTime", "second"),
    *("latitudeOfFirstGridPointInDegrees", "latitudeOfLastGridPointInDegrees"),
    *("iDirectionIncrementInDegrees", "jDirectionIncrementInDegrees", "DxInMetres", "DyInMetres"),
    *("jPointsAreConsecutive", "alternativeRowScanning"),
)
"""Keys of ecCodes that are read of each message."""
COLUMN_ORDER = "jPointsAreConsecutive", "alternativeRowScanning"
"""Keys that are 1 where values are not row by row from one side."""


@dataclass(frozen=True)
class GribFile:
    """A GRIB file, also compressed by gzip, with one or several messages of one parameter.

    variable: the parameter's short name (`unknown` for a local one), or None for the only one
    """

    path: Path
    variable: str | None = None

    def layout(self) -> Layout:
        chosen = [header for header in self._headers if header.variable() == self._name]
        first = chosen[0]
        return Layout(
            times=np.array([header.time() for header in chosen]),
            height=first.number("Nj"),
            width=first.number("Ni"),
            variable=self._name,
            unit=first.unit(),
            interval_minutes=None,
            pixel_km=first.pixel_km(),
        )

    def frames(self) -> Iterator[Frame]:
        for message in messages(self.path, KEYS, values=True):
            found = _Message(self.path, message)
            if found.variable() == self._name:
                values, missing = found.values()
                yield Frame(found.time(), values, missing)

    @cached_property
    def _name(self) -> str:
        names = sorted({header.variable() for header in self._headers})
        return the_only(self.path, names, self.variable, "parameter")

    @cached_property
    def _headers(self) -> list[_Message]:
        """The messages, without values."""
        try:
            refuse_irregular(self.path)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} cannot be read ({error}).") from error
        return [_Message(self.path, one) for one in messages(self.path, KEYS, values=False)]


@dataclass(frozen=True, eq=False)
class _Message:
    path: Path
    message: Message

    def variable(self) -> str:
        return "PrecipRate" if self._is_mrms_rate() else str(self._get("shortName"))

    def number(self, key: str) -> int:
        return int(self._get(key))

    def time(self) -> np.datetime64:
        """End of the interval of an accumulation, else the nominal time."""
        date, clock = (self.number(key) for key in ("validityDate", "validityTime"))
        second = 0
        if date == self.number("dataDate") and clock == self.number("dataTime"):
            second = self.number("second")
        day = f"{date // 10000:04d}-{date // 100 % 100:02d}-{date % 100:02d}"
        return np.datetime64(f"{day}T{clock // 100:02d}:{clock % 100:02d}:{second:02d}", "s")

    def unit(self) -> Unit | None:
        return "mm/h" if self._is_mrms_rate() else known_unit(str(self._get("units")))

    def pixel_km(self) -> float | None:
        """Of a grid of latitude and longitude, in its middle, or of a projection in m."""
        if self._get("gridType") == "regular_ll":
            latitudes = [
                float(self._get(f"latitudeOf{which}GridPointInDegrees"))
                for which in ("First", "Last")
            ]
            dx, dy = (float(self._get(f"{axis}DirectionIncrementInDegrees")) for axis in ("i", "j"))
            middle = np.deg2rad(np.mean(latitudes))
            return float(KM_PER_DEGREE * np.sqrt(dx * dy * np.cos(middle)))
        sides = [self.message.keys[key] for key in ("DxInMetres", "DyInMetres")]
        return None if None in sides else float(np.sqrt(np.prod(sides))) / 1000

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Values (H, W) and the missing pixels. Raises UserError: they are not row by row."""
        for key in COLUMN_ORDER:
            if self.message.keys[key]:
                raise UserError(f"{self.path}: {key} is 1. Use a grid stored row by row.")
        shape = self.number("Nj"), self.number("Ni")
        if self.message.values.size != np.prod(shape):
            raise UserError(f"{self.path}: the grid is not regular. Use rows of equal length.")
        values = self.message.values.reshape(shape)
        missing = np.zeros(values.shape, dtype=bool)
        if self.message.keys["bitmapPresent"]:
            missing |= values == float(self._get("missingValue"))
        if self._is_mrms():
            for code in MRMS_CODES:
                missing |= np.abs(values - code) < CODE_TOLERANCE
        return values, missing

    def _is_mrms(self) -> bool:
        return self.number("edition") == GRIB2 and self.number("discipline") == MRMS_DISCIPLINE

    def _is_mrms_rate(self) -> bool:
        if not self._is_mrms():
            return False
        found = (self.number("parameterCategory"), self.number("parameterNumber"))
        return found == MRMS_RATE

    def _get(self, key: str) -> Any:
        """Raises UserError: the message has no such key, as one without a regular grid."""
        found = self.message.keys[key]
        if found is None:
            raise UserError(f"{self.path} has no '{key}'. Use rain on a regular grid.")
        return found
