"""The kinds of files that are damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fault_parts import data_files, run_files, table_files


@dataclass(frozen=True)
class Kind:
    """make: writes the file into a folder; None for a file of a run
    read: the content that saibench reads from it
    has_checksum: whether the file or its folder has a checksum of all of its content
    """

    make: Callable[[Path], Path] | None
    read: Callable[[Path], Any]
    has_checksum: bool = True


_OF_A_RUN = {
    name: Kind(None, read, name not in run_files.UNCHECKED) for name, read in run_files.RUN.items()
}
_OF_DATA = {
    "MD17 npz": Kind(data_files.md17, data_files.read_md17),
    "extxyz": Kind(data_files.molecules, data_files.read_molecules, False),
    "jets ROOT": Kind(data_files.root_jets, data_files.read_jets, False),
    "jets Parquet": Kind(data_files.parquet_jets, data_files.read_jets, False),
    "jets Parquet, page checksums": Kind(
        data_files.parquet_with_checksums,
        data_files.read_jets,
        False,  # the footer has none
    ),
    "jets HDF5": Kind(data_files.top_landscape, data_files.read_top_landscape, False),
    "jets HDF5, checksums": Kind(data_files.checked_top_landscape, data_files.read_top_landscape),
    "jets HDF5, SHA256SUMS": Kind(data_files.listed_top_landscape, data_files.read_listed),
    "radar PNG": Kind(data_files.radar_image, data_files.read_png),
    "rain ODIM": Kind(data_files.odim, data_files.read_rain, False),
    "rain netCDF": Kind(data_files.netcdf, data_files.read_rain, False),
    "rain netCDF 3": Kind(data_files.netcdf3, data_files.read_rain, False),
    "rain zarr, a chunk": Kind(data_files.zarr_chunk, data_files.read_rain, False),
    "rain zarr, metadata": Kind(data_files.zarr_metadata, data_files.read_rain, False),
    "rain GRIB": Kind(data_files.grib, data_files.read_rain, False),
    "rain npz": Kind(data_files.rain_arrays, data_files.read_rain_arrays),
    "fields npy": Kind(data_files.fields, data_files.read_fields, False),
    "fields mat": Kind(data_files.matlab_fields, data_files.read_fields, False),
    "fields netCDF": Kind(data_files.gridded_fields, data_files.read_gridded, False),
    "fields PDEBench": Kind(data_files.pdebench, data_files.read_pdebench, False),
    "fields The Well": Kind(data_files.the_well, data_files.read_well, False),
    "table CSV": Kind(table_files.csv, table_files.read_table, False),
    "table CSV.gz": Kind(table_files.csv_gz, table_files.read_table, False),
    "table Parquet": Kind(table_files.parquet, table_files.read_table, False),
    "table Parquet, page checksums": Kind(
        table_files.parquet_with_checksums, table_files.read_table, False
    ),
    "table Arrow": Kind(table_files.arrow, table_files.read_table, False),
    "table ROOT": Kind(table_files.root, table_files.read_table, False),
    "schema YAML": Kind(table_files.schema, table_files.read_schema, False),
    "cached array": Kind(table_files.cached, table_files.read_cached),
    "cached manifest": Kind(table_files.manifest, table_files.read_cached),
    "range.json": Kind(run_files.saved_range, run_files.trusted_range),
}
KINDS = {**_OF_A_RUN, **_OF_DATA}
