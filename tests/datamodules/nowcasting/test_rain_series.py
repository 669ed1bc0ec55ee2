"""Long series of rain in the formats of radar services give the rates that were written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rain_files import (
    SIDE,
    rain_dataset,
    showers,
    times,
    write_grib,
    write_knmi,
    write_odim,
)

from saibench.datamodules.nowcasting.series import grib_process
from saibench.datamodules.nowcasting.series.source import RainSeries
from saibench.errors import InsufficientData, UserError

FRAMES = 30
SHAPE = {"input_frames": 2, "target_frames": 4}
SECTION = np.s_[:, 0, :4]
"""Pixels with the codes for missing in files of one frame."""


@pytest.fixture
def rate() -> np.ndarray:
    return showers(FRAMES)


def series(root: Path, *files: str, **options: Any) -> RainSeries:
    return RainSeries(files=files, root=str(root), **{**SHAPE, **options})


def odim(root: Path, rate: np.ndarray) -> str:
    pytest.importorskip("h5py")
    for number, time in enumerate(times(len(rate), 5)):
        counts = np.round(rate[number] * 100).astype(np.uint16)
        counts[0, :4] = 65535
        write_odim(root / f"{number:03d}.h5", counts, time)
    return "*.h5"


def knmi(root: Path, rate: np.ndarray) -> str:
    """Accumulations of 5 minutes in hundredths of a mm."""
    pytest.importorskip("h5py")
    for number, time in enumerate(times(len(rate), 5)):
        counts = np.round(rate[number] * 100 / 12).astype(np.uint16)
        counts[0, :4] = [65535, 65535, 65534, 65534]
        write_knmi(root / f"{number:03d}.h5", counts, time)
    return "*.h5"


def grib(root: Path, rate: np.ndarray) -> str:
    values = rate.copy()
    values[SECTION] = [-3, -3, -1, -1]
    write_grib(root, values, times(len(rate), 5))
    return "*.grib2"


@pytest.mark.parametrize(
    ("write", "tolerance"),
    [(odim, 1e-5), (knmi, 1e-5), (grib, 27 / 2**16)],  # 27 mm/h in 16 bits
)
def test_the_frames_of_radar_files_are_read(
    write: Callable[[Path, np.ndarray], str], tolerance: float, rate: np.ndarray, tmp_path: Path
) -> None:
    source = series(tmp_path, write(tmp_path, rate))
    events = source.load(tmp_path / "cache")
    assert events.index["sample_id"].to_list() == [0, 6, 12, 18, 24]
    assert source.minutes_per_frame == 5
    expected = rate.copy()
    expected[SECTION] = 0
    for row in range(5):
        event = events.read(row)
        np.testing.assert_allclose(event.rate, expected[6 * row : 6 * row + 6], atol=tolerance)
        assert not event.valid[SECTION].any() and (~event.valid).sum() == 6 * 4


@pytest.mark.parametrize(
    ("write", "reader", "quantity", "per_hour"),
    [(odim, "import_odim_hdf5", "RATE", 1), (knmi, "import_knmi_hdf5", "ACRR", 12)],
)
def test_radar_files_agree_with_pysteps(
    write: Callable[[Path, np.ndarray], str],
    reader: str,
    quantity: str,
    per_hour: float,
    rate: np.ndarray,
    tmp_path: Path,
) -> None:
    importers = pytest.importorskip("pysteps.io.importers")
    pytest.importorskip("pyproj")
    write(tmp_path, rate)
    expected, _, _ = getattr(importers, reader)(str(tmp_path / "003.h5"), qty=quantity)
    event = series(tmp_path, "*.h5").load(tmp_path / "cache").read(0)
    own = np.where(event.valid[3], event.rate[3], np.nan)
    # pysteps takes KNMI's code 65534 for 655.34 mm
    expected = np.where(expected > 600, np.nan, expected) * per_hour
    np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6)


def test_a_damaged_grib_file_is_named(rate: np.ndarray, tmp_path: Path) -> None:
    pattern = grib(tmp_path, rate[:6])
    content = (tmp_path / "003.grib2").read_bytes()
    (tmp_path / "003.grib2").write_bytes(content[:300])
    with pytest.raises(UserError, match=r"003\.grib2"):
        series(tmp_path, pattern).describe()
    (tmp_path / "003.grib2").write_bytes(content[:-200] + b"\xff" * 196 + b"7777")  # the image
    with pytest.raises(UserError, match=r"003\.grib2"):
        series(tmp_path, pattern).load(tmp_path / "cache")
    (tmp_path / "003.grib2").write_bytes(content)
    assert len(series(tmp_path, pattern).load(tmp_path / "cache").index) == 1


def test_a_spacing_that_is_no_number_is_refused(rate: np.ndarray, tmp_path: Path) -> None:
    """As that of a damaged header; it would enter the hash of the run."""
    pattern = odim(tmp_path, rate[:6])
    for path in tmp_path.glob(pattern):
        with pytest.importorskip("h5py").File(path, "r+") as file:
            file["where"].attrs["xscale"] = np.nan
    with pytest.raises(UserError, match=r"data\.spacing_km"):
        series(tmp_path, pattern).recipe()
    assert series(tmp_path, pattern, spacing_km=2.0).pixel_km == 2.0


def test_a_decoder_that_ends_is_started_again(rate: np.ndarray, tmp_path: Path) -> None:
    """ecCodes has crashed on damaged files, and its PROJ crashes that of pyproj."""
    pattern = grib(tmp_path, rate[:6])
    grib_process._process().kill()
    with pytest.raises(UserError, match=r"000\.grib2"):
        series(tmp_path, pattern).describe()
    assert "PrecipRate" in series(tmp_path, pattern).describe()
    assert "eccodes" not in sys.modules


def test_reflectivity_becomes_rain_by_marshall_palmer(tmp_path: Path) -> None:
    """Z = 200 R^1.6: 23.01 dBZ are 1 mm/h; no echo is no rain, and no data is missing."""
    counts = np.full((SIDE, SIDE), 110, np.uint8)  # 23 dBZ
    counts[0, :2], counts[1, :2] = 0, 255
    for number, time in enumerate(times(6, 5)):
        write_odim(
            tmp_path / f"{number}.h5", counts, time, "DBZH", 0.5, -32, nodata=255, undetect=0
        )
        write_knmi(
            tmp_path / f"{number}.hdf",
            counts,
            time,
            "REFLECTIVITY_[DBZ]",
            "GEO = 0.500000 * PV + -32.000000",
            codes=(0, 255),
        )
    for pattern in ("*.h5", "*.hdf"):
        event = series(tmp_path, pattern).load(tmp_path / "cache").read(0)
        assert event.valid[:, 0, :2].all() and not event.rate[:, 0, :2].any()
        assert not event.valid[:, 1, :2].any()
        np.testing.assert_allclose(event.rate[0, 5, 5], (10**2.3 / 200) ** (1 / 1.6), rtol=1e-5)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy", "zarr"])
def test_packed_values_with_a_documented_code_are_read(
    engine: str, rate: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("xarray")
    pytest.importorskip(engine)
    counts = np.round(rate * 100).astype(np.int16)
    counts[SECTION] = -999
    data = rain_dataset(counts, _FillValue=-999, scale_factor=0.01)
    if engine == "zarr":
        data.to_zarr(tmp_path / "rain", consolidated=False)
    else:
        data.to_netcdf(tmp_path / "rain", engine=engine)
    source = series(tmp_path, "rain")
    event = source.load(tmp_path / "cache").read(1)
    expected = rate.copy()
    expected[SECTION] = 0
    np.testing.assert_allclose(event.rate, expected[6:12], atol=1e-5)
    assert (~event.valid).sum() == 6 * 4
    assert source.pixel_km == pytest.approx(1)


@pytest.fixture
def netcdf(tmp_path: Path) -> Callable[..., Path]:
    pytest.importorskip("xarray")

    def write(rate: np.ndarray, name: str = "rain.nc", **options: Any) -> Path:
        data = rain_dataset(rate, **options)
        undocumented = {"rain": {"_FillValue": None}}  # else xarray documents NaN as missing
        data.to_netcdf(tmp_path / name, engine="scipy", encoding=undocumented)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("unit", "factor"), [("kg m-2 s-1", 3600), ("mm/day", 1 / 24), ("m s**-1", 3.6e6)]
)
def test_units_are_converted(
    unit: str, factor: float, rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    root = netcdf(rate / factor, unit=unit)
    event = series(root, "rain.nc").load(tmp_path / "cache").read(0)
    np.testing.assert_allclose(event.rate, rate[:6], rtol=1e-5)


def test_accumulations_need_their_interval(
    rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    root = netcdf(rate / 4, unit="mm")
    with pytest.raises(UserError, match="interval_minutes"):
        series(root, "rain.nc").load(tmp_path / "cache")
    event = series(root, "rain.nc", interval_minutes=15).load(tmp_path / "cache").read(0)
    np.testing.assert_allclose(event.rate, rate[:6], rtol=1e-5)


@pytest.mark.parametrize(
    ("value", "option"), [(np.nan, "nan_is_missing"), (-0.5, "missing"), (np.inf, "nan_is_missing")]
)
def test_undocumented_codes_are_refused_by_file_time_and_count(
    value: float, option: str, rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    rate[7, 3, :5] = value
    root = netcdf(rate)
    with pytest.raises(UserError, match=rf"rain\.nc.*2020-06-01 00:35:00.* 5 of 1,024.*{option}"):
        series(root, "rain.nc").load(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/manifest.json"))
    if not np.isinf(value):
        given = {"nan_is_missing": True} if np.isnan(value) else {"missing": (value,)}
        event = series(root, "rain.nc", **given).load(tmp_path / "cache").read(1)
        assert (~event.valid).sum() == 5 and not event.rate[1, 3, :5].any()


def test_nan_is_missing_where_the_file_says_so(rate: np.ndarray, tmp_path: Path) -> None:
    """xarray writes `_FillValue = NaN` by default."""
    pytest.importorskip("xarray")
    rate[7, 3, :5] = np.nan
    rain_dataset(rate).to_netcdf(tmp_path / "a.nc", engine="scipy")
    event = series(tmp_path, "a.nc").load(tmp_path / "cache").read(1)
    assert (~event.valid).sum() == 5 and not event.valid[1, 3, :5].any()


def test_impossible_rates_are_refused(
    rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    rate[2, 0, 0] = 9999
    with pytest.raises(UserError, match=r"rain\.nc.*00:10:00.*9,999"):
        series(netcdf(rate), "rain.nc").load(tmp_path / "cache")


def test_events_skip_gaps_and_take_each_third_frame(
    rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    """Of 30 frames 5 minutes apart, frame 4 is missing; events have 3 frames 15 minutes apart."""
    kept = np.delete(np.arange(FRAMES), 4)
    root = netcdf(rate[kept], of=times(FRAMES, 5)[kept])
    source = series(root, "rain.nc", input_frames=1, target_frames=2, step_minutes=15)
    events = source.load(tmp_path / "cache")
    first = kept[events.index["sample_id"].to_numpy()]
    assert first.tolist() == [0, 9, 18]
    np.testing.assert_allclose(events.read(1).rate, rate[[9, 12, 15]], rtol=1e-5)
    assert events.index["issued"][1] == "2020-06-01 00:45:00"


def test_events_may_overlap_and_be_of_a_stretch(
    rate: np.ndarray, netcdf: Callable[..., Path]
) -> None:
    root = netcdf(rate)
    source = series(
        root,
        "rain.nc",
        every=1,
        begin="2020-06-01 00:25",
        end="2020-06-01 01:05",
        max_missing_fraction=1.0,
    )
    index = source.preview()
    assert index is not None
    assert index["issued"].to_list() == [f"2020-06-01 00:{m}:00" for m in (30, 35, 40)]


def test_dry_events_are_left_out(
    rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    rate[6:12] = 0
    events = series(netcdf(rate), "rain.nc", min_wet_fraction=0.1).load(tmp_path / "cache")
    assert events.index["sample_id"].to_list() == [0, 12, 18, 24]
    with pytest.raises(InsufficientData, match="min_wet_fraction"):
        series(tmp_path, "rain.nc", min_wet_fraction=1.0).load(tmp_path / "cache")


def test_a_grid_is_coarsened_and_cropped(netcdf: Callable[..., Path], tmp_path: Path) -> None:
    rate = showers(6, side=80)
    source = series(netcdf(rate), "rain.nc", coarsen=2)
    event = source.load(tmp_path / "cache").read(0)
    means = rate.reshape(6, 40, 2, 40, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(event.rate, means[:, 4:36, 4:36], rtol=1e-5)
    assert source.pixel_km == pytest.approx(2)
    event = series(tmp_path, "rain.nc", crop=(10, 48, 64, 32)).load(tmp_path / "cache").read(0)
    np.testing.assert_allclose(event.rate, rate[:, 10:74, 48:80], rtol=1e-5)
    with pytest.raises(UserError, match="crop"):
        series(tmp_path, "rain.nc", crop=(20, 0, 64, 32)).describe()


def test_the_hash_is_that_of_the_content(
    rate: np.ndarray, netcdf: Callable[..., Path], tmp_path: Path
) -> None:
    """Names of files and their order do not change it; another frame does."""
    netcdf(rate[:15], "a.nc", of=times(FRAMES, 5)[:15])
    netcdf(rate[15:], "b.nc", of=times(FRAMES, 5)[15:])
    both = series(tmp_path, "a.nc", "b.nc").load(tmp_path / "cache")
    (tmp_path / "b.nc").rename(tmp_path / "0.nc")
    assert series(tmp_path, "*.nc").load(tmp_path / "other").data_hash == both.data_hash
    rate[20, 0, 0] += 1
    netcdf(rate[15:], "0.nc", of=times(FRAMES, 5)[15:])
    assert series(tmp_path, "*.nc").load(tmp_path / "cache").data_hash != both.data_hash


def test_repeated_times_are_refused(rate: np.ndarray, netcdf: Callable[..., Path]) -> None:
    root = netcdf(rate, "a.nc")
    netcdf(rate, "b.nc")
    with pytest.raises(UserError, match=r"a\.nc.*b\.nc.*2020-06-01 00:00:00"):
        series(root, "*.nc").describe()


def test_damaged_and_unknown_files_are_named(tmp_path: Path, rate: np.ndarray) -> None:
    odim(tmp_path, rate[:6])
    content = (tmp_path / "002.h5").read_bytes()
    (tmp_path / "002.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"002\.h5"):
        series(tmp_path, "*.h5").describe()
    (tmp_path / "notes.txt").write_text("rain")
    with pytest.raises(UserError, match=r"notes\.txt.*data\.format"):
        series(tmp_path, "notes.txt").describe()
    with pytest.raises(UserError, match=r"none\.nc.*data\.root"):
        series(tmp_path, "none.nc").describe()


def test_polar_scans_are_refused(tmp_path: Path) -> None:
    write_odim(tmp_path / "a.h5", np.zeros((SIDE, SIDE), np.uint16), times(1, 5)[0], kind="PVOL")
    with pytest.raises(UserError, match="PVOL"):
        series(tmp_path, "a.h5").describe()


def test_pickled_objects_of_a_store_are_refused(rate: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    rain_dataset(rate).to_zarr(tmp_path / "rain.zarr", zarr_format=2, consolidated=False)
    array = tmp_path / "rain.zarr" / "rain" / ".zarray"
    array.write_text(array.read_text().replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    with pytest.raises(UserError, match="pickled"):
        series(tmp_path, "rain.zarr").describe()


def test_the_interval_of_accumulations_is_that_of_the_bounds(
    rate: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("xarray")
    data = rain_dataset(rate / 12, unit="mm")
    ends = data["time"].values
    starts = ends - np.timedelta64(5, "m").astype("timedelta64[ns]")
    data["time_bounds"] = (("time", "side"), np.stack([starts, ends], axis=1))
    data["time"].attrs["bounds"] = "time_bounds"
    data.to_netcdf(tmp_path / "a.nc", engine="scipy")
    event = series(tmp_path, "a.nc").load(tmp_path / "cache").read(0)
    np.testing.assert_allclose(event.rate, rate[:6], rtol=1e-5)


def test_no_rain_is_not_missing_in_a_zarr_store(rate: np.ndarray, tmp_path: Path) -> None:
    """The fill value 0 of zarr is for chunks without values, not a code for missing pixels."""
    pytest.importorskip("zarr")
    data = rain_dataset(rate)
    data.to_zarr(
        tmp_path / "a", zarr_format=2, encoding={"rain": {"_FillValue": 0.0}}, consolidated=False
    )
    event = series(tmp_path, "a").load(tmp_path / "cache").read(0)
    assert event.valid.all() and (event.rate == 0).any()


def test_links_to_other_files_are_refused(rate: np.ndarray, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("h5netcdf")
    rain_dataset(rate).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file["other"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(UserError, match=r"a\.nc.*'other'"):
        series(tmp_path, "a.nc").describe()
