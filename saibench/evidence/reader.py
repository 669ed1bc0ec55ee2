"""A study's evidence in memory: its points, their records, and one row a sample."""

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
from saibench.evidence.settings import differing_settings, in_words
from saibench.files.bounded_json import parse_json
from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.files.integrity import FILES, damaged
from saibench.files.links import refuse_link
from saibench.printable import printable
from saibench.renamed import current_name
from saibench.settings import TrainingNames, WindowNames

COMPLETE = "complete"
JOINED = "evidence"
"""Subfolder of a study that holds the tables of all its points."""


@dataclass(frozen=True)
class StudyEvidence:
    """What a study measured, for figures, reports and fits; it never runs a model.

    Args:
        folder: the study.
        records: `run.json` by point; points without results are among them.
        metrics: `metrics.json` of each point that has results,
            `{partition: {metric: {value, unit, …}}}`.
        sources: the files of each table, by its name (`samples`, `by_<axis>`).
        configs: the frozen config of each point whose folder has one; joined tables have none.
    """

    folder: Path
    records: Mapping[str, Record]
    metrics: Mapping[str, Record]
    sources: Mapping[str, tuple[Path, ...]]
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | str) -> StudyEvidence:
        """The evidence of a study folder, of one point's folder, or of joined tables alone.

        Point folders are read if there are any, since they are newer than what was joined.

        Raises:
            UserError: there is no point here, or a file of one is damaged.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise UserError(f"{folder} is not a folder; a study's folder under outputs/ would do.")
        if (folder / "run.json").exists():
            return _of_points(folder, [folder])
        runs = sorted(folder.glob("*/run.json"))
        if runs:
            return _of_points(folder, [run.parent for run in runs])
        if (folder / JOINED / "points.parquet").exists():
            return _of_joined(folder)
        raise UserError(
            f"{folder} holds no point: a study's folder has point folders with a run.json, "
            f"or {JOINED}/points.parquet."
        )

    @property
    def study(self) -> str:
        """The study's name, as its points recorded it."""
        return next(iter(self.records.values())).get("study") or self.folder.name

    @cached_property
    def held_out(self) -> str:
        """The partition that training may not touch, on which findings and figures look.

        Where no record names it, the first that a point was tested on; empty if none was.
        """
        tested = [name for metrics in self.metrics.values() for name in metrics]
        recorded = (record["settings"].get("held_out") for record in self.records.values())
        named = [name for name in recorded if name] or tested
        return next((name for name in named if name in tested), "".join(named[:1]))

    @cached_property
    def points(self) -> polars.DataFrame:
        """One row a point, whatever its state (see `points_table`)."""
        return points_table(self.records, self.metrics)[0]

    @cached_property
    def samples(self) -> polars.DataFrame:
        """One row a (point, partition, sample_id) of the complete points.

        Columns of `saibench.evidence.independence` say what of them is independent.
        """
        found = self.dependence
        return marked_with_stretches(self._declared, found) if found else self._declared

    @cached_property
    def dependence(self) -> list[SameSamples]:
        """By samples that points share: what their errors say of the declared independence."""
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
        """`samples` as the data declare them."""
        stored = self.stored("samples")
        return marked(stored, self.independence) if "point" in stored.columns else stored

    @cached_property
    def independence(self) -> dict[str, Independence]:
        """By point that has results: what of its samples is independent."""
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
        """The columns of times that the study's data declare, by which samples are ordered."""
        declared = (one.order_column for one in self.independence.values())
        return list(dict.fromkeys(name for name in declared if name is not None))

    @cached_property
    def training(self) -> TrainingNames:
        """Which settings say what was trained on, as the records of the study's workload name them.

        Those of saibench 0.1 do not.
        """
        named = (record["training"] for record in self.records.values() if record.get("training"))
        found = next(named, None)
        return known.TRAINING if found is None else TrainingNames.model_validate(found)

    @property
    def axes(self) -> list[str]:
        """The named axes that statistics of this study have: `species`, `lead`, …"""
        return sorted(name.removeprefix("by_") for name in self.sources if name != "samples")

    def table(self, name: str) -> polars.DataFrame:
        """One table over all complete points; without a row or column if no point has it.

        Its rows know what is independent, as those of `samples` do.
        """
        if name == "samples":
            return self.samples
        if name not in self._tables:
            self._tables[name] = marked_by(self.stored(name), self.samples)
        return self._tables[name]

    @cached_property
    def _tables(self) -> dict[str, polars.DataFrame]:
        """Those along an axis that were asked for."""
        return {}

    def stored(self, name: str) -> polars.DataFrame:
        """One table as its files hold it."""
        tables = [read_table(path) for path in self.sources.get(name, ())]
        return polars.concat(tables, how="diagonal_relaxed") if tables else polars.DataFrame()

    def fields(self, name: str) -> list[Field]:
        """The columns of one table, over all complete points."""
        found: dict[str, Field] = {}
        for path in self.sources.get(name, ()):
            for one in read_fields(path):
                found.setdefault(one.name, one)
        return list(found.values())

    @cached_property
    def units(self) -> dict[str, dict[str, str]]:
        """By column: its `unit`, `per`, `role` and `describe`."""
        names = ["samples", *(name for name in self.sources if name != "samples")]
        found: dict[str, dict[str, str]] = {}
        for one in (one for name in names for one in self.fields(name)):
            found.setdefault(one.name, one.metadata)
        return found

    def join(self) -> Path:
        """Write all points' tables as `<folder>/evidence/*.parquet`; returns that subfolder.

        `load` of the folder then works without the point folders.

        Raises:
            UserError: the subfolder is a link to another, which may be anybody's.
        """
        joined = self.folder / JOINED
        refuse_link(joined)
        tables = ((name, self.stored(name), self.fields(name)) for name in self.sources)
        points = ("points", *points_table(self.records, self.metrics))
        write_tables(joined, chain(tables, [points]))
        for stale in joined.glob("by_*.parquet"):
            if stale.stem not in self.sources:
                stale.unlink()
        return joined


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
            raise UserError(f"{point_folder} holds point {point} a second time; keep one of them.")
        records[point] = record
        if (point_folder / CONFIG).exists():
            configs[point] = read_frozen(point_folder / CONFIG)
        tested = point_folder == folder and (point_folder / "metrics.json").exists()
        if record["state"] != COMPLETE and not tested:  # alone, a point may be about to complete
            continue
        metrics[point] = read_metrics(point_folder / "metrics.json")
        for path in [point_folder / "samples.parquet", *_by_axis(point_folder, record)]:
            read_fields(path)  # a damaged file is named here, not in the middle of a figure
            sources[path.stem] = (*sources.get(path.stem, ()), path)
    settings = {point: record["settings"] for point, record in records.items()}
    needed = ("held_out", *(_window_limit(record) for record in records.values()))
    for point, not_collinear in differing_settings(settings, configs, needed).items():
        records[point] = {**records[point], "settings": not_collinear}
    return StudyEvidence(folder, in_words(records), metrics, sources, configs)


def _window_limit(record: Record) -> str:
    """The setting of where a window without a size ends."""
    named = (record.get("training") or {}).get("window") or known.TRAINING.window
    return str(WindowNames.model_validate(named).limit)


def _of_joined(folder: Path) -> StudyEvidence:
    joined = folder / JOINED
    path = joined / "points.parquet"
    points = read_table(path)
    if points.is_empty() or not {"point", "state", "record", "metrics"} <= set(points.columns):
        raise UserError(f"{path} is not a table of points; join it again.")
    records: dict[str, Record] = {}
    metrics: dict[str, Record] = {}
    for point, record, found in points.select("point", "record", "metrics").iter_rows():
        try:
            if point in records:
                raise ValueError("it is there a second time")
            records[point] = _parsed(record)
            refuse_misshapen_record(records[point])
            _refuse_incomplete(records[point])
            if records[point]["point"] != point:
                raise ValueError("it is of another point")
            if tested := _parsed(found):
                refuse_misshapen_metrics(tested)
                metrics[point] = tested
        except ValueError as error:
            raise UserError(
                f"{path} holds a damaged record of point {point} ({first_line(error)}); join it "
                "again."
            ) from error
    paths = [*joined.glob("samples.parquet"), *sorted(joined.glob("by_*.parquet"))]
    for path in paths:
        read_fields(path)
    sources = {path.stem: (path,) for path in paths}
    return StudyEvidence(folder, in_words(records), metrics, sources)


def _by_axis(point_folder: Path, record: Record) -> list[Path]:
    """The tables that are there, and those that the record says are."""
    found = {path.name for path in point_folder.glob("by_*.parquet")}
    listed = [Path(name).name for name in record.get(FILES) or ()]  # of this folder alone
    recorded = {name for name in listed if fnmatch(name, "by_*.parquet")}
    return [point_folder / name for name in sorted(found | recorded)]


def read_record(path: Path) -> Record:
    """The content of a `run.json`.

    Raises:
        UserError: the file is damaged, was changed by something else than saibench, or lacks an
            entry that every record has.
    """
    record: Record = printable(run_record.read_record(path.parent))
    try:
        _refuse_incomplete(record)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return {**record, "settings": _in_current_names(record["settings"])}


def _in_current_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: current_name(value) if isinstance(value, str) else value
        for key, value in settings.items()
    }


def _parsed(text: str | None) -> Record:
    content = printable(parse_json(text or ""))
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def _refuse_incomplete(record: Record) -> None:
    missing = {"point", "state", "settings"} - set(record)
    if missing:
        raise ValueError(f"it has no {', '.join(sorted(missing))}")
