"""Readers of arrays, netCDF and zarr: what is read equals what was written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from saibench.datamodules.field_dynamics.checks import check_trajectories
from saibench.datamodules.field_dynamics.files.arrays import FieldArrays
from saibench.datamodules.field_dynamics.files.gridded import GriddedFields
from saibench.errors import UserError

RUNS, FRAMES = 3, 5


def test_arrays_are_read_by_their_axes(tmp_path: Path, cache: Path) -> None:
    values = np.random.default_rng(0).normal(size=(9, FRAMES))
    np.savez(tmp_path / "ks.npz", usol=values, t=np.arange(FRAMES) / 2)
    np.save(tmp_path / "ks.npy", values)
    by_key = FieldArrays(
        file=str(tmp_path / "ks.npz"), key="usol", axes=["x", "time"], lengths=[20.0], times="t",
        closed=True, parameters={"mu": 1.0},
    ).load(cache)  # fmt: skip
    np.testing.assert_array_equal(by_key.values[0, 0:FRAMES][:, 0], values[:8].T.astype("f4"))
    assert by_key.time_step == 0.5
    other = FieldArrays(str(tmp_path / "ks.npy"), ["trajectory", "time"], time_step=1.0)
    assert other.load(cache).values.shape == (9, FRAMES, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": ["x", "x"]}, "data.axes"),
        ({"lengths": []}, "data.lengths"),
        ({"lengths": [-1.0]}, r"data.lengths=\[-1\]"),
        ({"axes": None}, "data.axes=null"),
        ({"channels": 3}, "data.channels=3"),
        ({"lengths": 1.0}, "data.lengths=1"),
        ({"lengths": [np.nan]}, r"data.lengths=\[nan\]"),
        ({"time_step": 1.0}, "data.times"),
        ({"key": "other"}, "other.*usol, t"),
        ({"parameters": {"mu": [1.0, 2.0]}}, "data.parameters.mu"),
        ({"parameters": {"mu": "high"}}, "data.parameters.mu=high"),
        ({"parameters": {"mu": [[1.0, 2.0], 3.0]}}, "data.parameters.mu="),
        ({"parameters": {"mu": [[1.0, 2.0]]}}, r"data.parameters.mu=\[\[1.0, 2.0\]\] is a list of"),
        ({"parameters": {"mu": np.nan}}, "data.parameters.mu=nan"),
        ({"channels": ["u", "v"]}, "data.channels"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    np.savez(tmp_path / "ks.npz", usol=np.zeros((8, FRAMES)), t=np.arange(FRAMES))
    settings = {"file": str(tmp_path / "ks.npz"), "key": "usol", "axes": ["x", "time"],
                "lengths": [20.0], "times": "t"} | changes  # fmt: skip
    with pytest.raises(UserError, match=message):
        FieldArrays(**settings).preview()


@pytest.mark.parametrize("axes", [["time", "x", "channel"], ["y", "trajectory", "time"]])
@pytest.mark.parametrize("kind", ["npy", "npz", "v7.mat", "v7.3.mat"])
def test_arrays_of_every_format_are_read_in_parts(
    kind: str, axes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of one frame; a file of MATLAB 7.3 has the axes in reverse order."""
    monkeypatch.setattr("saibench.datamodules.field_dynamics.files.copied.BLOCK_BYTES", 1)
    values, path = np.random.default_rng(0).normal(size=(4, 3, 2)), tmp_path / f"flow.{kind}"
    if kind == "npy":
        np.save(path, np.asfortranarray(values))
    elif kind == "npz":
        np.savez_compressed(path, u=values)
    elif kind == "v7.mat":
        savemat(path, {"u": values}, do_compression=True)
    else:
        with pytest.importorskip("h5py").File(path, "w", userblock_size=512) as file:
            file["u"] = values.T
    count = {"channel": ("u", "v")}.get(axes[-1], ("u",))
    source = FieldArrays(str(path), axes, [1.0], key="u", time_step=1.0, channels=count)
    grid = [axis in ("x", "y") for axis in axes].index(True)
    named = dict(zip(axes, values.shape, strict=True))
    order = [axes.index(axis) for axis in ("trajectory", "time", "channel") if axis in axes]
    expected = values.transpose(*order, grid).reshape(
        named.get("trajectory", 1), named["time"], len(count), values.shape[grid]
    )
    assert source.layout().grid == (values.shape[grid],)
    np.testing.assert_array_equal(source.load(tmp_path).values, expected.astype("f4"))
    assert not list(tmp_path.rglob(".unpacked*"))


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_dimensions_of_gridded_files_are_guessed_and_shown(
    kind: str, tmp_path: Path, cache: Path
) -> None:
    xarray = pytest.importorskip("xarray")
    rng, path = np.random.default_rng(0), tmp_path / "flow"
    u, v = rng.normal(size=(2, 6, FRAMES, RUNS)), rng.normal(size=(6, FRAMES, RUNS, 2))
    data = xarray.Dataset(
        {"u": (("x", "time", "member", "y"), u.transpose(1, 2, 3, 0)),
         "v": (("x", "time", "member", "y"), v), "nu": ("member", [0.1, 0.2, 0.3]),
         "mask": (("x", "y"), np.ones((6, 2)))},
        {"time": 2.0 + 0.5 * np.arange(FRAMES), "x": np.arange(6) / 6},
    )  # fmt: skip
    if kind == "netcdf":
        data.to_netcdf(path, engine="h5netcdf")
    else:
        data.to_zarr(path, consolidated=False)
    source = GriddedFields(str(path))
    assert "trajectory = member; time = time; space = x, y" in source.describe()
    layout = source.layout()
    assert (layout.channels, layout.grid) == (("u", "v"), (6, 2))
    assert layout.lengths == pytest.approx((1.0, 2.0))
    assert (layout.start, layout.time_step) == (2.0, 0.5)
    found = source.load(cache)
    np.testing.assert_array_equal(found.values[:, :, 0], u.transpose(3, 2, 1, 0).astype("f4"))
    np.testing.assert_array_equal(found.values[:, :, 1], v.transpose(2, 1, 0, 3).astype("f4"))
    assert found.parameters["nu"].tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(UserError, match="'w'"):
        GriddedFields(str(path), fields=["w"]).layout()
    with pytest.raises(UserError, match=r"data\.space"):
        GriddedFields(str(path), space=["x"]).layout()
    with pytest.raises(UserError, match=r"data\.time=when"):
        GriddedFields(str(path), time="when").layout()


def test_a_code_for_missing_values_is_no_number(tmp_path: Path, cache: Path) -> None:
    xarray = pytest.importorskip("xarray")
    values = np.arange(12.0).reshape(4, 3)
    data = xarray.Dataset({"u": (("t", "x"), values, {"missing_value": 5.0, "scale_factor": 2.0})})
    data.to_netcdf(tmp_path / "flow.nc", engine="scipy")
    found = GriddedFields(str(tmp_path / "flow.nc"), time_step=1.0).load(cache)
    assert np.isnan(found.values[0, 1, 0, 2])
    assert found.values[0, 3, 0].tolist() == [18.0, 20.0, 22.0]
    source = GriddedFields(str(tmp_path / "flow.nc"), time_step=1.0, parameters={"nu": "high"})
    with pytest.raises(UserError, match=r"flow\.nc, trajectory 0: .*frame 1 "):
        check_trajectories(found, source.name, source.place)
    with pytest.raises(UserError, match=r"data\.parameters\.nu=high"):
        source.layout()


def test_a_matlab_file_is_read(data_dir: Path, cache: Path) -> None:
    if not (data_dir / "fields" / "KS.mat").is_file():
        pytest.skip("needs fields/KS.mat")
    source = FieldArrays(
        "KS.mat", ["x", "time"], lengths=[20.0], root=str(data_dir), key="usol", times="t",
        closed=True,
    )  # fmt: skip
    assert source.load(cache).values.shape == (1, 251, 1, 511)
    assert source.layout().time_step == pytest.approx(0.2)
