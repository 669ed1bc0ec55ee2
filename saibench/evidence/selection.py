"""Which points a figure compares, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars

from saibench.evidence.known import WINDOW_END
from saibench.evidence.points import FIXED
from saibench.evidence.reader import StudyEvidence
from saibench.settings import WindowNames

SEED = "seed"
WINDOW = ["window_start", "window_end"]
"""Columns of a point's training window, as fractions of the ordered samples."""


@dataclass(frozen=True)
class Cell:
    """Points that differ in their seed alone, with the settings (and counts) they share."""

    shared: dict[str, Any]
    points: tuple[str, ...]


def fewest_seeds(cells: Iterable[Cell]) -> int:
    """With how many seeds the setting that was trained least often was trained."""
    return min((len(cell.points) for cell in cells), default=0)


def is_trained(record: Mapping[str, Any]) -> bool:
    """Whether the run of this record trained its model; others have no seeds that could differ."""
    return 0 not in (record.get("steps"), record["settings"].get("datamodule.steps"))


def same_data(evidence: StudyEvidence, points: Iterable[str]) -> bool:
    """Whether points were tested on one data set: equal ids of others are no equal samples."""
    hashes = ((evidence.records[point].get("data") or {}).get("hash") for point in points)
    return len({known for known in hashes if known}) < 2


@dataclass(frozen=True)
class Variant:
    """The cells of one line of a figure: whatever the figure does not lay out is the same."""

    label: str
    cells: tuple[Cell, ...]


def tested(evidence: StudyEvidence) -> polars.DataFrame:
    """The points that were tested on the held-out partition, with their windows."""
    points = compared_points(evidence)
    if "partition" not in evidence.samples.columns:
        return points.clear()
    rows = evidence.samples.filter(polars.col("partition") == evidence.held_out)
    return points.filter(polars.col("point").is_in(rows["point"].unique().to_list()))


def why_untested(evidence: StudyEvidence, columns: Iterable[str]) -> str | None:
    """One sentence if no point has these statistics on the held-out partition, else None."""
    if not evidence.held_out:
        return "No point was tested."
    if not tested(evidence).height:
        return f"No point was tested on the partition {evidence.held_out}."
    rows = evidence.samples.filter(polars.col("partition") == evidence.held_out)
    for name in columns:
        if name not in rows.columns or rows[name].is_null().all():
            return f"The samples of {evidence.held_out} have no {name}."
    return None


def settings_of(points: polars.DataFrame) -> list[str]:
    """The columns that are settings."""
    return [name for name in points.columns if name not in {*FIXED, *WINDOW}]


def differing(points: polars.DataFrame) -> list[str]:
    """The settings in which the points differ.

    Whole objects, such as a list of samplers, are left out where simple settings tell the points
    apart as well: such an object is put together from them.
    """
    found = [name for name in settings_of(points) if points[name].n_unique() > 1]
    simple = [name for name in found if not _holds_objects(points[name])]
    if simple and points.select(simple).n_unique() == points.select(found).n_unique():
        return simple
    return found


def _holds_objects(setting: polars.Series) -> bool:
    """Whether a value is an object or a list of such, which the table of points has as JSON."""
    if setting.dtype != polars.String:
        return False
    return bool(setting.str.contains(r"^\[?\{").any())


def compared_points(evidence: StudyEvidence) -> polars.DataFrame:
    """All points; where they have training windows, `window` stands for the settings of it."""
    named = evidence.training.window
    points = with_windows(evidence.points, named)
    if named is None or "window" not in points.columns:
        return points
    return points.drop(named.start, named.size, named.limit, strict=False)


def with_windows(points: polars.DataFrame, named: WindowNames | None) -> polars.DataFrame:
    """Adds `window` (`15–90 %`), `window_start` and `window_end`, where windows exist.

    The bounds are fractions of the ordered samples; a window without a size ends at its limit.

    Args:
        points: the table of points.
        named: which settings say it; None where a workload has no windows.
    """
    if named is None or named.start not in points.columns:
        return points
    start, size, limit = (
        (polars.col(name) if name in points.columns else polars.lit(None)).cast(polars.Float64)
        for name in (named.start, named.size, named.limit)
    )
    end = (start + size).fill_null(limit).fill_null(WINDOW_END)
    bounded = points.with_columns(window_start=start.round(9), window_end=end.round(9))
    names = [
        None if begin is None else f"{100 * begin:.4g}–{100 * end:.4g} %"
        for begin, end in bounded.select(WINDOW).iter_rows()
    ]
    return bounded.with_columns(window=polars.Series(names, dtype=polars.String))


def short_names(evidence: StudyEvidence) -> dict[str, str]:
    """By point: its slug; where several have the same, with what tells them apart.

    That is a setting, the model's where it does, or all settings, or else the hash, as the point's
    folder has it.
    """
    points = compared_points(evidence)
    found: dict[str, str] = dict(points.select("point", "slug").iter_rows())
    for (slug,), alike in points.group_by("slug"):
        if alike.height > 1:
            told = _told_apart(alike)
            found |= {point: f"{slug}{told.get(point, f'-{point}')}" for point in alike["point"]}
    return found


def _told_apart(points: polars.DataFrame) -> dict[str, str]:
    apart = sorted(differing(points), key=lambda name: not name.startswith("model."))
    for names in [*([name] for name in apart), apart]:
        told = {
            row["point"]: f" ({', '.join(setting_text(name, row[name]) for name in names)})"
            for row in points.iter_rows(named=True)
        }
        if len(set(told.values())) == points.height:
            return told
    return {}


def test_start(evidence: StudyEvidence) -> float:
    """The fraction of the ordered samples at which the held-out test begins."""
    named = evidence.training.window
    settings = [evidence.records[point]["settings"] for point in tested(evidence)["point"]]
    limits = (one.get(named.limit) for one in settings if named is not None)
    return max((limit for limit in limits if limit is not None), default=WINDOW_END)


def variants(points: polars.DataFrame, across: Sequence[str], by: Sequence[str]) -> list[Variant]:
    """Groups points into cells by the columns `by`, and cells into variants.

    Args:
        points: tested points.
        across: settings that the figure lays out itself; all others that differ make variants.
        by: columns whose values tell a variant's cells apart, ascending.
    """
    laid_out = {SEED, *across}
    apart = [name for name in differing(points) if name not in laid_out]
    groups = points.group_by(apart, maintain_order=True) if apart else [((), points)]
    found = []
    for values, group in groups:
        label = ", ".join(map(setting_text, apart, values))
        cells = [
            Cell(dict(zip(by, key, strict=True)), tuple(cell["point"]))
            for key, cell in group.sort(by, maintain_order=True).group_by(by, maintain_order=True)
        ]
        found.append(Variant(label, tuple(cells)))
    return found


def windows_of_equal_count(points: polars.DataFrame) -> list[Variant]:
    """Variants whose cells are training windows, with equally many samples drawn from each.

    Where counts differ between windows (a fraction, or all samples), windows are compared with
    those of the same count alone. A window without its like is in none.
    """
    if "window" not in points.columns:
        return []
    found = []
    for variant in variants(points, ["window"], by=[*WINDOW, "window", "train_count"]):
        counts = {cell.shared["train_count"] for cell in variant.cells}
        for count in sorted(counts):
            cells = tuple(cell for cell in variant.cells if cell.shared["train_count"] == count)
            label = [variant.label] if variant.label else []
            if len(counts) > 1:
                label.append(f"{count:,} samples")
            if len(cells) > 1:
                found.append(Variant(", ".join(label), cells))
    return found


def setting_text(name: str, value: Any) -> str:
    """A setting as a label: `model = nequip_small`, `subset.count = 1000`."""
    return f"{setting_name(name)} = {setting_value(name, value)}"


def setting_name(name: str) -> str:
    """What a setting chooses: `model` of `model.name`, `model.net` of `model.net._target_`."""
    return name.removesuffix(".name").removesuffix("._target_")


def setting_value(name: str, value: Any) -> str:
    """A setting's value in short: of a class its name alone; `none` where it is null."""
    if value is None:
        return "none"
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return shown.rpartition(".")[2] if name.endswith("._target_") else shown


def rows_of(table: polars.DataFrame, points: Sequence[str], partition: str) -> polars.DataFrame:
    """The rows of these points on `partition`."""
    of_points = polars.col("point").is_in(list(points))
    return table.filter(of_points & (polars.col("partition") == partition))
