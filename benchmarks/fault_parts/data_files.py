"""Files of data in the formats of users, and their readers."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.files import jets, rain

FRAMES, SIDE = 6, 32


def md17(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    path = folder / "md17_ethanol.npz"
    shape = (50, 9, 3)
    np.savez(
        path,
        z=np.array([6, 6, 8, 1, 1, 1, 1, 1, 1]),
        R=draw.normal(size=shape),
        E=draw.normal(size=50),
        F=draw.normal(size=shape),
    )
    return path


def molecules(folder: Path) -> Path:
    import ase.io
    from ase.build import molecule
    from ase.calculators.singlepoint import SinglePointCalculator

    draw = np.random.default_rng(0)
    images = []
    for _ in range(20):
        atoms = molecule("H2O")
        moved = 0.03 * draw.normal(size=(3, 3))
        atoms.positions += moved
        energy = -2000 + 17.5 * float(np.square(moved).sum())
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=-35 * moved)
        images.append(atoms)
    path = folder / "water.xyz"
    ase.io.write(path, images, format="extxyz")
    return path


def root_jets(folder: Path) -> Path:
    jets.write_root(folder, 200)
    return folder / "jets"


def parquet_jets(folder: Path) -> Path:
    jets.write_parquet(folder, 200)
    return folder / "jets"


def parquet_with_checksums(folder: Path) -> Path:
    import pyarrow.parquet

    path = parquet_jets(folder)
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table, path, write_page_checksum=True)
    return path


def radar_image(folder: Path) -> Path:
    from PIL import Image

    draw = np.random.default_rng(0)
    path = folder / "00000-00.png"
    Image.fromarray(draw.integers(0, 900, (64, 64)).astype(np.uint16)).save(path)
    return path


def odim(folder: Path) -> Path:
    rain.write_odim(folder, FRAMES, SIDE)
    return folder / "00003.h5"


def netcdf(folder: Path) -> Path:
    rain.write_netcdf(folder, FRAMES, SIDE)
    return folder / "rain.nc"


def netcdf3(folder: Path) -> Path:
    data = rain.dataset(FRAMES, SIDE)
    data["rain"] = data["rain"].astype("f4").assign_attrs(units="mm h-1", _FillValue=-1)
    data.to_netcdf(folder / "rain.nc", engine="scipy")
    return folder / "rain.nc"


def zarr_chunk(folder: Path) -> Path:
    rain.write_zarr(folder, FRAMES, SIDE)
    chunks = (folder / "rain.zarr" / "rain" / "c").rglob("*")
    return min(path for path in chunks if path.is_file())


def zarr_metadata(folder: Path) -> Path:
    rain.write_zarr(folder, FRAMES, SIDE)
    return folder / "rain.zarr" / "rain" / "zarr.json"


def grib(folder: Path) -> Path:
    rain.write_grib(folder, FRAMES, SIDE)
    return min(folder.glob("*.grib2"))


def rain_arrays(folder: Path) -> Path:
    rates = np.maximum(np.random.default_rng(0).normal(size=(4, FRAMES, SIDE, SIDE)), 0)
    np.savez(folder / "rain.npz", rain=rates)
    return folder / "rain.npz"


def fields(folder: Path) -> Path:
    np.save(folder / "fields.npy", np.random.default_rng(0).normal(size=(4, 20, 16)))
    return folder / "fields.npy"


def matlab_fields(folder: Path) -> Path:
    from scipy.io import savemat

    path = folder / "fields.mat"
    savemat(path, {"u": np.random.default_rng(0).normal(size=(4, 20, 16))}, do_compression=True)
    return path


def gridded_fields(folder: Path) -> Path:
    import xarray

    values = np.random.default_rng(0).normal(size=(4, 20, 16))
    axes = {"time": 0.5 * np.arange(20), "x": np.arange(16) / 16}
    path = folder / "fields.nc"
    data = xarray.Dataset({"u": (("member", "time", "x"), values)}, axes)
    data.to_netcdf(path, engine="h5netcdf")
    return path


def pdebench(folder: Path) -> Path:
    import h5py

    path = folder / "burgers.hdf5"
    with h5py.File(path, "w") as file:
        file["tensor"] = np.random.default_rng(0).normal(size=(4, 20, 16)).astype("f4")
        file["t-coordinate"] = np.arange(21) / 10
        file["x-coordinate"] = (np.arange(16) + 0.5) / 16
    return path


def the_well(folder: Path) -> Path:
    import h5py

    path = folder / "well.hdf5"
    with h5py.File(path, "w") as file:
        dimensions = file.create_group("dimensions")
        dimensions.attrs["spatial_dims"] = ["x"]
        dimensions["time"], dimensions["x"] = np.arange(20) / 2, np.arange(16) / 16
        name = "t0_fields/density"
        file[name] = np.random.default_rng(0).normal(size=(4, 20, 16)).astype("f4")
        file[name].attrs.update({"sample_varying": True, "time_varying": True})
        file.create_group("boundary_conditions")
    return path


def top_landscape(folder: Path) -> Path:
    source = Path(os.environ["SAIBENCH_DATA_DIR"]) / "top_landscape" / "test.h5"
    return Path(shutil.copy(source, folder / "test.h5"))


def listed_top_landscape(folder: Path) -> Path:
    """The jets with a file SHA256SUMS."""
    from saibench.files.integrity import write_sums

    path = top_landscape(folder)
    write_sums(folder, [path.name])
    return path


def checked_top_landscape(folder: Path) -> Path:
    """The same rows with HDF5's own checksum of each chunk."""
    import h5py
    import hdf5plugin  # noqa: F401

    path = folder / "test.h5"
    with h5py.File(top_landscape(folder)) as file:
        table = file["table/table"]
        rows, attributes = table[:], {name: table.attrs[name] for name in table.attrs}
    with h5py.File(path, "w") as file:
        table = file.create_dataset(
            "table/table", data=rows, chunks=(40,), fletcher32=True, compression="gzip"
        )
        for name, value in attributes.items():
            table.attrs[name] = value
    return path


def read_md17(path: Path) -> Any:
    from saibench.datamodules.force_field.npz import NpzTrajectory

    file = NpzTrajectory(path)
    return {key: file.array(key) for key in "zREF"}


def read_molecules(path: Path) -> Any:
    from saibench.datamodules.force_field.ase_files import AseFrames

    with _cache() as cache:
        found = AseFrames(files=(str(path),)).load(Path(cache))
        return found.atomic_numbers.copy(), found.positions.copy(), found.energies.copy()


def read_jets(path: Path) -> Any:
    from saibench.datamodules.jet_tagging.files.source import JetFiles

    return list(JetFiles(train=(path.name,), root=str(path.parent))._files[0][1].chunks())


def read_png(path: Path) -> Any:
    from saibench.datamodules.nowcasting.radar_png import PngHeader, read_frame

    return read_frame(path, PngHeader(64, 64))


def read_rain(path: Path) -> Any:
    """The events of the series that the file is of."""
    from saibench.datamodules.nowcasting.series.source import RainSeries

    root = next(one for one in path.parents if one.name.startswith("rain "))
    with _cache() as cache:
        events = RainSeries(("[0r]*",), str(root), input_frames=2, target_frames=4).load(
            Path(cache)
        )
        return events.read(0).rate.copy(), events.read(0).valid.copy()


def read_rain_arrays(path: Path) -> Any:
    from saibench.datamodules.nowcasting.arrays import RainArrays

    source = RainArrays(
        file=path.name, root=str(path.parent), pixel_km=2, minutes_per_frame=5, input_frames=2
    )
    with _cache() as cache:
        events = source.load(Path(cache))
        return [events.read(row).rate.copy() for row in range(len(events.index))]


def read_fields(path: Path) -> Any:
    from saibench.datamodules.field_dynamics.files.arrays import FieldArrays

    axes = ["trajectory", "time", "x"]
    key = "u" if path.suffix == ".mat" else None
    source = FieldArrays(str(path), axes, [1.0], key=key, time_step=1.0)
    with _cache() as cache:
        return np.array(source.load(Path(cache)).values[:, :])


def read_gridded(path: Path) -> Any:
    from saibench.datamodules.field_dynamics.files.gridded import GriddedFields

    return _trajectories(GriddedFields(str(path)))


def read_pdebench(path: Path) -> Any:
    from saibench.datamodules.field_dynamics.files.pdebench import PDEBench

    return _trajectories(PDEBench(str(path)))


def read_well(path: Path) -> Any:
    from saibench.datamodules.field_dynamics.files.the_well import TheWell

    return _trajectories(TheWell([str(path)]))


def read_top_landscape(path: Path) -> Any:
    from saibench.datamodules.jet_tagging.pytables_file import PyTablesFile

    return list(PyTablesFile(path).chunks())


def read_listed(path: Path) -> Any:
    from saibench.datamodules.jet_tagging.downloads import check_published

    check_published(path)
    return read_top_landscape(path)


def _trajectories(source: Any) -> Any:
    with _cache() as cache:
        found = source.load(Path(cache))
        values = [np.array(found.values[run, 0:20]) for run in range(found.values.shape[0])]
        return values, found.time_step, found.lengths


def _cache() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="saibench-")
