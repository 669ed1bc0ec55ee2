"""Reader of gridded forecasts in netCDF and zarr: over time of issue, lead time, y and x."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series.gridded import ROWS, GriddedFile, coordinate
from saibench.datamodules.nowcasting.series.rain_file import the_only
from saibench.datamodules.nowcasting.series.rates import Unit, known_unit
from saibench.errors import UserError
from saibench.files.gridded import decoded, encoding

LEADS = ("lead", "step", "prediction_timedelta", "forecast_period", "leadtime")
MEMBERS = ("member", "realization", "number", "ensemble", "sample")
"""Beginnings of the usual names of dimensions."""
MINUTES = {"s": 1 / 60, "sec": 1 / 60, "second": 1 / 60, "min": 1.0, "minute": 1.0, "h": 60.0,
           "hr": 60.0, "hour": 60.0}  # fmt: skip
"""Unit of numbers → minutes."""


@dataclass(frozen=True, eq=False)
class ForecastLayout:
    """What a file states of its forecasts.

    issued: (n,) datetime64[s], UTC, times of issue
    minutes: (L,) lead times
    members: number of members of an ensemble; None for a single forecast
    height, width: in pixels
    variable: name of the quantity
    unit: None if the file does not state it
    rows, columns: coordinates of the grid; None if the file has none
    """

    issued: np.ndarray
    minutes: np.ndarray
    members: int | None
    height: int
    width: int
    variable: str
    unit: Unit | None
    rows: np.ndarray | None
    columns: np.ndarray | None


@dataclass(frozen=True)
class ForecastFile:
    """A netCDF file or a zarr store with a variable over time of issue, lead time, y and x.

    Ensembles have a further dimension `member`, `realization` or `number`.

    variable: its name, or None for the only one with these dimensions
    """

    path: Path
    variable: str | None = None

    def layout(self) -> ForecastLayout:
        """Raises UserError: the file cannot be read, or has no such variable."""
        with self._gridded.opened() as data:
            array, (issue, lead, member, rows, columns) = self._array(data)
            issued = np.atleast_1d(data[issue].values).astype("datetime64[s]")
            if np.isnat(issued).any() or len(np.unique(issued)) < len(issued):
                raise UserError(f"{self.path}: '{issue}' has a missing or repeated time.")
            return ForecastLayout(
                issued=issued,
                minutes=self._minutes(data[lead]),
                members=None if member is None else array.sizes[member],
                height=array.sizes[rows],
                width=array.sizes[columns],
                variable=str(array.name),
                unit=known_unit(str(array.attrs.get("units", ""))),
                rows=coordinate(data, rows),
                columns=coordinate(data, columns),
            )

    def fields(self, numbers: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Values and missing pixels, both `(members, L, H, W)`, of these forecasts.

        Args:
            numbers: positions in `layout().issued`.
        """
        with self._gridded.opened() as data:
            array, (issue, lead, member, rows, columns) = self._array(data)
            if member is None:
                array, member = array.expand_dims("member"), "member"
            kept = {issue, lead, member, rows, columns}
            array = array.squeeze([name for name in array.dims if name not in kept])
            array = array.transpose(issue, member, lead, rows, columns)
            attributes = encoding(self.path, array)
            for number in numbers:
                yield decoded(array.isel({issue: int(number)}).values, attributes)

    @property
    def _gridded(self) -> GriddedFile:
        return GriddedFile(self.path)

    def _array(self, data: Any) -> tuple[Any, tuple[str, str, str | None, str, str]]:
        """The variable, and its dimensions of issue, lead, member (None: none), rows, columns."""
        found = {str(name): _dimensions(data, data[name]) for name in data.data_vars}
        fitting = [name for name, dimensions in found.items() if dimensions is not None]
        kind = "variable over time of issue, lead time, y and x"
        name = the_only(self.path, fitting, self.variable, kind)
        dimensions = found[name]
        assert dimensions is not None
        if data[name].dtype.kind not in "iuf":
            raise UserError(f"{self.path}: '{name}' has type {data[name].dtype}. Use numbers.")
        return data[name], dimensions

    def _minutes(self, lead: Any) -> np.ndarray:
        values = np.atleast_1d(lead.values)
        if values.dtype.kind == "m":
            return values / np.timedelta64(60, "s")
        unit = str(lead.attrs.get("units", "")).lower().rstrip("s") or "?"
        if unit not in MINUTES or values.dtype.kind not in "iuf":
            raise UserError(
                f"{self.path}: lead times '{lead.name}' have the unit '{unit}'. Use minutes, hours "
                "or seconds."
            )
        return values * MINUTES[unit]


def _dimensions(data: Any, array: Any) -> tuple[str, str, str | None, str, str] | None:
    """Dimensions of issue, lead, member, rows and columns; None if the array has others."""
    names = [str(name) for name in array.dims]
    issue = [name for name in names if name in data.coords and data[name].dtype.kind == "M"]
    lead = [name for name in names if _is_named(name, LEADS) and name in data.coords]
    member = [name for name in names if _is_named(name, MEMBERS)]
    space = [name for name in names if name not in (*issue, *lead, *member)]
    space = [name for name in space if array.sizes[name] > 1]
    if len(issue) != 1 or len(lead) != 1 or len(member) > 1 or len(space) != 2:
        return None
    if space[1].lower() in ROWS:
        space.reverse()
    return issue[0], lead[0], member[0] if member else None, space[0], space[1]


def _is_named(name: str, beginnings: tuple[str, ...]) -> bool:
    return name.lower().startswith(beginnings)
