"""The table of all that was tried in a study: each feature, and all together, by error model.

A study whose evidence is older than `saibench.analysis.trusted_range.tried` has the losses of its
competition and, under shift, the first run alone; its other columns wait for a new run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cells import names_of, number, percent, table
from study import Found, Json

from saibench.analysis.trusted_range.model_curves import KINDS

OWN: Mapping[str, tuple[str, Callable[[Json | None], str]]] = {
    "loss": ("pinball loss / without features", number),
    "width": ("mean bound / without features", number),
    "auroc": ("AUROC of the worst tenth", number),
    "coverage": ("below the bound, inside", percent),
    "recognised": ("good ones recognised", percent),
}
ELSEWHERE = {"inside": "inside", "coverage": "below the bound, inside", "recognised": "recognised"}
OF_COMPETITION = (
    "Losses and mean bounds are those of the competition; AUROC, coverage and recognised share of "
    "each candidate on held-out blocks wait for a new run of this study."
)
FIRST_ALONE = "Shifts are of {first} alone; those of the other runs wait for it too."

Key = tuple[tuple[str, ...], str]
"""Features and error model."""
Column = tuple[str, str]
"""Partition, empty for the calibration's own, and what was measured there."""
Values = Mapping[Column, float | None]


def tried_table(found: Found) -> Iterator[str]:
    """Mean, smallest and largest number of the runs; columns without any number are left out."""
    first = found.fitted[0]
    names = [feature["name"] for feature in first["features"]]
    by_candidate: dict[Key, dict[Column, list[float]]] = {}
    for key, values in _measured(found, names):
        own = by_candidate.setdefault(key, {})
        for column, value in values.items():
            if value is not None:
                own.setdefault(column, []).append(value)
    known = dict.fromkeys(column for own in by_candidate.values() for column in own)
    columns = sorted(known, key=lambda one: one[0] != "")
    if not found.tried:
        shifts = [FIRST_ALONE.format(first=first["label"])] if found.under_shift else []
        yield from (" ".join([OF_COMPETITION, *shifts]), "")
    yield from (f"All {len(names)}: {', '.join(names)}.", "")
    yield from table(
        ("features", "error model", *(_title(column) for column in columns)),
        [
            (names_of(key[0], len(names)), key[1], *(_cell(own, column) for column in columns))
            for key, own in sorted(by_candidate.items(), key=lambda one: _place(one[0], names))
        ],
    )


def _place(key: Key, names: Sequence[str]) -> tuple[int, int, int]:
    """Single features in their own order, then all together; not by what was found."""
    features, kind = key
    return len(features), names.index(features[0]), KINDS.index(kind)  # type: ignore[arg-type]


def _measured(found: Found, names: Sequence[str]) -> Iterator[tuple[Key, Values]]:
    """The numbers of each candidate and run."""
    if found.tried:
        for one in found.tried:
            own = {("", name): one[name] for name in ("loss", "width", "auroc")}
            own |= {("", name): one["own"][name] for name in ("coverage", "recognised")}
            for shift, shares in one["shifts"].items():
                own |= {(shift, name): shares[name] for name in ELSEWHERE}
            yield (tuple(one["features"]), one["kind"]), own
        return
    every = [[name] for name in names] + [list(names)]
    competed = [one for run in found.fitted for one in run["competition"]["candidates"]]
    for features in every:
        for one in competed:
            if sorted(one["features"]) == sorted(features):
                own = {("", "loss"): 1 - one["gain"], ("", "width"): one["width"]}
                yield (tuple(features), one["kind"]), own
        for one in found.under_shift:
            if one["features"] == features and len(one["used"]) == len(features):
                shares = dict(
                    zip(ELSEWHERE, ("inside", "coverage_inside", "recognised"), strict=True)
                )
                yield (
                    (tuple(features), one["kind"]),
                    {(one["partition"], name): _estimate(one[of]) for name, of in shares.items()},
                )


def _estimate(interval: Json | None) -> float | None:
    return None if interval is None else float(interval["estimate"])


def _title(column: Column) -> str:
    shift, name = column
    return f"{shift}: {ELSEWHERE[name]}" if shift else OWN[name][0]


def _cell(own: Mapping[Column, Sequence[float]], column: Column) -> str:
    shift, name = column
    show: Any = percent if shift else OWN[name][1]
    values = own.get(column)
    if not values:
        return show(None)
    several = len(values) > 1
    return show(
        {
            "estimate": sum(values) / len(values),
            "low": min(values) if several else None,
            "high": max(values) if several else None,
        }
    )
