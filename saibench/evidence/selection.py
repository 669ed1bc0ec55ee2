"""Selection and grouping of the points that a figure compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars

from saibench.evidence.known import WINDOW_END
from saibench.evidence.points import FIXED
from saibench.evidence.reader import StudyEvidence
from saibench.identity import TRAINED
from saibench.settings import WindowNames

SEED = "seed"
WINDOW = ["window_start", "window_end"]
"""Columns of the training window, as fractions of the ordered samples."""


@dataclass(frozen=True)
class Cell:
    """Points that differ only in their seed, with their common settings (and counts)."""

    shared: dict[str, Any]
    points: tuple[str, ...]


def min_seeds(cells: Iterable[Cell]) -> int:
    """The smallest number of seeds of a cell."""
    return min((len(cell.points) for cell in cells), default=0)


def is_trained(record: Mapping[str, Any]) -> bool:
    """Whether the run trained its model, or tests one of another run on other data.

    A run without training does not depend on a seed.
    """
    return TRAINED in record or 0 not in (
        record.get("steps"),
        record["settings"].get("datamodule.steps"),
    )


def same_data(evidence: StudyEvidence, points: Iterable[str]) -> bool:
    """Whether points were tested on one data set, so that equal ids are equal samples."""
    hashes = ((evidence.records[point].get("data") or {}).get("hash") for point in points)
    return len({known for known in hashes if known}) < 2


@dataclass(frozen=True)
class Variant:
    """The cells of one line of a figure; all settings that the figure does not vary are equal."""

    label: str
    cells: tuple[Cell, ...]


def tested(evidence: StudyEvidence) -> polars.DataFrame:
    """The points tested on the held-out partition, with their windows."""
    points = compared_points(evidence)
    if "partition" not in evidence.samples.columns:
        return points.clear()
    rows = evidence.samples.filter(polars.col("partition") == evidence.held_out)
    return points.filter(polars.col("point").is_in(rows["point"].unique().to_list()))


def why_untested(evidence: StudyEvidence, columns: Iterable[str]) -> str | None:
    """The reason if no point has these statistics on the held-out partition, else None."""
    if not evidence.held_out:
        return "No run was tested."
    if not tested(evidence).height:
        return f"No run was tested on the partition {evidence.held_out}."
    rows = evidence.samples.filter(polars.col("partition") == evidence.held_out)
    for name in columns:
        if name not in rows.columns or rows[name].is_null().all():
            return f"The samples of {evidence.held_out} have no {name}."
    return None


def settings_of(points: polars.DataFrame) -> list[str]:
    """The columns of settings."""
    return [name for name in points.columns if name not in {*FIXED, *WINDOW}]


def differing(points: polars.DataFrame) -> list[str]:
    """The settings in which the points differ.

    Objects, such as a list of samplers, are omitted if simple settings distinguish the points as
    well: such an object is composed from them.
    """
    found = [name for name in settings_of(points) if points[name].n_unique() > 1]
    simple = [name for name in found if not _holds_objects(points[name])]
    if simple and points.select(simple).n_unique() == points.select(found).n_unique():
        return simple
    return found


def _holds_objects(setting: polars.Series) -> bool:
    """Whether a value is JSON of an object or of a list of objects."""
    return setting.dtype == polars.String and bool(setting.str.contains(r"^\[?\{").any())


def compared_points(evidence: StudyEvidence) -> polars.DataFrame:
    """All points; if they have training windows, `window` replaces the settings of the window."""
    named = evidence.training.window
    points = with_windows(evidence.points, named)
    if named is None or "window" not in points.columns:
        return points
    return points.drop(named.start, named.size, named.limit, strict=False)


def with_windows(points: polars.DataFrame, named: WindowNames | None) -> polars.DataFrame:
    """Add `window` (`15–90 %`), `window_start` and `window_end`, if there are windows.

    The bounds are fractions of the ordered samples; a window without a size ends at its limit.

    Args:
        points: the table of points.
        named: the settings of a window; None for a workload without windows.
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
    """The slug of each point, made unique if several points have the same.

    A suffix is the first setting that distinguishes them (of the model, if one does), or all
    settings, or else the hash, as in the name of the point's folder.
    """
    points = compared_points(evidence)
    found: dict[str, str] = dict(points.select("point", "slug").iter_rows())
    for (slug,), same in points.group_by("slug"):
        if same.height > 1:
            suffixes = _suffixes(same)
            found |= {point: f"{slug}{suffixes.get(point, f'-{point}')}" for point in same["point"]}
    return found


def _suffixes(points: polars.DataFrame) -> dict[str, str]:
    settings = sorted(differing(points), key=lambda name: not name.startswith("model."))
    for names in [*([name] for name in settings), settings]:
        found = {
            row["point"]: f" ({', '.join(setting_text(name, row[name]) for name in names)})"
            for row in points.iter_rows(named=True)
        }
        if len(set(found.values())) == points.height:
            return found
    return {}


def test_start(evidence: StudyEvidence) -> float:
    """The fraction of the ordered samples at which the held-out test starts."""
    named = evidence.training.window
    settings = [evidence.records[point]["settings"] for point in tested(evidence)["point"]]
    limits = (one.get(named.limit) for one in settings if named is not None)
    return max((limit for limit in limits if limit is not None), default=WINDOW_END)


def variants(points: polars.DataFrame, across: Sequence[str], by: Sequence[str]) -> list[Variant]:
    """Group points into cells by the columns `by`, and cells into variants.

    Args:
        points: tested points.
        across: settings that the figure varies; all others that differ make variants.
        by: columns that distinguish the cells of a variant, ascending.
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
    """Variants whose cells are training windows with the same number of training samples.

    If counts differ between windows, a variant has the windows of one count. A window whose count
    no other window has is in no variant.
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
    """A setting without its last part: `model` for `model.name` and for `model._target_`."""
    return name.removesuffix(".name").removesuffix("._target_")


def setting_value(name: str, value: Any) -> str:
    """A setting's value in short: a class without its module, `none` for null."""
    if value is None:
        return "none"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.rpartition(".")[2] if name.endswith("._target_") else text


def rows_of(table: polars.DataFrame, points: Sequence[str], partition: str) -> polars.DataFrame:
    """The rows of these points on `partition`."""
    of_points = polars.col("point").is_in(list(points))
    return table.filter(of_points & (polars.col("partition") == partition))
