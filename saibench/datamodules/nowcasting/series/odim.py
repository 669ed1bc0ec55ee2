"""Reader of radar composites in ODIM HDF5.

Format: Michelson et al., *EUMETNET OPERA weather radar information model for implementation with
the HDF5 file format*, versions 2.0 to 2.4: attributes of the groups `what` and `where`, of which
those of a dataset replace those of the file, and those of its data those of the dataset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series.rain_file import Frame, Layout, the_only
from saibench.datamodules.nowcasting.series.rates import NO_ECHO, REFLECTIVITY, Unit
from saibench.errors import UserError
from saibench.files.hdf5 import node, number, opened_hdf5, text

EXTRA = "rain"
CONVENTIONS = "ODIM_H5"
QUANTITIES: dict[str, Unit] = {
    "RATE": "mm/h",
    "ACRR": "mm",
    "DBZH": "dBZ",
    "DBZV": "dBZ",
    "TH": "dBZ",
}
"""Quantity (table 16 of version 2.2) → unit."""
IMAGES = ("COMP", "IMAGE")
"""Objects on a Cartesian grid."""


@dataclass(frozen=True)
class OdimFile:
    """One file: one or several datasets, each a frame.

    variable: the quantity, or None for the only one
    """

    path: Path
    variable: str | None = None

    def layout(self) -> Layout:
        with opened_hdf5(self.path, EXTRA) as file:
            parts = self._parts(file)
            height, width = self._array(parts[0]).shape
            quantity = parts[0].text("quantity")
            intervals = {part.interval_minutes() for part in parts}
            return Layout(
                times=np.array([part.time() for part in parts]),
                height=height,
                width=width,
                variable=quantity,
                unit=QUANTITIES[quantity],
                interval_minutes=intervals.pop() if len(intervals) == 1 else None,
                pixel_km=parts[0].pixel_km(),
            )

    def frames(self) -> Iterator[Frame]:
        with opened_hdf5(self.path, EXTRA) as file:
            for part in self._parts(file):
                counts = self._array(part)[...]
                values = counts * part.number("gain", 1.0) + part.number("offset", 0.0)
                unit = QUANTITIES[part.text("quantity")]
                missing = counts == part.number("nodata")
                dry = counts == part.number("undetect")
                values[dry & ~missing] = NO_ECHO if unit == REFLECTIVITY else 0.0
                yield Frame(part.time(), values, missing)

    def _parts(self, file: Any) -> list[_Part]:
        """The data of the quantity, by time."""
        kind = text((node(file, "what") or file).attrs.get("object", ""))
        if kind not in IMAGES:
            raise UserError(
                f"{self.path} is an ODIM object '{kind}', not on a Cartesian grid. Use a composite "
                "(COMP or IMAGE)."
            )
        parts = []
        for name in _numbered(file, "dataset"):
            dataset = node(file, name)
            of_dataset = _attributes(file) | _attributes(dataset)
            for name_of_data in _numbered(dataset, "data"):
                data = node(dataset, name_of_data)
                parts.append(_Part(self.path, data, of_dataset | _attributes(data)))
        found = {part.text("quantity", "") for part in parts} & set(QUANTITIES)
        quantity = the_only(self.path, sorted(found), self.variable, "quantity of rain")
        chosen = [part for part in parts if part.text("quantity", "") == quantity]
        return sorted(chosen, key=lambda part: part.time())

    def _array(self, part: _Part) -> Any:
        array = node(part.data, "data")
        if array is None or array.ndim != 2:
            raise UserError(f"{self.path}: {part.data.name} has no image 'data' of rows x columns.")
        return array


@dataclass(frozen=True, eq=False)
class _Part:
    """One image of a file: its group, and its attributes by group and name."""

    path: Path
    data: Any
    attributes: dict[tuple[str, str], Any]

    def time(self) -> np.datetime64:
        """End of the interval of an accumulation, else the nominal time."""
        end = self._moment("end") if self.text("quantity") == "ACRR" else None
        found = end or self._moment("")
        if found is None:
            raise UserError(f"{self.path} has no what/date and what/time. Use an ODIM file.")
        return found

    def interval_minutes(self) -> float | None:
        start, end = self._moment("start"), self._moment("end")
        if self.text("quantity") != "ACRR" or start is None or end is None or end <= start:
            return None
        return float((end - start) / np.timedelta64(1, "s") / 60)

    def pixel_km(self) -> float | None:
        """From xscale and yscale in m."""
        scales = [self.attributes.get(("where", name)) for name in ("xscale", "yscale")]
        if None in scales:
            return None
        return float(np.sqrt(np.prod([number(scale) for scale in scales]))) / 1000

    def text(self, name: str, default: str | None = None) -> str:
        return text(self._what(name, default))

    def number(self, name: str, default: float | None = None) -> float:
        return number(self._what(name, default))

    def _what(self, name: str, default: Any) -> Any:
        found = self.attributes.get(("what", name), default)
        if found is None:
            raise UserError(f"{self.path}: {self.data.name} has no what/{name}, as ODIM requires.")
        return found

    def _moment(self, which: str) -> np.datetime64 | None:
        date, time = (self.attributes.get(("what", f"{which}{name}")) for name in ("date", "time"))
        if date is None or time is None:
            return None
        digits = text(date) + text(time)
        found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", digits)
        if found is None:
            raise UserError(
                f"{self.path}: what/{which}date and what/{which}time are '{digits}', not "
                "YYYYMMDD and HHmmss."
            )
        year, month, day, hour, minute, second = found.groups()
        return np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "s")


def _attributes(level: Any) -> dict[tuple[str, str], Any]:
    """Attributes of the groups `what` and `where` of a level, by group and name."""
    found = {group: node(level, group) for group in ("what", "where")}
    return {
        (group, name): value
        for group, own in found.items()
        if own is not None
        for name, value in own.attrs.items()
    }


def _numbered(group: Any, name: str) -> list[str]:
    """Names `<name>1`, `<name>2`, … of a group, in their order."""
    found = [re.fullmatch(rf"{name}(\d+)", key) for key in group or ()]
    return [one.group() for one in sorted((f for f in found if f), key=lambda f: int(f.group(1)))]
