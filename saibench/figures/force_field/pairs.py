"""The two models for a comparison: extreme windows, or extreme training set sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    WINDOW,
    Cell,
    rows_of,
    tested,
    variants,
    windows_of_equal_count,
)


@dataclass(frozen=True)
class Model:
    """One run of a study, with a label that distinguishes it from the other of the pair."""

    point: str
    label: str

    def samples(self, evidence: StudyEvidence) -> polars.DataFrame:
        """The model's samples in order of time."""
        return rows_of(evidence.samples, [self.point], evidence.held_out).sort("time")


@dataclass(frozen=True)
class Pair:
    """Two models that differ in one setting; `shared` names the others if the study varies them."""

    first: Model
    second: Model
    shared: str

    def __iter__(self) -> Iterator[Model]:
        return iter((self.first, self.second))


def narrow_and_wide(evidence: StudyEvidence) -> Pair | None:
    """The narrowest window (the earliest of several) and the widest, at equal settings and counts.

    Of several such pairs, the one with the largest difference in width, then the largest count.
    """
    found = [
        (_width(cells[-1]) - _width(cells[0]), _count(cells[0]), variant.label, cells)
        for variant in windows_of_equal_count(tested(evidence))
        for cells in [sorted(variant.cells, key=_width)]
    ]
    span, _, shared, cells = max(found, key=lambda option: option[:2], default=(0, 0, "", []))
    if span <= 0:
        return None
    narrow, wide = (
        Model(cell.points[0], f"window {cell.shared['window']}") for cell in (cells[0], cells[-1])
    )
    return Pair(narrow, wide, shared)


def few_and_many(evidence: StudyEvidence) -> Pair | None:
    """The smallest and the largest training set from the widest window with two sizes."""
    points = tested(evidence)
    window = [name for name in (*WINDOW, "window") if name in points.columns]
    found = [
        (_width(variant.cells[0]), len(variant.cells), variant.label, variant.cells)
        for variant in variants(
            points, ["subset.count", "subset.fraction"], by=["train_count", *window]
        )
        if len(variant.cells) > 1
    ]
    if not found:
        return None
    _, _, shared, cells = max(found, key=lambda option: option[:2])
    few, many = (Model(end.points[0], f"{_count(end):,} frames") for end in (cells[0], cells[-1]))
    return Pair(few, many, shared)


def _width(cell: Cell) -> float:
    start, end = (cell.shared.get(name) or 0.0 for name in WINDOW)
    return round(end - start, 6)


def _count(cell: Cell) -> int:
    return cell.shared["train_count"] or 0
