"""Reader of gridded rain in netCDF and zarr, by xarray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series.rain_file import Frame, Layout, spacing_km, the_only
from saibench.datamodules.nowcasting.series.rates import known_unit
from saibench.errors import UserError
from saibench.files.gridded import decoded, encoding, opened_gridded

EXTRA = "rain"
BLOCK_BYTES = 2**26
"""Size of the frames that are read at once."""
ROWS = ("y", "lat", "latitude", "north", "northing", "south_north", "projection_y_coordinate")


@dataclass(frozen=True)
class GriddedFile:
    """A netCDF file or a zarr store with a variable over time, y and x.

    variable: its name, or None for the only one with these dimensions
    """

    path: Path
    variable: str | None = None

    def layout(self) -> Layout:
        with self.opened() as data:
            array, dimensions = self._array(data)
            _, rows, columns = dimensions
            return Layout(
                times=self._times(data, array, dimensions[0]),
                height=array.sizes[rows],
                width=array.sizes[columns],
                variable=str(array.name),
                unit=known_unit(str(array.attrs.get("units", ""))),
                interval_minutes=_interval(data, dimensions[0]),
                pixel_km=_pixel_km(data, rows, columns),
            )

    def coordinates(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Coordinates of rows (H,) and columns (W,); None where the file has none."""
        with self.opened() as data:
            _, (_, rows, columns) = self._array(data)
            return coordinate(data, rows), coordinate(data, columns)

    def frames(self) -> Iterator[Frame]:
        with self.opened() as data:
            array, (time, rows, columns) = self._array(data)
            times = self._times(data, array, time)
            grid = [rows, columns] if time is None else [time, rows, columns]
            array = array.squeeze([name for name in array.dims if name not in grid])
            array = array.transpose(*grid)
            attributes = encoding(self.path, array)
            size = array.sizes[rows] * array.sizes[columns] * 8
            block = max(1, BLOCK_BYTES // size)
            for first in range(0, len(times), block):
                chosen = array if time is None else array.isel({time: slice(first, first + block)})
                stored = chosen.values.reshape(-1, array.sizes[rows], array.sizes[columns])
                values, missing = decoded(stored, attributes)
                for number in range(len(values)):
                    yield Frame(times[first + number], values[number], missing[number])

    def opened(self) -> AbstractContextManager[Any]:
        """The dataset, with decoded coordinates and stored numbers."""
        return opened_gridded(self.path, EXTRA)

    def _array(self, data: Any) -> tuple[Any, tuple[str | None, str, str]]:
        """The variable, and its dimensions of time (None for a single frame), rows and columns."""
        found = {str(name): _grid(data, data[name]) for name in data.data_vars}
        fitting = [name for name, dimensions in found.items() if dimensions is not None]
        given = self.variable
        name = the_only(self.path, fitting, given, "variable over time, y and x")
        dimensions = found[name]
        assert dimensions is not None
        array = data[name]
        if array.dtype.kind not in "iuf":
            raise UserError(f"{self.path}: '{name}' has type {array.dtype}. Use numbers.")
        return array, dimensions

    def _times(self, data: Any, array: Any, dimension: str | None) -> np.ndarray:
        if dimension is None:
            name = next(name for name in array.coords if array[name].dtype.kind == "M")
        else:
            name = dimension
        times = np.atleast_1d(data[name].values).astype("datetime64[s]")
        if np.isnat(times).any():
            raise UserError(f"{self.path}: '{name}' has a missing time. Remove that frame.")
        return times


def _grid(data: Any, array: Any) -> tuple[str | None, str, str] | None:
    """Dimensions of time, rows and columns; None if the array has others of length above 1."""
    times = [
        str(name) for name in array.dims if name in data.coords and data[name].dtype.kind == "M"
    ]
    has_time = len(times) == 1 or any(array[name].dtype.kind == "M" for name in array.coords)
    space = [str(name) for name in array.dims if name not in times and array.sizes[name] > 1]
    if not has_time or len(times) > 1 or len(space) != 2:
        return None
    if space[1].lower() in ROWS:
        space.reverse()
    return (times[0] if times else None), space[0], space[1]


def coordinate(data: Any, name: str) -> np.ndarray | None:
    """Coordinates of a dimension; None if the file has none."""
    return np.asarray(data[name].values) if name in data.coords else None


def _interval(data: Any, time: str | None) -> float | None:
    """Minutes between the bounds of each time (CF 1.11, 7.1); None if unknown or several."""
    bounds = None if time is None else data[time].attrs.get("bounds")
    if bounds not in data or data[bounds].dtype.kind != "M" or data[bounds].shape[-1:] != (2,):
        return None
    lengths = np.unique(np.diff(data[bounds].values, axis=-1) / np.timedelta64(1, "s"))
    return float(lengths[0]) / 60 if len(lengths) == 1 and lengths[0] > 0 else None


def _pixel_km(data: Any, rows: str, columns: str) -> float | None:
    if rows not in data.coords or columns not in data.coords:
        return None
    units = {str(data[name].attrs.get("units", "")).lower() for name in (rows, columns)}
    if all(unit.startswith("degree") for unit in units):
        units = {"degrees"}
    if len(units) != 1:
        return None
    return spacing_km(data[columns].values, data[rows].values, units.pop())
