"""Random showers in the formats of radar services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 512
MINUTES = 5
FIRST = np.datetime64("2020-06-01T00:00:00", "s")


def _counts(frames: int, side: int) -> np.ndarray:
    """Rates (frames, side, side) uint16 in hundredths of mm/h: 64 fields of which 70 % are dry."""
    rng = np.random.default_rng(0)
    shape = (min(frames, 64), side // 8, side // 8)
    coarse = np.maximum(rng.integers(-700, 300, shape), 0)
    fields = np.kron(coarse, np.ones((1, 8, 8), int)) * rng.integers(1, 4, (shape[0], side, side))
    return fields.astype(np.uint16)[np.arange(frames) % len(fields)]


def _times(frames: int) -> np.ndarray:
    return FIRST + (np.arange(frames) * MINUTES * 60).astype("timedelta64[s]")


def write_odim(folder: Path, frames: int, side: int = SIDE) -> None:
    import h5py

    for number, (counts, time) in enumerate(
        zip(_counts(frames, side), _times(frames), strict=True)
    ):
        with h5py.File(folder / f"{number:05d}.h5", "w") as file:
            file.attrs["Conventions"] = np.bytes_(b"ODIM_H5/V2_2")
            date, clock = str(time).replace("-", "").replace(":", "").split("T")
            what, where = file.create_group("what").attrs, file.create_group("where").attrs
            what["object"], what["date"], what["time"] = (
                np.bytes_(value) for value in ("COMP", date, clock)
            )
            where["xscale"] = where["yscale"] = 2000.0
            data = file.create_group("dataset1/data1")
            data.create_dataset("data", data=counts, compression="gzip")
            values = {"gain": 0.01, "offset": 0.0, "nodata": 65535.0, "undetect": 0.0}
            data.create_group("what").attrs.update({"quantity": np.bytes_(b"RATE"), **values})


def dataset(frames: int, side: int = SIDE) -> Any:
    """An xarray data set of rain over time, y and x."""
    import xarray

    attributes = {"units": "mm h-1", "scale_factor": 0.01, "_FillValue": np.uint16(65535)}
    axis = ("y", 2000.0 * np.arange(side), {"units": "m"})
    return xarray.Dataset(
        {"rain": (("time", "y", "x"), _counts(frames, side), attributes)},
        coords={
            "time": _times(frames).astype("datetime64[ns]"),
            "y": axis,
            "x": ("x", *axis[1:]),
        },
    )


def write_netcdf(folder: Path, frames: int, side: int = SIDE) -> None:
    encoding = {"rain": {"zlib": True, "chunksizes": (1, side, side)}}
    dataset(frames, side).to_netcdf(folder / "rain.nc", engine="h5netcdf", encoding=encoding)


def write_zarr(folder: Path, frames: int, side: int = SIDE) -> None:
    encoding = {"rain": {"chunks": (8, side, side)}}
    dataset(frames, side).to_zarr(folder / "rain.zarr", encoding=encoding, consolidated=False)


def write_grib(folder: Path, frames: int, side: int = SIDE) -> None:
    """MRMS' PrecipRate, packed as PNG."""
    import eccodes

    for number, (counts, time) in enumerate(
        zip(_counts(frames, side), _times(frames), strict=True)
    ):
        date, clock = str(time).replace("-", "").replace(":", "").split("T")
        handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
        step, last = 0.01, 0.01 * (side - 1)
        for key, value in {
            **{"Ni": side, "Nj": side, "dataDate": int(date), "dataTime": int(clock[:4])},
            **{"latitudeOfFirstGridPointInDegrees": 40.0},
            **{"latitudeOfLastGridPointInDegrees": 40.0 - last},
            **{"longitudeOfFirstGridPointInDegrees": 260.0},
            **{"longitudeOfLastGridPointInDegrees": 260.0 + last},
            **{"iDirectionIncrementInDegrees": step, "jDirectionIncrementInDegrees": step},
            **{"discipline": 209, "parameterCategory": 6, "parameterNumber": 1},
            **{"packingType": "grid_png", "bitsPerValue": 16},
        }.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set_values(handle, counts.ravel() / 100)
        (folder / f"{number:05d}.grib2").write_bytes(eccodes.codes_get_message(handle))
        eccodes.codes_release(handle)


def h5py_alone() -> Callable[[Path], object]:
    import h5py

    def read(folder: Path) -> None:
        for path in sorted(folder.glob("*.h5")):
            with h5py.File(path) as file:
                data = file["dataset1/data1"]
                data["data"][...] * data["what"].attrs["gain"]

    return read


def xarray_alone() -> Callable[[Path], object]:
    import xarray

    def read(folder: Path) -> None:
        (path,) = folder.glob("rain.*")
        options = {"consolidated": False} if path.is_dir() else {}
        with xarray.open_dataset(path, **options) as data:
            for first in range(0, data.sizes["time"], 64):
                data["rain"][first : first + 64].load()

    return read


def eccodes_alone() -> Callable[[Path], object]:
    import eccodes

    def read(folder: Path) -> None:
        for path in sorted(folder.glob("*.grib2")):
            handle = eccodes.codes_new_from_message(path.read_bytes())
            eccodes.codes_get_values(handle)
            eccodes.codes_release(handle)

    return read


def saibench() -> Callable[[Path], object]:
    import h5py  # noqa: F401  # as for the libraries, imports are not timed
    import xarray  # noqa: F401
    import zarr  # noqa: F401

    from saibench.datamodules.cache_root import cache_root
    from saibench.datamodules.nowcasting.series.source import RainSeries

    def read(folder: Path) -> object:
        source = RainSeries(("[0r]*",), str(folder), input_frames=9, target_frames=20)
        return source.load(cache_root())

    return read
