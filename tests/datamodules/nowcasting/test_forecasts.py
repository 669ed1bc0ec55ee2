"""Gridded forecasts, and events at their times of issue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rain_files import forecast_dataset, rain_dataset, showers, times

from saibench.datamodules.nowcasting.series.forecast import ForecastFile
from saibench.datamodules.nowcasting.series.source import RainSeries
from saibench.errors import UserError

ISSUED = np.array([3, 10, 17])
"""Frames at which forecasts are issued."""


def written(dataset: Any, path: Path) -> Path:
    if path.suffix == ".zarr":
        dataset.to_zarr(path, consolidated=False)
    else:
        dataset.to_netcdf(path, engine="h5netcdf")
    return path


def forecasts(members: int | None = None) -> np.ndarray:
    """Rates (3, 4, 32, 32), with members (3, members, 4, 32, 32)."""
    rate = showers(12 * (members or 1), seed=5)
    return rate.reshape(3, *([members] if members else []), 4, *rate.shape[1:])


@pytest.mark.parametrize("ending", ["nc", "zarr"])
@pytest.mark.parametrize("members", [None, 2])
def test_forecasts_are_those_written(tmp_path: Path, ending: str, members: int | None) -> None:
    rain = forecasts(members)
    file = ForecastFile(
        written(forecast_dataset(rain, times(30, 5)[ISSUED], 5), tmp_path / f"fc.{ending}")
    )
    layout = file.layout()
    assert layout.issued.tolist() == times(30, 5)[ISSUED].tolist()
    assert layout.minutes.tolist() == [5, 10, 15, 20]
    assert (layout.members, layout.height, layout.width) == (members, 32, 32)
    assert (layout.variable, layout.unit) == ("rain", "mm/h")
    found = list(file.fields(np.array([2, 0])))
    expected = (rain if members else rain[:, None])[[2, 0]]
    np.testing.assert_array_equal(np.stack([values for values, _ in found]), expected)
    assert not any(missing.any() for _, missing in found)


def test_no_rain_is_not_missing_in_a_zarr_store(tmp_path: Path) -> None:
    """The fill value 0 of zarr is for chunks without values, not a code for missing pixels."""
    dataset = forecast_dataset(forecasts(), times(30, 5)[ISSUED], 5)
    fill = {"rain": {"_FillValue": 0.0}}
    dataset.to_zarr(tmp_path / "fc.zarr", zarr_format=2, encoding=fill, consolidated=False)
    for values, missing in ForecastFile(tmp_path / "fc.zarr").fields(np.arange(3)):
        assert (values == 0).any() and not missing.any()


def test_lead_times_in_other_units(tmp_path: Path) -> None:
    dataset = forecast_dataset(forecasts(), times(30, 5)[ISSUED], 60)
    hours = dataset.assign_coords(lead_time=("lead_time", [1, 2, 3, 4], {"units": "hours"}))
    found = ForecastFile(written(hours, tmp_path / "fc.nc")).layout().minutes
    assert found.tolist() == [60, 120, 180, 240]
    weeks = dataset.assign_coords(lead_time=("lead_time", [1, 2, 3, 4], {"units": "weeks"}))
    with pytest.raises(UserError, match="week"):
        ForecastFile(written(weeks, tmp_path / "weeks.nc")).layout()


def test_a_series_is_no_forecast(tmp_path: Path) -> None:
    path = written(rain_dataset(showers(4)), tmp_path / "obs.nc")
    with pytest.raises(UserError, match="lead time"):
        ForecastFile(path).layout()


def test_events_are_cut_at_the_times_of_issue(tmp_path: Path) -> None:
    rate = showers(30)
    kept = np.delete(np.arange(30), 12)  # the second forecast lacks an observed frame
    dataset = rain_dataset(rate[kept], of=times(30, 5)[kept])
    written(dataset, tmp_path / "obs.nc")
    written(forecast_dataset(forecasts(), times(30, 5)[ISSUED], 5), tmp_path / "fc.nc")
    options = {"files": ("obs.nc",), "root": str(tmp_path), "input_frames": 3, "target_frames": 4}
    source = RainSeries(**options, issued=str(tmp_path / "fc.nc"))
    events = source.load(tmp_path / "cache")
    assert events.index["issued"].to_list() == [
        str(time).replace("T", " ") for time in times(30, 5)[[3, 17]]
    ]
    for row, issued in enumerate((3, 17)):
        expected = rate[issued - 2 : issued + 5].astype(np.float32)
        np.testing.assert_array_equal(events.read(row).rate, expected)
    assert "issued" not in RainSeries(**options).recipe()
    assert "every" not in source.recipe()
