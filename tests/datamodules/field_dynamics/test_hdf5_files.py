"""Readers of the HDF5 layouts of The Well and PDEBench: what is read equals what was written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from saibench.datamodules.field_dynamics.checks import check_trajectories
from saibench.datamodules.field_dynamics.files.pdebench import PDEBench
from saibench.datamodules.field_dynamics.files.the_well import TheWell
from saibench.datamodules.field_dynamics.starts import Starts
from saibench.errors import UserError

RUNS, FRAMES, GRID = 3, 5, (8, 6)


def written_well(path: Path, seed: int = 0, viscosity: float = 0.1, times=None, grid=GRID) -> dict:
    """A file in The Well's layout: a scalar, a constant field, a vector, a tensor, a parameter."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(seed)
    arrays = {
        "t0_fields/density": rng.normal(size=(RUNS, FRAMES, *grid)).astype("f4"),
        "t0_fields/mask": rng.normal(size=(RUNS, *grid)).astype("f4"),
        "t1_fields/velocity": rng.normal(size=(RUNS, FRAMES, *grid, 2)).astype("f4"),
        "t2_fields/stress": rng.normal(size=(RUNS, FRAMES, *grid, 2, 2)).astype("f4"),
    }
    with h5py.File(path, "w") as file:
        dimensions = file.create_group("dimensions")
        dimensions.attrs["spatial_dims"] = ["x", "y"]
        dimensions["time"] = np.linspace(1, 2, FRAMES) if times is None else times
        for name, points in zip("xy", grid, strict=True):
            dimensions[name] = np.arange(points) / points
        for name, values in arrays.items():
            file[name] = values
            file[name].attrs["sample_varying"] = True
            file[name].attrs["time_varying"] = not name.endswith("mask")
        file["scalars/viscosity"] = viscosity
        file.create_group("boundary_conditions")
    return arrays


def test_the_well_is_read_frame_by_frame(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.hdf5" for name in "ab"]
    first, second = (
        written_well(path, seed, seed / 10) for seed, path in enumerate(paths, start=1)
    )
    source = TheWell([str(path) for path in paths])
    data = source.load(tmp_path)
    stress = tuple(f"stress_{i}_{j}" for i in range(2) for j in range(2))
    assert source.layout().channels == ("density", "mask", "velocity_0", "velocity_1", *stress)
    assert data.values.shape == (2 * RUNS, FRAMES, 8, *GRID)
    assert data.lengths == pytest.approx((1.0, 1.0))
    assert (data.start, data.time_step) == (1.0, 0.25)
    np.testing.assert_array_equal(data.parameters["viscosity"], [0.1] * RUNS + [0.2] * RUNS)
    values = pickle.loads(pickle.dumps(data.values))
    np.testing.assert_array_equal(values[1, 2:4][:, 0], first["t0_fields/density"][1, 2:4])
    np.testing.assert_array_equal(values[4, 3][0], second["t0_fields/density"][1, 3])
    np.testing.assert_array_equal(values[4][:, 1], [second["t0_fields/mask"][1]] * FRAMES)
    velocity = np.moveaxis(second["t1_fields/velocity"][2], -1, 1)
    np.testing.assert_array_equal(values[5, 0:FRAMES][:, 2:4], velocity)
    np.testing.assert_array_equal(values[0, 3][6], first["t2_fields/stress"][0, 3, ..., 1, 0])


def test_fields_of_the_well_without_variation_along_an_axis_are_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    written_well(path)
    rng = np.random.default_rng(5)
    one = rng.normal(size=(RUNS, FRAMES, GRID[0], 1)).astype("f4")
    lacking = rng.normal(size=(RUNS, GRID[1], 2)).astype("f4")
    with pytest.importorskip("h5py").File(path, "r+") as file:
        file["t0_fields/inflow"], file["t1_fields/wind"] = one, lacking
        file["t1_fields/wind"].attrs.update({"time_varying": False, "dim_varying": [False, True]})
    source = TheWell([str(path)], fields=["inflow", "wind"])
    assert source.layout().channels == ("inflow", "wind_0", "wind_1")
    values = source.load(tmp_path).values
    shape = (FRAMES, *GRID)
    np.testing.assert_array_equal(values[1, 0:FRAMES][:, 0], np.broadcast_to(one[1], shape))
    np.testing.assert_array_equal(values[2, 3][0], np.broadcast_to(one[2, 3], GRID))
    for component in range(2):
        expected = np.broadcast_to(lacking[2, :, component], shape)
        np.testing.assert_array_equal(values[2, 0:FRAMES][:, 1 + component], expected)
    other = tmp_path / "b.hdf5"
    written_well(other)
    with pytest.importorskip("h5py").File(other, "r+") as file:
        file["t1_fields/wind"] = lacking
        file["t1_fields/wind"].attrs["time_varying"] = False
    with pytest.raises(UserError, match=r"b\.hdf5: field 'wind'"):
        TheWell([str(other)]).layout()


def test_nan_in_the_well_is_named_by_file(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.hdf5" for name in "ab"]
    for path in paths:
        written_well(path)
    with pytest.importorskip("h5py").File(paths[1], "r+") as file:
        file["t1_fields/velocity"][2, 3, 0, 1, 1] = np.nan
    source = TheWell([str(path) for path in paths])
    fault = r"b\.hdf5, trajectory 2: field 'velocity_1'.* 1 point of frame 3 .time 1\.75"
    with pytest.raises(UserError, match=fault):
        check_trajectories(source.load(tmp_path), source.name, source.place)


def test_nan_in_a_parameter_is_named_by_file(tmp_path: Path) -> None:
    for path, viscosity in ((tmp_path / "a.hdf5", 0.1), (tmp_path / "b.hdf5", np.nan)):
        written_well(path, viscosity=viscosity)
    source = TheWell([str(tmp_path / "a.hdf5"), str(tmp_path / "b.hdf5")])
    with pytest.raises(UserError, match=r"b\.hdf5, trajectory 0: parameter viscosity"):
        check_trajectories(source.load(tmp_path), source.name, source.place)


def test_unequal_points_and_walls_are_described(tmp_path: Path) -> None:
    path = tmp_path / "channel.hdf5"
    written_well(path)
    assert "wavenumbers" not in TheWell([str(path)]).describe()
    with pytest.importorskip("h5py").File(path, "r+") as file:
        file["dimensions/y"][-1] += 0.1
        wall = file["boundary_conditions"].create_group("y_wall")
        wall.attrs.update({"associated_dims": ["y"], "bc_type": "WALL"})
        file["boundary_conditions"].create_group("x_sides").attrs["bc_type"] = "PERIODIC"
    described = TheWell([str(path)]).describe()
    assert "points along y" in described.lower() and "along y is wall" in described
    assert "along x" not in described


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": [0, 1, 2, 4, 5]}, "between frames 2 and 3"),
        ({"times": [[0, 1, 2, 3, 4], [0, 1, 3, 4, 5]]}, "trajectory 1: .*frames 1 and 2"),
        ({"times": [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]]}, "trajectory 1 starts at time 1"),
        ({"grid": (8, 4)}, "grid"),
    ],
)
def test_files_of_the_well_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict, message: str
) -> None:
    paths = [tmp_path / f"{name}.hdf5" for name in "ab"]
    written_well(paths[0])
    written_well(paths[1], **changes)
    with pytest.raises(UserError, match=message):
        TheWell([str(path) for path in paths]).layout()


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"b\.hdf5 twice"):
        TheWell([str(tmp_path / "b.hdf5"), str(tmp_path / "a" / ".." / "b.hdf5")])


@pytest.mark.parametrize("fields", [[], "density", 3])
def test_fields_that_are_no_list_of_names_are_refused(
    tmp_path: Path, fields: list | str | int
) -> None:
    for reader, given in ((TheWell, [str(tmp_path / "a.hdf5")]), (PDEBench, "a.hdf5")):
        with pytest.raises(UserError, match=r"data\.fields="):
            reader(given, fields=fields)


def test_links_and_other_layouts_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "linked.hdf5"
    written_well(tmp_path / "real.hdf5")
    with h5py.File(path, "w") as file:
        file["dimensions/time"] = h5py.ExternalLink("real.hdf5", "dimensions/time")
    with pytest.raises(UserError, match="link"):
        TheWell([str(path)]).layout()
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(UserError, match="text"):
        TheWell([str(tmp_path / "text.hdf5")]).layout()
    with pytest.raises(UserError, match="missing"):
        TheWell([str(tmp_path / "real.hdf5")], fields=["missing"]).layout()


def test_pdebench_is_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    values = np.random.default_rng(0).normal(size=(RUNS, FRAMES, 16)).astype("f4")
    with h5py.File(tmp_path / "burgers.hdf5", "w") as file:
        file["tensor"] = values
        file["t-coordinate"] = np.arange(FRAMES + 1) / 10
        file["x-coordinate"] = (np.arange(16) + 0.5) / 16
    data = PDEBench(str(tmp_path / "burgers.hdf5"), {"viscosity": 0.01}).load(tmp_path)
    np.testing.assert_array_equal(data.values[1, 0:3], values[1, :3, None])
    assert data.lengths == pytest.approx((1.0,))
    assert data.time_step == pytest.approx(0.1)
    assert data.parameters["viscosity"].tolist() == [0.01] * RUNS

    alone = PDEBench(str(tmp_path / "burgers.hdf5"))
    starts = Starts(RUNS, FRAMES, history=1, leads=2, stride=2)
    index = starts.index(alone.preview(), data.time_step)
    assert index.height == len(starts.frame) and "viscosity" not in index.columns


def test_pdebench_with_a_group_per_trajectory_is_read(tmp_path: Path) -> None:
    h5py, path = pytest.importorskip("h5py"), tmp_path / "2D_diff-react.h5"
    values = np.random.default_rng(0).normal(size=(RUNS, FRAMES, *GRID, 2)).astype("f4")
    with h5py.File(path, "w") as file:
        for number, own in enumerate(values):
            group = file.create_group(f"{number:04d}")
            group["data"], group["grid/t"] = own, np.arange(FRAMES) / 4
            for name, points in zip("xy", GRID, strict=True):
                group[f"grid/{name}"] = (np.arange(points) + 0.5) / points
    source = PDEBench(str(path))
    data = source.load(tmp_path)
    assert (data.channels, data.grid, data.time_step) == (("u_0", "u_1"), GRID, 0.25)
    read = pickle.loads(pickle.dumps(data.values))
    np.testing.assert_array_equal(read[2, 1:4], np.moveaxis(values[2, 1:4], -1, 1))
    with h5py.File(tmp_path / "short.h5", "w") as file:
        file["0000/data"], file["0001/data"] = values[0], values[1, :3]
    with pytest.raises(UserError, match="0001/data"):
        PDEBench(str(tmp_path / "short.h5")).layout()


def test_incompressible_flow_of_pdebench_is_read(tmp_path: Path) -> None:
    h5py, path = pytest.importorskip("h5py"), tmp_path / "ns_incom_inhom_2d_512-0.h5"
    rng = np.random.default_rng(0)
    velocity = rng.normal(size=(RUNS, FRAMES, *GRID, 2)).astype("f4")
    particles = rng.normal(size=(RUNS, FRAMES, *GRID, 1)).astype("f4")
    force = rng.normal(size=(RUNS, *GRID, 2)).astype("f4")
    times = np.tile(np.arange(FRAMES, dtype="f4") / 200, (RUNS, 1))
    with h5py.File(path, "w") as file:
        file["velocity"], file["particles"], file["force"] = velocity, particles, force
        file["t"] = times
    source = PDEBench(str(path))
    data = source.load(tmp_path)
    names = ("velocity_0", "velocity_1", "particles", "force_0", "force_1")
    assert (data.channels, data.grid, data.lengths) == (names, GRID, pytest.approx((1.0, 1.0)))
    assert data.time_step == pytest.approx(0.005) and "wall" in source.describe()
    read = pickle.loads(pickle.dumps(data.values))[2, 1:4]
    np.testing.assert_array_equal(read[:, :2], np.moveaxis(velocity[2, 1:4], -1, 1))
    np.testing.assert_array_equal(read[:, 2], particles[2, 1:4, ..., 0])
    np.testing.assert_array_equal(read[:, 3:], [np.moveaxis(force[2], -1, 0)] * 3)
    flow = PDEBench(str(path), fields=["particles", "velocity"])
    assert flow.layout().channels == names[:3] and flow.recipe() != source.recipe()
    with pytest.raises(UserError, match=r"'forces'.*'force'"):
        PDEBench(str(path), fields=["forces"]).layout()
    with h5py.File(path, "r+") as file:
        file["t"][1, 3] = 7.0
    with pytest.raises(UserError, match=r"trajectory 1: .*frames 2 and 3"):
        PDEBench(str(path)).layout()
    with h5py.File(path, "r+") as file:
        del file["force"]
        file["force"], file["t"][1, 3] = force[:2], times[1, 3]
    with pytest.raises(UserError, match=r"'force' has shape \(2, 8, 6, 2\)"):
        PDEBench(str(path)).layout()


@pytest.mark.parametrize("scalar", [False, True], ids=["one too few", "a single number"])
@pytest.mark.parametrize("short", ["t-coordinate", "x-coordinate"])
def test_pdebench_with_too_few_coordinates_is_refused(
    tmp_path: Path, short: str, scalar: bool
) -> None:
    with pytest.importorskip("h5py").File(tmp_path / "burgers.hdf5", "w") as file:
        file["tensor"] = np.zeros((RUNS, FRAMES, 16))
        for name, points in (("t-coordinate", FRAMES), ("x-coordinate", 16)):
            given = 0.0 if scalar else np.arange(points - 1.0)
            file[name] = given if name == short else np.arange(points + 0.0)
    with pytest.raises(UserError, match=r"burgers\.hdf5: .*\[16\]"):
        PDEBench(str(tmp_path / "burgers.hdf5")).layout()
