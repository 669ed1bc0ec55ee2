"""The goals of a trusted range, and whether a study's runs met them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cells import number, percent, whole
from study import Found, Json

RATIO, AUROC, COST = 0.90, 0.88, 1.3
"""Goal (a): the mean bound relative to the one without features, the worst tenth's AUROC, and the
seconds of training and of the test with all features, relative to training."""
INSIDE, RECOGNISED = 0.85, 0.5
"""Goal (b): coverage of the bound among samples inside, and samples recognised as good."""
NARROWER = 0.30
"""Goal (c): how much narrower the bound is than without features."""

TITLES = {
    "a": "on the calibration's own distribution",
    "b": "under shift",
    "c": "where a test holds samples like those of training and others",
}


@dataclass(frozen=True)
class Part:
    """A part of a goal.

    Args:
        text: what was found, with `{}` in place of the number, and what is required.
        intervals: of each run (and shift): `estimate`, `low` and `high`.
        met: of each, whether it has what is required.
        show: formats an interval.
    """

    text: str
    intervals: Sequence[Json]
    met: Sequence[bool]
    show: Callable[[Json | None], str] = percent

    @property
    def is_met(self) -> bool:
        """By all runs."""
        return bool(self.met) and all(self.met)

    @property
    def verdict(self) -> str:
        """Met by all runs, by some, or missed."""
        if not self.met:
            return "not tested"
        if self.is_met:
            return "met"
        return f"met by {sum(self.met)} of {len(self.met)}" if any(self.met) else "missed"

    def sentence(self) -> str:
        """With the mean over the runs, and an interval that holds those of all runs."""
        found = self.text.format(self.show(joint(self.intervals)))
        return found if self.is_met else f"{found}: **{self.verdict}**"


def verdict(parts: Sequence[Part]) -> str:
    """Of a goal: met if all its parts are."""
    if all(part.is_met for part in parts):
        return "met"
    return "**missed in part**" if any(any(part.met) for part in parts) else "**missed**"


def joint(intervals: Sequence[Json]) -> Json | None:
    """Mean estimate, smallest lower and largest upper limit; limits are None if one is unknown."""
    if not intervals:
        return None
    known = all(one["low"] is not None and one["high"] is not None for one in intervals)
    return {
        "estimate": sum(one["estimate"] for one in intervals) / len(intervals),
        "low": min(one["low"] for one in intervals) if known else None,
        "high": max(one["high"] for one in intervals) if known else None,
    }


def at_coverage(checked: Json) -> Json:
    """The observed coverage at the requested one."""
    own: Json = checked["observed"][checked["levels"].index(checked["coverage"])]
    return own


def shifts_of(one: Json, names: Sequence[str]) -> list[Json]:
    """A range's checks on these partitions, in their order."""
    found = {shift["partition"]: shift for shift in one["shifts"]}
    return [found[name] for name in names if name in found]


def parts_of(goal: str, found: Found, shifts: Sequence[str]) -> list[Part]:
    """What the ranges of a study say of a goal.

    Args:
        goal: `a`, `b` or `c`.
        found: the ranges, and the records of the runs.
        shifts: partitions that count as a shift.
    """
    fitted = found.fitted
    checked = [one["validation"] for one in fitted if one["validation"]]
    untested = len(found.ranges) - len(checked)
    if goal == "a":
        return [*_own_distribution(checked, untested), _cost(found)]
    if goal == "b":
        return list(_under_shift([one for run in fitted for one in shifts_of(run, shifts)]))
    gains = [one["gain"] for one in checked]
    met = [one["estimate"] >= NARROWER for one in gains] + [False] * untested
    return [
        Part(
            f"the bound is {{}} narrower than without features (at least {whole(NARROWER)})"
            f"{_without_test(untested)}",
            gains,
            met,
        )
    ]


def _without_test(count: int) -> str:
    """How many ranges could not be tested, as theirs were too few blocks; they meet no goal."""
    return f", and {count} could not be tested" if count else ""


def _own_distribution(checked: Sequence[Json], untested: int) -> Iterator[Part]:
    observed = [at_coverage(one) for one in checked]
    nominal = checked[0]["coverage"] if checked else 0.9
    failed = [False] * untested
    honest = [one["low"] <= nominal <= one["high"] for one in observed] + failed
    yield Part(
        f"{{}} of the samples are below the bound (each run's interval holds {whole(nominal)})"
        f"{_without_test(untested)}",
        observed,
        honest,
    )
    ratios = [_ratio(one["gain"]) for one in checked]
    small = [one["estimate"] <= RATIO for one in ratios] + failed
    yield Part(f"it is {{}} of that without features (at most {RATIO:.2f})", ratios, small, number)
    ranks = [one["usefulness"]["auroc"] for one in checked]
    good = [one["estimate"] >= AUROC for one in ranks] + failed
    yield Part(f"AUROC of the worst tenth {{}} (at least {AUROC:.2f})", ranks, good, number)


def _cost(found: Found) -> Part:
    """Of training and test; the predictions of the test are in it, though no cost of features."""
    seconds = [run["seconds"] for run in found.runs.values()]
    costs = [1 + one["test"] / one["train"] for one in seconds]
    each = [{"estimate": cost, "low": cost, "high": cost} for cost in costs]
    low = [cost <= COST for cost in costs]
    return Part(f"training and test take {{}} × training (at most {COST:g})", each, low, number)


def _under_shift(shifts: Sequence[Json]) -> Iterator[Part]:
    inside = [one["coverage_inside"] for one in shifts if one["coverage_inside"]]
    kept = [one["estimate"] >= INSIDE for one in inside]
    empty = len(shifts) - len(inside)
    none = f", and {empty} of {len(shifts)} have no sample inside" if empty else ""
    yield Part(
        f"of the samples inside {{}} are below their bound (at least {whole(INSIDE)}){none}",
        inside,
        [*kept, *[False] * empty],
    )
    decisions = [one["decision"] for one in shifts if one["decision"]]
    found = [one["recognised"] for one in decisions if one["recognised"]]
    enough = [one["estimate"] >= RECOGNISED for one in found]
    yield Part(
        f"of the good ones {{}} are recognised (at least {whole(RECOGNISED)})", found, enough
    )


def _ratio(gain: Json) -> Json:
    """Mean bound relative to the one without features, of how much narrower it is."""
    return {"estimate": 1 - gain["estimate"], "low": 1 - gain["high"], "high": 1 - gain["low"]}
