"""The formats that are compared, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.files import jets, rain

Read = Callable[[Path], object]


@dataclass(frozen=True)
class FileFormat:
    """Functions that import what they need and return a reader of a folder.

    write: writes a number of samples into a folder
    samples: default number
    """

    write: Callable[[Path, int], None]
    library: Callable[[], Read]
    saibench: Callable[[], Read]
    samples: int


FORMATS = {
    "root": FileFormat(jets.write_root, jets.uproot_alone, jets.saibench, 50_000),
    "parquet": FileFormat(jets.write_parquet, jets.pyarrow_alone, jets.saibench, 50_000),
    "odim": FileFormat(rain.write_odim, rain.h5py_alone, rain.saibench, 300),
    "netcdf": FileFormat(rain.write_netcdf, rain.xarray_alone, rain.saibench, 300),
    "zarr": FileFormat(rain.write_zarr, rain.xarray_alone, rain.saibench, 300),
    "grib": FileFormat(rain.write_grib, rain.eccodes_alone, rain.saibench, 100),
}
