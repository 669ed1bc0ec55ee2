"""Reader of radar images in the HDF5 layout of KNMI.

Format: Roozekrans, Holleman, *KNMI HDF5 data format specification, v3.5*, KNMI 2003: groups
`imageN` with `image_data` and the group `calibration`, whose attribute `calibration_formulas` reads
`GEO = 0.010000 * PV + 0.000000`; `geographic` with the size of a pixel in km; `overview` with the
times of the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series.rain_file import Frame, Layout, the_only
from saibench.datamodules.nowcasting.series.rates import (
    NO_ECHO,
    REFLECTIVITY,
    Unit,
    known_unit,
)
from saibench.errors import UserError
from saibench.files.hdf5 import node, number, opened_hdf5, text

EXTRA = "rain"
CODES = ("calibration_missing_data", "calibration_out_of_image")
"""Attributes with a code for pixels without a value: 65534 and 65535 in accumulations."""
NO_ECHO_COUNT = 0
"""In reflectivities, pixels without an echo, which `calibration_missing_data` calls missing."""
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FORMULA = re.compile(r"GEO\s*=\s*([-+.\deE]+)\s*\*\s*PV\s*\+\s*([-+.\deE]+)")
_TIME = re.compile(r"(\d\d)-([A-Z]{3})-(\d{4})[; ](\d\d):(\d\d):(\d\d)")
_UNIT = re.compile(r"\[(.+)\]")


@dataclass(frozen=True)
class KnmiFile:
    """One file with images of rain at one time or, in a forecast, several.

    variable: `image_geo_parameter` of the images, or None for the only one of rain
    """

    path: Path
    variable: str | None = None

    def layout(self) -> Layout:
        with opened_hdf5(self.path, EXTRA) as file:
            parameter, images = self._images(file)
            height, width = self._array(images[0]).shape
            unit = _unit_of(parameter)
            return Layout(
                times=np.array([self._time(file, image) for image in images]),
                height=height,
                width=width,
                variable=parameter,
                unit=unit,
                interval_minutes=self._interval(file) if len(images) == 1 else None,
                pixel_km=self._pixel_km(file),
            )

    def frames(self) -> Iterator[Frame]:
        with opened_hdf5(self.path, EXTRA) as file:
            parameter, images = self._images(file)
            is_reflectivity = _unit_of(parameter) == REFLECTIVITY
            for image in images:
                values, missing = self._decoded(image, is_reflectivity)
                yield Frame(self._time(file, image), values, missing)

    def _decoded(self, image: Any, is_reflectivity: bool) -> tuple[np.ndarray, np.ndarray]:
        counts = self._array(image)[...]
        calibration = node(image, "calibration")
        attributes = {} if calibration is None else calibration.attrs
        formula = text(attributes.get("calibration_formulas", ""))
        found = _FORMULA.search(formula)
        if found is None:
            raise UserError(
                f"{self.path}: calibration_formulas of {image.name} is '{formula}', not of the "
                "form 'GEO = a * PV + b'."
            )
        values = counts * float(found.group(1)) + float(found.group(2))
        missing = np.zeros(counts.shape, dtype=bool)
        for name in CODES:
            if name in attributes:
                missing |= counts == number(attributes[name])
        if is_reflectivity:
            dry = counts == NO_ECHO_COUNT
            values[dry] = NO_ECHO
            missing &= ~dry
        return values, missing

    def _images(self, file: Any) -> tuple[str, list[Any]]:
        """The parameter, and its images by number."""
        names = [one for one in (re.fullmatch(r"image(\d+)", name) for name in file) if one]
        images: list[Any] = [
            node(file, name.group()) for name in sorted(names, key=lambda one: int(one.group(1)))
        ]
        by_parameter: dict[str, list[Any]] = {}
        for image in images:
            parameter = text(image.attrs.get("image_geo_parameter", ""))
            by_parameter.setdefault(parameter, []).append(image)
        if self.variable is None:
            of_rain = [name for name in by_parameter if _unit_of(name) is not None]
        else:
            of_rain = list(by_parameter)
        chosen = the_only(self.path, of_rain, self.variable, "image of rain")
        return chosen, by_parameter[chosen]

    def _array(self, image: Any) -> Any:
        array = node(image, "image_data")
        if array is None or array.ndim != 2:
            raise UserError(f"{self.path}: {image.name} has no 'image_data' of rows x columns.")
        return array

    def _pixel_km(self, file: Any) -> float | None:
        group = node(file, "geographic")
        names = ("geo_pixel_size_x", "geo_pixel_size_y")
        if group is None or any(name not in group.attrs for name in names):
            return None
        units = text(group.attrs.get("geo_dim_pixel", "KM,KM")).upper()
        if set(units.split(",")) != {"KM"}:
            return None
        return float(np.sqrt(np.prod([abs(number(group.attrs[name])) for name in names])))

    def _interval(self, file: Any) -> float | None:
        start, end = (self._moment(file, f"product_datetime_{which}") for which in ("start", "end"))
        if start is None or end is None or end <= start:
            return None
        return float((end - start) / np.timedelta64(1, "s")) / 60

    def _time(self, file: Any, image: Any) -> np.datetime64:
        """The time for which the image is valid, else the end of the product."""
        valid = _parsed(text(image.attrs.get("image_datetime_valid", "")))
        found = valid if valid is not None else self._moment(file, "product_datetime_end")
        if found is None:
            raise UserError(
                f"{self.path} has no overview/product_datetime_end of the form "
                "01-JAN-2020;00:05:00.000."
            )
        return found

    def _moment(self, file: Any, name: str) -> np.datetime64 | None:
        overview = node(file, "overview")
        return None if overview is None else _parsed(text(overview.attrs.get(name, "")))


def _parsed(stated: str) -> np.datetime64 | None:
    found = _TIME.match(stated.strip().upper())
    if found is None or found.group(2) not in MONTHS:
        return None
    day, month, year, hour, minute, second = found.groups()
    month = f"{MONTHS.index(month) + 1:02d}"
    return np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "s")


def _unit_of(parameter: str) -> Unit | None:
    """Of a parameter such as `REFLECTIVITY_[DBZ]` or `PRECIP_[MM]`."""
    found = _UNIT.search(parameter)
    return None if found is None else known_unit(found.group(1))
