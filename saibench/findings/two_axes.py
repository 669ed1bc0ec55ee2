"""Whether one setting changes errors locally, and the other their global amplitude (figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saibench.analysis.two_axes import TwoAxes
from saibench.findings.finding import INCONCLUSIVE, Answer
from saibench.findings.verdict import verdict
from saibench.formatting import bracketed, by_width, percent, points

HALF = 0.5


@dataclass(frozen=True)
class Statement:
    """A claim, its verdict for the trained nets, and the numbers behind it.

    Args:
        trainings: the fewest seeds of a setting in the claim; None if no model was trained.
    """

    claim: str
    verdict: str
    numbers: str
    trainings: int | None

    def answer(self) -> Answer:
        return self.verdict, self.numbers

    @property
    def single(self) -> bool:
        """Whether a setting was trained with one seed: others may give another verdict."""
        return self.trainings is not None and self.trainings < 2


def statements(parted: TwoAxes) -> list[Statement]:
    """Statements on the first axis, the second axis, and both."""
    (first, second), (one, other) = (axis.name for axis in parted.axes), parted.changes
    trained = [change.trainings for change in parted.changes if change.trainings is not None]
    difference = (
        f"The local share of the change by {first} is {points(parted.more_local)} points above "
        f"that by {second}."
    )
    both = verdict(parted.more_local) if one.is_change and other.is_change else INCONCLUSIVE
    return [
        Statement(
            f"errors by {first} are local",
            verdict(one.local, HALF) if one.is_change else INCONCLUSIVE,
            axis_sentence(parted, 0),
            one.trainings,
        ),
        Statement(
            f"errors by {second} are global in amplitude",
            verdict(other.global_share, HALF) if other.is_change else INCONCLUSIVE,
            axis_sentence(parted, 1),
            other.trainings,
        ),
        Statement(
            f"errors by {first} are more local than errors by {second}",
            both,
            difference,
            min(trained, default=None),
        ),
    ]


def sentences(parted: TwoAxes) -> list[str]:
    """Sentences on the numbers, the verdicts, and what the intervals cover."""
    found = statements(parted)
    numbers = [one.numbers for one in found]
    if not all(change.is_change for change in parted.changes):
        numbers.pop()
    answers = [
        f"{one.claim}: {one.verdict}"
        + (" for these trained nets alone" if one.single and one.verdict != INCONCLUSIVE else "")
        for one in found
    ]
    text = [*numbers, f"{'; '.join(answers)}."]
    if found[-1].single:
        text.append("A setting was trained with one seed: the verdicts are for these nets alone.")
    elif found[-1].trainings:
        text.append(
            "Intervals include the variance between test samples and between trainings: "
            f"{found[-1].trainings} seeds or more per setting."
        )
    return text


def axis_sentence(parted: TwoAxes, at: int) -> str:
    """The change along one axis, and which fraction of it is local."""
    change, axis = parted.changes[at], parted.axes[at]
    ends = f"{by_width(change.worse)} against {by_width(change.better)} {parted.statistic.unit}"
    opening = (
        f"By {axis.name} ({levels_text(axis.levels)}) the root mean square of "
        f"{parted.statistic.name} is {ends.rstrip()}, over {change.mean_square.count:,} samples in "
        f"{change.mean_square.num_blocks} blocks"
    )
    if not change.is_change:
        return f"{opening}: it does not increase significantly, so there is no change to split."
    signed = (
        f", {percent(change.signed)} as a bias of one sign in a region" if parted.is_signed else ""
    )
    return (
        f"{opening}. Of this change in the mean square {percent(change.local)} is local to some of "
        f"{len(parted.places)} regions of {parted.along.name}{signed}; "
        f"{percent(change.global_share)} is a global amplitude, {bracketed(change.amplitude)} "
        "times the error everywhere."
    )


def levels_text(levels: Sequence[tuple[str, str]]) -> str:
    """`window 0–30 % against window 0–90 %`; for several pairs their number and an example."""
    distinct = list(dict.fromkeys(levels))
    worse, better = distinct[0]
    if len(distinct) == 1:
        return f"{worse} against {better}"
    return f"{len(distinct)} pairs of levels, such as {worse} against {better}"
