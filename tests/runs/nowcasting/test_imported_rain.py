"""Forecasts that were made elsewhere have the errors computed with numpy, and of their net."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from command_line import Ended, saibench
from rain_files import forecast_dataset, rain_dataset, showers, times
from torch import Tensor

from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.evidence.run_record import read_record
from saibench.models.nowcasting.module import NowcastingModule

pytestmark = pytest.mark.usefixtures("without_page")
ISSUED = np.array([9, 20, 31])
LEADS = 4


def imported(folder: Path, *arguments: str) -> Ended:
    options = ("trainer.accelerator=cpu", "trainer.progress=false", "data.input_frames=3")
    command = ("import", "--observed", *arguments, "--workload", "nowcasting")
    return saibench(folder, *command, "-o", "outputs/rain", "--set", *options)


def write_rain(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """A series of 40 frames, of which one is missing, and forecasts of two members.

    Returns:
        observed and predicted rates (events, members, L, H, W) of the complete events.
    """
    rate = showers(40)
    target = np.stack([rate[issued + 1 : issued + 1 + LEADS] for issued in ISSUED])
    error = np.random.default_rng(0).normal(size=(3, 2, *target.shape[1:]))
    predicted = np.maximum(target[:, None] + error, 0)
    kept = np.delete(np.arange(40), 22)  # of the second event
    rain_dataset(rate[kept], of=times(40, 10)[kept]).to_netcdf(folder / "obs.nc", engine="h5netcdf")
    dataset = forecast_dataset(predicted, times(40, 10)[ISSUED], 10)
    dataset.to_netcdf(folder / "fc.nc", engine="h5netcdf")
    events = np.stack([rate[issued - 2 : issued + 1 + LEADS] for issued in ISSUED[[0, 2]]])
    np.savez(folder / "obs.npz", rain=events)
    np.savez(folder / "fc.npz", rain=predicted[[0, 2], 0])
    np.savez(folder / "short.npz", rain=predicted[[0, 2], 0, :3])
    return target[[0, 2], None], predicted[[0, 2]]


def test_errors_are_those_of_numpy(tmp_path: Path) -> None:
    target, predicted = write_rain(tmp_path)
    ended = imported(tmp_path, "obs.nc", "--forecast", "fc.nc")
    assert ended.status == 0, ended.err
    assert "1 forecast of fc.nc" in ended.out
    tables = {}
    for path in (tmp_path / "outputs" / "rain").glob("*/run.json"):
        tables[read_record(path.parent)["settings"]["seed"]] = path.parent
    assert set(tables) == {0, 1}, "a run per member"
    for member, run in tables.items():
        samples = polars.read_parquet(run / "samples.parquet").sort("sample_id")
        error = np.abs(np.clip(predicted[:, member], 0, None) - target[:, 0])
        assert samples["mae"].to_numpy() == pytest.approx(error.mean((1, 2, 3)), rel=1e-6)
        assert samples["issued"].to_list() == ["2020-06-01 01:30:00", "2020-06-01 05:10:00"]
        assert samples["mean_intensity"].is_not_nan().all()
        assert (run / "fields.npz").is_file(), "saved events for the report"

    of_events = imported(tmp_path, "obs.npz", "--forecast", "fc.npz", "--set", "data.pixel_km=1")
    assert of_events.status == 0, of_events.err
    paths = [path.parent for path in (tmp_path / "outputs" / "rain").glob("fc-seed0-*/run.json")]
    found = [polars.read_parquet(path / "samples.parquet").sort("sample_id") for path in paths]
    numbers = [name for name, kind in found[0].schema.items() if kind == polars.Float64]
    same = [name for name in numbers if name in found[1].columns]  # an array has no times
    assert {"mae", "mean_intensity"} <= set(same)
    for name in same:
        np.testing.assert_array_equal(found[0][name].to_numpy(), found[1][name].to_numpy(), name)


class Fading(torch.nn.Module):
    def forward(self, observed: Tensor, noise: Any) -> Tensor:
        return 0.5 * observed[:, -1:].expand(-1, 20, -1, -1)


def test_statistics_are_those_of_the_net(tmp_path: Path) -> None:
    ids = torch.tensor([5, 2])
    mask = torch.ones(2, 20, 32, 32, dtype=torch.bool)
    batch = RainBatch(
        ids, 9 * torch.rand(2, 9, 32, 32), 9 * torch.rand(2, 20, 32, 32), mask, pixel_km=2.0
    )
    path = tmp_path / "predictions.npz"
    np.savez(path, sample_id=ids.numpy(), rain=Fading()(batch.observed, None).numpy())
    target = "saibench.models.external.predictions.Predictions"
    stored = {"_target_": target, "file": str(path), "name": "mine"}
    info = {"pixel_km": 2.0, "has_truth": False}
    modules = [
        NowcastingModule(net, info, "mine", steps=0)
        for net in (stored, {"_target_": f"{__name__}.Fading"})
    ]
    own, expected = (module.test_step(batch, 0) for module in modules)
    assert own.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(own[name], expected[name], rtol=0, atol=0, equal_nan=True)


def _changed(folder: Path, **change: Any) -> str:
    """A changed copy of the forecasts."""
    import xarray

    data = xarray.load_dataset(folder / "fc.nc", engine="h5netcdf", decode_timedelta=False)
    if "unit" in change:
        data["rain"].attrs["units"] = change["unit"]
    if "lead" in change:
        data = data.assign_coords(lead_time=("lead_time", change["lead"], {"units": "minutes"}))
    if "nan" in change:
        data["rain"].values[change["nan"]] = np.nan
        data["rain"].encoding = {"_FillValue": None}
    if "value" in change:
        data["rain"].values[0, 0, 0, 0, 0] = change["value"]
    if "x" in change:
        data = data.assign_coords(x=data["x"] + change["x"])
    data.to_netcdf(folder / "changed.nc", engine="h5netcdf")
    return "changed.nc"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": "mm"}, ("changed.nc", "mm")),
        ({"unit": "furlong"}, ("changed.nc", "not stated")),
        ({"unit": "m s-1"}, ("changed.nc", "1872 mm/h", "'m/s'")),
        ({"value": -3.0}, ("changed.nc", "from -3 to", "'rain'")),
        ({"lead": [0, 10, 20, 30]}, ("changed.nc", "0, 10, 20")),
        ({"nan": (2, 1, 3, 0, slice(0, 5))}, ("05:10:00", "member 1", "5 pixels", "40 minutes")),
        ({"x": 500.0}, ("changed.nc", "obs.nc", "grid")),
    ],
)
def test_faulty_forecasts_are_refused(
    tmp_path: Path, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    write_rain(tmp_path)
    _refused(imported(tmp_path, "obs.nc", "--forecast", _changed(tmp_path, **change)), *words)
    assert not (tmp_path / "outputs").exists()


def test_other_mistakes_are_refused(tmp_path: Path) -> None:
    write_rain(tmp_path)
    _refused(imported(tmp_path, "obs.nc"), "--forecast")
    _refused(imported(tmp_path, "obs.nc", "--forecast", "obs.nc"), "obs.nc", "lead time")
    later = times(40, 10)[ISSUED] + np.timedelta64(30, "D")
    dataset = forecast_dataset(np.zeros((3, 2, LEADS, 32, 32)), later, 10)
    dataset.to_netcdf(tmp_path / "later.nc", engine="h5netcdf")
    words = ("later.nc", "issued from", "has frames from", "data.input_frames")
    _refused(imported(tmp_path, "obs.nc", "--forecast", "later.nc"), *words)
    _refused(
        imported(tmp_path, "obs.nc", "--forecast", "fc.nc", "--training", "fc.nc"), "--training"
    )
    events = ("obs.npz", "--forecast", "short.npz", "--set", "data.pixel_km=1")
    _refused(imported(tmp_path, *events), "short.npz", "(2, 3, 32, 32)", "(2, 4, 32, 32)")
    assert not (tmp_path / "outputs").exists()


def _refused(ended: Ended, *words: str) -> None:
    assert ended.status == 2, ended.out
    last = ended.err.strip().splitlines()[-1]
    assert all(word in last for word in words), last
