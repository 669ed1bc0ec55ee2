"""The format of a file with frames of rain."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from saibench.datamodules.nowcasting.series.grib import GribFile
from saibench.datamodules.nowcasting.series.gridded import GriddedFile
from saibench.datamodules.nowcasting.series.knmi import KnmiFile
from saibench.datamodules.nowcasting.series.odim import CONVENTIONS, EXTRA, OdimFile
from saibench.datamodules.nowcasting.series.rain_file import RainFile
from saibench.errors import UserError
from saibench.files.hdf5 import is_hdf5, node, opened_hdf5, text
from saibench.files.plain import refuse_irregular

Format = Literal["netcdf", "zarr", "odim", "knmi", "grib"]
_GZIP = b"\x1f\x8b"


def rain_file(path: Path, given: Format | None, variable: str | None) -> RainFile:
    """The reader of a file.

    Args:
        path: a file, or the folder of a zarr store.
        given: its format; None to find it from the content.
        variable: see the readers.

    Raises:
        UserError: the format is not known.
    """
    of_format = given or _found_format(path)
    if of_format == "odim":
        return OdimFile(path, variable)
    if of_format == "knmi":
        return KnmiFile(path, variable)
    if of_format == "grib":
        return GribFile(path, variable)
    return GriddedFile(path, variable)


def _found_format(path: Path) -> Format:
    if path.is_dir():
        return "zarr"
    try:
        refuse_irregular(path)
        if is_hdf5(path):
            return _hdf5_layout(path)
        with path.open("rb") as file:
            head = file.read(4)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from error
    if head == b"GRIB" or head.startswith(_GZIP):
        return "grib"
    if head.startswith(b"CDF"):
        return "netcdf"
    raise UserError(
        f"{path} is of no known format (data.format). Valid values: {', '.join(get_args(Format))}."
    )


def _hdf5_layout(path: Path) -> Format:
    with opened_hdf5(path, EXTRA) as file:
        if text(file.attrs.get("Conventions", "")).startswith(CONVENTIONS):
            return "odim"
        if node(file, "overview") is not None and node(file, "geographic") is not None:
            return "knmi"
    return "netcdf"
