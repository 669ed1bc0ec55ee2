"""A study's evidence in memory: its runs, their records, and the tables of their samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import polars

from saibench.errors import UserError, first_line
from saibench.evidence import known, run_record
from saibench.evidence.dependence import SameSamples, decide, marked_with_stretches
from saibench.evidence.independence import Independence, independence_of, marked, marked_by
from saibench.evidence.metrics import read_metrics
from saibench.evidence.points import Record, points_table
from saibench.evidence.record_schema import refuse_misshapen_metrics, refuse_misshapen_record
from saibench.evidence.schema import Field, read_fields, read_table, write_tables
from saibench.evidence.settings import differing_settings, with_short_keys
from saibench.files.bounded_json import parse_json
from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.files.integrity import FILES, damaged
from saibench.files.links import refuse_link
from saibench.identity import TRAINED
from saibench.printable import printable
from saibench.renamed import current_name
from saibench.settings import TrainingNames, WindowNames

JOINED = "evidence"
"""Subfolder of a study with the joined tables of its points."""


@dataclass(frozen=True)
class StudyEvidence:
    """The evidence of a study, for figures, reports and fits.

    Args:
        folder: of the study.
        records: `run.json` by point, also of points without results.
        metrics: `metrics.json` of each point with results,
            `{partition: {metric: {value, unit, …}}}`.
        sources: the files of each table, by its name (`samples`, `by_<axis>`).
        configs: the frozen config of each point; joined tables have none.
    """

    folder: Path
    records: Mapping[str, Record]
    metrics: Mapping[str, Record]
    sources: Mapping[str, tuple[Path, ...]]
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | str) -> StudyEvidence:
        """Read the evidence of a study's folder, of one run's folder, or of joined tables.

        If there are folders of runs, they are read instead of the joined tables.

        Raises:
            UserError: the folder has no run, or a file is damaged.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise UserError(f"{folder} is not a folder. Use a study's folder under outputs/.")
        if (folder / "run.json").exists():
            return _of_points(folder, [folder])
        runs = sorted(folder.glob("*/run.json"))
        if runs:
            return _of_points(folder, [run.parent for run in runs])
        if (folder / JOINED / "points.parquet").exists():
            return _of_joined(folder)
        raise UserError(
            f"{folder} has no runs. Use a folder with <run>/run.json or {JOINED}/points.parquet."
        )

    @property
    def study(self) -> str:
        """The study's name, from the records."""
        return next(iter(self.records.values())).get("study") or self.folder.name

    @cached_property
    def held_out(self) -> str:
        """The held-out partition, which findings and figures use.

        If no record names it, the first that a point was tested on; empty if none was tested.
        """
        tested = [name for metrics in self.metrics.values() for name in metrics]
        recorded = (record["settings"].get("held_out") for record in self.records.values())
        named = [name for name in recorded if name] or tested
        return next((name for name in named if name in tested), "".join(named[:1]))

    @property
    def points(self) -> polars.DataFrame:
        """One row a point, whatever its state (see `points_table`)."""
        return self.points_and_fields[0]

    @cached_property
    def points_and_fields(self) -> tuple[polars.DataFrame, list[Field]]:
        """`points`, and the fields of its columns."""
        return points_table(self.records, self.metrics)

    @cached_property
    def samples(self) -> polars.DataFrame:
        """One row per (point, partition, sample_id) of the complete points.

        The columns of `saibench.evidence.independence` say which samples are independent.
        """
        found = self.dependence
        return marked_with_stretches(self._declared, found) if found else self._declared

    @cached_property
    def dependence(self) -> list[SameSamples]:
        """The decided independence, by groups of points that were tested on the same samples."""
        if "point" not in self._declared.columns:
            return []
        statistics = {
            name: [
                field.name
                for field in self.fields(name)
                if field.role == "statistic" and field.dtype != "string"
            ]
            for name in self.sources
        }
        return decide(self._declared, self.records, self.metrics, statistics, self.stored)

    @cached_property
    def _declared(self) -> polars.DataFrame:
        """`samples` with the declared independence."""
        stored = self.stored("samples")
        return marked(stored, self.independence) if "point" in stored.columns else stored

    @cached_property
    def independence(self) -> dict[str, Independence]:
        """The declared independence of the samples, by point with results."""
        columns = [field.name for field in self.fields("samples")]
        found = {}
        for point in self.metrics:
            try:
                found[point] = independence_of(self.records[point], columns)
            except UserError as error:
                raise UserError(f"{self.folder}, point {point}: {error}") from error
        return found

    @cached_property
    def order_columns(self) -> list[str]:
        """The columns of times by which the data order their samples."""
        declared = (one.order_column for one in self.independence.values())
        return list(dict.fromkeys(name for name in declared if name is not None))

    @cached_property
    def training(self) -> TrainingNames:
        """The names of the settings that select training data; a default for saibench 0.1.

        Runs on other data than those of their training have no windows: these are elsewhere.
        """
        records = self.records.values()
        named = (record["training"] for record in records if record.get("training"))
        found = next(named, None)
        names = known.TRAINING if found is None else TrainingNames.model_validate(found)
        is_elsewhere = any(TRAINED in record for record in records)
        return names.model_copy(update={"window": None}) if is_elsewhere else names

    @property
    def axes(self) -> list[str]:
        """The named axes of this study's statistics: `species`, `lead`, …"""
        return sorted(name.removeprefix("by_") for name in self.sources if name != "samples")

    def table(self, name: str) -> polars.DataFrame:
        """One table of all complete points, empty if no point has it.

        It has the columns of independence, as `samples` has.
        """
        if name == "samples":
            return self.samples
        if name not in self._tables:
            self._tables[name] = marked_by(self.stored(name), self.samples)
        return self._tables[name]

    @cached_property
    def _tables(self) -> dict[str, polars.DataFrame]:
        """Cache of the tables along an axis."""
        return {}

    def rows(self, name: str, point: str, partition: str) -> polars.DataFrame | None:
        """The rows of one point and partition, in the order of `table`; None if there are none."""
        if name not in self._cells:
            self._cells[name] = _by_cell(self.table(name))
        return self._cells[name].get((point, partition))

    @cached_property
    def _cells(self) -> dict[str, dict[tuple[Any, ...], polars.DataFrame]]:
        """Cache of the tables' rows by point and partition: a filter by point reads all rows."""
        return {}

    def stored(self, name: str) -> polars.DataFrame:
        """One table as stored in its files."""
        tables = [read_table(path) for path in self.sources.get(name, ())]
        return polars.concat(tables, how="diagonal_relaxed") if tables else polars.DataFrame()

    def fields(self, name: str) -> list[Field]:
        """The columns of one table, over all complete points."""
        if name not in self._fields:
            found: dict[str, Field] = {}
            for one in chain.from_iterable(map(read_fields, self.sources.get(name, ()))):
                found.setdefault(one.name, one)
            self._fields[name] = tuple(found.values())
        return list(self._fields[name])

    @cached_property
    def _fields(self) -> dict[str, tuple[Field, ...]]:
        """Cache of the columns of the tables, which are in the headers of many files."""
        return {}

    @cached_property
    def units(self) -> dict[str, dict[str, str]]:
        """By column: its `unit`, `per`, `role`, `describe` and `title`."""
        names = ["samples", *(name for name in self.sources if name != "samples")]
        found: dict[str, dict[str, str]] = {}
        for one in chain.from_iterable(map(self.fields, names)):
            found.setdefault(one.name, one.metadata)
        return found

    def join(self) -> Path:
        """Write the tables of all points as `<folder>/evidence/*.parquet`; returns that subfolder.

        `load` of the folder then works without the folders of the runs.

        Raises:
            UserError: the subfolder is a symbolic link.
        """
        joined = self.folder / JOINED
        refuse_link(joined)
        tables = ((name, self.stored(name), self.fields(name)) for name in self.sources)
        points = ("points", *self.points_and_fields)
        write_tables(joined, chain(tables, [points]))
        for stale in joined.glob("by_*.parquet"):
            if stale.stem not in self.sources:
                stale.unlink()
        return joined


def _by_cell(table: polars.DataFrame) -> dict[tuple[Any, ...], polars.DataFrame]:
    """The rows by point and partition; those of a single one are not copied."""
    keys = ["point", "partition"]
    if table.is_empty() or not {*keys} <= set(table.columns):
        return {}
    if all(table[name].n_unique() == 1 for name in keys):
        return {table.select(keys).row(0): table}
    return table.partition_by(keys, as_dict=True)


def join(folder: Path | str) -> Path:
    """Write the tables of a study's points as `<folder>/evidence/*.parquet`."""
    return StudyEvidence.load(folder).join()


def _of_points(folder: Path, point_folders: list[Path]) -> StudyEvidence:
    records: dict[str, Record] = {}
    configs: dict[str, dict[str, Any]] = {}
    metrics: dict[str, Record] = {}
    sources: dict[str, tuple[Path, ...]] = {}
    for point_folder in point_folders:
        record = read_record(point_folder / "run.json")
        point = record["point"]
        if point in records:
            raise UserError(f"{point_folder} is a second copy of run {point}. Keep one of them.")
        records[point] = record
        if (point_folder / CONFIG).exists():
            configs[point] = read_frozen(point_folder / CONFIG)
        # a single run is read even before it completes
        tested = point_folder == folder and (point_folder / "metrics.json").exists()
        if record["state"] != run_record.COMPLETE and not tested:
            continue
        metrics[point] = read_metrics(point_folder / "metrics.json")
        for path in [point_folder / "samples.parquet", *_by_axis(point_folder, record)]:
            read_fields(path)  # report a damaged file here, not in the middle of a figure
            sources[path.stem] = (*sources.get(path.stem, ()), path)
    settings = {point: record["settings"] for point, record in records.items()}
    needed = ("held_out", *(_window_limit(record) for record in records.values()))
    for point, complete in differing_settings(settings, configs, needed).items():
        records[point] = {**records[point], "settings": complete}
    return StudyEvidence(folder, with_short_keys(records), metrics, sources, configs)


def _window_limit(record: Record) -> str:
    """The setting that ends a window without a size."""
    named = (record.get("training") or {}).get("window") or known.TRAINING.window
    return str(WindowNames.model_validate(named).limit)


def _of_joined(folder: Path) -> StudyEvidence:
    joined = folder / JOINED
    path = joined / "points.parquet"
    points = read_table(path)
    if points.is_empty() or not {"point", "state", "record", "metrics"} <= set(points.columns):
        raise UserError(f"{path} is not a table of points. Join it again.")
    records: dict[str, Record] = {}
    metrics: dict[str, Record] = {}
    for point, record, found in points.select("point", "record", "metrics").iter_rows():
        try:
            if point in records:
                raise ValueError("a second record of this run")
            records[point] = _parsed(record)
            refuse_misshapen_record(records[point])
            if "state" not in records[point]:
                raise ValueError("state is missing")
            if records[point]["point"] != point:
                raise ValueError(f"the record is of another run, {records[point]['point']}")
            if tested := _parsed(found):
                refuse_misshapen_metrics(tested)
                metrics[point] = tested
        except ValueError as error:
            raise UserError(
                f"{path}: damaged record of run {point} ({first_line(error)}). Join it again."
            ) from error
    paths = [*joined.glob("samples.parquet"), *sorted(joined.glob("by_*.parquet"))]
    for path in paths:
        read_fields(path)
    sources = {path.stem: (path,) for path in paths}
    return StudyEvidence(folder, with_short_keys(records), metrics, sources)


def _by_axis(point_folder: Path, record: Record) -> list[Path]:
    """The tables along an axis, those in the folder and those in the record."""
    found = {path.name for path in point_folder.glob("by_*.parquet")}
    listed = [Path(name).name for name in record.get(FILES) or ()]  # only of this folder
    recorded = {name for name in listed if fnmatch(name, "by_*.parquet")}
    return [point_folder / name for name in sorted(found | recorded)]


def read_record(path: Path) -> Record:
    """The content of a `run.json`, with the current names of modules.

    Raises:
        UserError: the file is damaged, or was changed by another program.
    """
    record: Record = printable(run_record.read_record(path.parent))
    if "state" not in record:
        raise damaged(path, "state is missing")
    settings = {
        key: current_name(value) if isinstance(value, str) else value
        for key, value in record["settings"].items()
    }
    return {**record, "settings": settings}


def _parsed(text: str | None) -> Record:
    content = printable(parse_json(text or ""))
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content
