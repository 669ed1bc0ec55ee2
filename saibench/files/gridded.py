"""netCDF files and zarr stores from untrusted sources, opened by xarray.

Codes for missing values are those that the CF conventions document: `_FillValue` and
`missing_value`. They are compared with the stored numbers, so that NaN is missing only where the
file says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from saibench.errors import UserError, first_line
from saibench.files.hdf5 import is_hdf5, opened_hdf5, refuse_links
from saibench.files.plain import read_text, refuse_irregular

MAX_METADATA = 2**24
"""Largest metadata file of a zarr store, in bytes."""
_NETCDF3 = (b"CDF\x01", b"CDF\x02")


@contextmanager
def opened_gridded(path: Path, extra: str) -> Iterator[Any]:
    """Yield the xarray dataset, with decoded coordinates and stored numbers.

    Args:
        path: a netCDF file, or the folder of a zarr store.
        extra: the optional requirement of saibench with xarray.

    Raises:
        UserError: xarray or its engine is not installed, or the file is damaged, also where it is
            read.
    """
    try:
        import xarray

        engine = _engine(path, extra)
        options: dict[str, Any] = {"consolidated": False} if engine == "zarr" else {}
        with xarray.open_dataset(
            path, engine=engine, chunks=None, mask_and_scale=False, **options
        ) as data:
            yield data
    except (UserError, GeneratorExit):
        raise
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path} needs {error.name}, which is not installed. Run "
            f"`pip install 'saibench[{extra}]'`."
        ) from error
    except Exception as error:  # xarray and its engines raise almost anything
        raise UserError(f"{path} cannot be read by xarray ({first_line(error)}).") from error


def encoding(path: Path, array: Any) -> dict[str, Any]:
    """How the numbers of an xarray array are stored, for `decoded`."""
    attributes = {**array.encoding, **array.attrs}
    if path.is_dir() and attributes.get("_FillValue") == 0:
        del attributes["_FillValue"]  # of zarr: 0 by default, for chunks without values
    return attributes


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


def _engine(path: Path, extra: str) -> str:
    if path.is_dir():
        _refuse_objects(path)
        return "zarr"
    refuse_irregular(path)
    if is_hdf5(path):
        with opened_hdf5(path, extra) as file:
            refuse_links(file)
        return "h5netcdf"
    with path.open("rb") as file:
        if file.read(4) in _NETCDF3:
            return "scipy"
    raise UserError(f"{path} is neither netCDF nor a folder of zarr. Use such a file.")


def _refuse_objects(store: Path) -> None:
    """Refuse pickled objects, which zarr's second version can hold: reading them runs code.

    Raises:
        UserError: an array with such a filter.
    """
    for path in (*store.rglob(".zarray"), *store.rglob("zarr.json"), *store.rglob(".zmetadata")):
        content = json.loads(read_text(path, MAX_METADATA))
        if "pickle" in json.dumps(content).lower():
            raise UserError(f"{path} names pickled objects. Use a store of numbers.")
