"""Small files of rain in the formats of radar services, written from the standards.

There is no real ODIM, KNMI or MRMS file beside the checkout: these follow the documents that the
readers name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 32
FIRST = np.datetime64("2020-06-01T00:00:00", "s")


def showers(frames: int, seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Rates (frames, side, side) in mm/h in steps of 0.12, 0 in about half of the pixels."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(-200, 200, (frames, side, side))
    return np.maximum(counts, 0) * 0.12


def times(frames: int, minutes: float) -> np.ndarray:
    return FIRST + (np.arange(frames) * minutes * 60).astype("timedelta64[s]")


def _compact(time: np.datetime64) -> tuple[bytes, bytes]:
    date, clock = str(time).split("T")
    return np.bytes_(date.replace("-", "")), np.bytes_(clock.replace(":", ""))


def write_odim(
    path: Path,
    counts: np.ndarray,
    time: np.datetime64,
    quantity: str = "RATE",
    gain: float = 0.01,
    offset: float = 0.0,
    nodata: float = 65535,
    undetect: float = 0,
    minutes: float = 5,
    kind: str = "COMP",
) -> Path:
    """An ODIM composite (version 2.2), with `what` of the data in the data's group."""
    import h5py

    start = time - np.timedelta64(int(60 * minutes), "s")
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_(b"ODIM_H5/V2_2")
        what = file.create_group("what").attrs
        what["object"], what["version"] = np.bytes_(kind), np.bytes_(b"H5rad 2.2")
        what["date"], what["time"] = _compact(time)
        where = file.create_group("where").attrs
        where["projdef"] = np.bytes_(b"+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000")
        where["xsize"], where["ysize"] = counts.shape[1], counts.shape[0]
        where["xscale"] = where["yscale"] = 2000.0
        for name, value in (
            ("LL_lon", -10.0),
            ("LL_lat", 32.0),
            ("UR_lon", 57.0),
            ("UR_lat", 62.0),
        ):
            where[name] = value
        dataset = file.create_group("dataset1")
        what = dataset.create_group("what").attrs
        what["product"] = np.bytes_(b"SURF")
        what["startdate"], what["starttime"] = _compact(start)
        what["enddate"], what["endtime"] = _compact(time)
        data = dataset.create_group("data1")
        what = data.create_group("what").attrs
        what["quantity"] = np.bytes_(quantity)
        for name, value in (("gain", gain), ("offset", offset)):
            what[name] = value
        what["nodata"], what["undetect"] = float(nodata), float(undetect)
        data.create_dataset("data", data=counts, compression="gzip")
    return path


def write_knmi(
    path: Path,
    counts: np.ndarray,
    time: np.datetime64,
    parameter: str = "PRECIP_[MM]",
    formula: str = "GEO=0.010000*PV+0.000000",
    codes: tuple[int, int] = (65534, 65535),
    minutes: float = 5,
) -> Path:
    """An image of KNMI's layout, with a second image of its quality."""
    import h5py

    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]

    def moment(time: np.datetime64) -> bytes:
        date, clock = str(time).split("T")
        year, month, day = date.split("-")
        return np.bytes_(f"{day}-{months[int(month) - 1]}-{year};{clock}.000")

    with h5py.File(path, "w") as file:
        overview = file.create_group("overview").attrs
        overview["product_datetime_start"] = moment(time - np.timedelta64(int(60 * minutes), "s"))
        overview["product_datetime_end"] = moment(time)
        geographic = file.create_group("geographic").attrs
        geographic["geo_pixel_size_x"] = np.array([1.0], np.float32)
        geographic["geo_pixel_size_y"] = np.array([-1.0], np.float32)
        geographic["geo_dim_pixel"] = np.bytes_(b"KM,KM")
        geographic["geo_column_offset"] = np.array([0.0], np.float32)
        geographic["geo_row_offset"] = np.array([3650.0], np.float32)
        geographic["geo_number_columns"] = np.array([counts.shape[1]], np.int32)
        geographic["geo_number_rows"] = np.array([counts.shape[0]], np.int32)
        projection = file.create_group("geographic/map_projection").attrs
        projection["projection_proj4_params"] = np.bytes_(
            b"+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.137 +b=6356.752 +x_0=0 +y_0=0"
        )
        for number, (name, values) in enumerate(
            ((parameter, counts), ("QUALITY_[-]", np.zeros_like(counts))), start=1
        ):
            image = file.create_group(f"image{number}")
            image.attrs["image_geo_parameter"] = np.bytes_(name)
            image.create_dataset("image_data", data=values, compression="gzip")
            calibration = image.create_group("calibration").attrs
            calibration["calibration_formulas"] = np.bytes_(formula)
            calibration["calibration_missing_data"] = np.array([codes[0]], np.int32)
            calibration["calibration_out_of_image"] = np.array([codes[1]], np.int32)
    return path


def rain_dataset(
    rate: np.ndarray,
    minutes: float = 5,
    unit: str = "mm h-1",
    spacing: float = 1000.0,
    of: Sequence[np.datetime64] | None = None,
    **attributes: Any,
) -> Any:
    """An xarray data set over time, y and x in m, with a second variable over time alone."""
    import xarray

    frames, height, width = rate.shape
    moments = times(frames, minutes) if of is None else np.asarray(of)
    return xarray.Dataset(
        {
            "rain": (("time", "y", "x"), rate, {"units": unit, **attributes}),
            "quality": (("time",), np.ones(frames)),
        },
        coords={
            "time": moments.astype("datetime64[ns]"),
            "y": ("y", spacing * np.arange(height)[::-1], {"units": "m"}),
            "x": ("x", spacing * np.arange(width), {"units": "m"}),
        },
    )


def forecast_dataset(rate: np.ndarray, issued: np.ndarray, minutes: int) -> Any:
    """An xarray data set over time of issue, lead time, y and x, on the grid of `rain_dataset`.

    Args:
        rate: (n, L, H, W), or with members (n, M, L, H, W).
        issued: (n,) datetime64.
        minutes: between two lead times.
    """
    import xarray

    grid = rain_dataset(rate.reshape(-1, *rate.shape[-2:])[:1])
    member = ["member"] if rate.ndim == 5 else []
    leads = minutes * np.arange(1, rate.shape[-3] + 1)
    return xarray.Dataset(
        {"rain": (("time", *member, "lead_time", "y", "x"), rate, {"units": "mm h-1"})},
        coords={
            "time": issued.astype("datetime64[ns]"),
            "lead_time": ("lead_time", leads, {"units": "minutes"}),
            "y": grid["y"],
            "x": grid["x"],
        },
    )


def write_grib(root: Path, rate: np.ndarray, moments: np.ndarray) -> None:
    """Files 000.grib2, … of MRMS' PrecipRate on a grid of 0.01 degrees, packed as PNG.

    They are written by ecCodes in a process of its own, see `grib_decoder`.
    """
    dates = [str(moment).replace("-", "").replace(":", "").split("T") for moment in moments]
    request = {"root": str(root), "rate": rate.tolist(), "dates": dates}
    subprocess.run(
        [sys.executable, "-P", "-c", _GRIB_WRITER], input=json.dumps(request).encode(), check=True
    )


_GRIB_WRITER = """
import json, pathlib, sys
import eccodes, numpy
request = json.load(sys.stdin)
for number, (frame, (date, time)) in enumerate(zip(request["rate"], request["dates"])):
    values = numpy.array(frame)
    height, width = values.shape
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    for key, value in {
        "Ni": width,
        "Nj": height,
        "latitudeOfFirstGridPointInDegrees": 40.0,
        "latitudeOfLastGridPointInDegrees": 40.0 - 0.01 * (height - 1),
        "longitudeOfFirstGridPointInDegrees": 260.0,
        "longitudeOfLastGridPointInDegrees": 260.0 + 0.01 * (width - 1),
        "iDirectionIncrementInDegrees": 0.01,
        "jDirectionIncrementInDegrees": 0.01,
        "dataDate": int(date),
        "dataTime": int(time[:4]),
        "discipline": 209,
        "parameterCategory": 6,
        "parameterNumber": 1,
        "packingType": "grid_png",
        "bitsPerValue": 16,
    }.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, values.ravel())
    path = pathlib.Path(request["root"], f"{number:03d}.grib2")
    path.write_bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
"""
