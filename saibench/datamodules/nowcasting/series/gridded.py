"""Reader of gridded rain in netCDF and zarr, by xarray.

Codes for missing pixels are those that the CF conventions document: `_FillValue` and
`missing_value`. They are compared with the stored numbers, so that NaN is missing only where the
file says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.series.rain_file import Frame, Layout, spacing_km, the_only
from saibench.datamodules.nowcasting.series.rates import known_unit
from saibench.errors import UserError, first_line
from saibench.files.hdf5 import is_hdf5, opened_hdf5, refuse_links
from saibench.files.plain import read_text, refuse_irregular

EXTRA = "rain"
BLOCK_BYTES = 2**26
"""Size of the frames that are read at once."""
MAX_METADATA = 2**24
"""Largest metadata file of a zarr store, in bytes."""
ROWS = ("y", "lat", "latitude", "north", "northing", "south_north", "projection_y_coordinate")
_NETCDF3 = (b"CDF\x01", b"CDF\x02")


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
            attributes = {**array.encoding, **array.attrs}
            if self.path.is_dir() and attributes.get("_FillValue") == 0:
                del attributes["_FillValue"]  # of zarr: 0 by default, for chunks without values
            size = array.sizes[rows] * array.sizes[columns] * 8
            block = max(1, BLOCK_BYTES // size)
            for first in range(0, len(times), block):
                chosen = array if time is None else array.isel({time: slice(first, first + block)})
                stored = chosen.values.reshape(-1, array.sizes[rows], array.sizes[columns])
                values, missing = decoded(stored, attributes)
                for number in range(len(values)):
                    yield Frame(times[first + number], values[number], missing[number])

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The dataset, with decoded coordinates and stored numbers."""
        xarray = _xarray(self.path)
        try:
            engine = self._engine()
            options = {"consolidated": False} if engine == "zarr" else {}
            with xarray.open_dataset(
                self.path, engine=engine, chunks=None, mask_and_scale=False, **options
            ) as data:
                yield data
        except (UserError, GeneratorExit):
            raise
        except ModuleNotFoundError as error:
            raise _not_installed(self.path, str(error.name)) from error
        except Exception as error:  # xarray and its engines raise almost anything
            raise UserError(
                f"{self.path} cannot be read by xarray ({first_line(error)})."
            ) from error

    def _engine(self) -> str:
        if self.path.is_dir():
            _refuse_objects(self.path)
            return "zarr"
        refuse_irregular(self.path)
        if is_hdf5(self.path):
            with opened_hdf5(self.path, EXTRA) as file:
                refuse_links(file)
            return "h5netcdf"
        with self.path.open("rb") as file:
            if file.read(4) in _NETCDF3:
                return "scipy"
        raise UserError(
            f"{self.path} is neither netCDF nor a folder of zarr (data.format). Use such a file."
        )

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


def decoded(stored: np.ndarray, attributes: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Values in the unit of the file, and the pixels with a code for missing (CF 1.11, 2.5.1)."""
    if stored.dtype.kind == "i" and str(attributes.get("_Unsigned", "")).lower() == "true":
        stored = stored.view(stored.dtype.str.replace("i", "u"))
    missing = np.zeros(stored.shape, dtype=bool)
    for name in ("_FillValue", "missing_value"):
        for code in np.atleast_1d(attributes.get(name, [])):
            if not np.isnan(code):
                missing |= stored == np.asarray(code).astype(stored.dtype)
            elif stored.dtype.kind == "f":
                missing |= np.isnan(stored)
    scale, offset = attributes.get("scale_factor", 1), attributes.get("add_offset", 0)
    if scale == 1 and offset == 0:
        return stored, missing
    return stored.astype(np.float64) * float(scale) + float(offset), missing


def _refuse_objects(store: Path) -> None:
    """Refuse pickled objects, which zarr's second version can hold: reading them runs code.

    Raises:
        UserError: an array with such a filter.
    """
    for path in (*store.rglob(".zarray"), *store.rglob("zarr.json"), *store.rglob(".zmetadata")):
        content = json.loads(read_text(path, MAX_METADATA))
        if "pickle" in json.dumps(content).lower():
            raise UserError(f"{path} names pickled objects. Use a store of numbers.")


def _xarray(path: Path) -> Any:
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise _not_installed(path, str(error.name)) from error
    return xarray


def _not_installed(path: Path, name: str) -> UserError:
    return UserError(
        f"{path} needs {name}, which is not installed. Run `pip install 'saibench[rain]'`."
    )
