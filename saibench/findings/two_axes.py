"""Figure 5's question: are errors by one setting local, and by the other a global amplitude?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saibench.analysis.bootstrap import Interval
from saibench.analysis.two_axes import TwoAxes
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer
from saibench.formatting import bracketed, by_width, percent, points

HALF = 0.5


@dataclass(frozen=True)
class Statement:
    """A claim, its verdict for the trained nets that there are, and the numbers.

    Args:
        trainings: the fewest seeds of a setting that it is about; None where none was trained.
    """

    claim: str
    verdict: str
    numbers: str
    trainings: int | None

    def answer(self) -> Answer:
        return self.verdict, self.numbers

    @property
    def single(self) -> bool:
        """Whether a setting was trained with one seed alone, which decides nothing for others."""
        return self.trainings is not None and self.trainings < 2


def statements(parted: TwoAxes) -> list[Statement]:
    """Of the first axis, of the second, and of both."""
    (first, second), (one, other) = (axis.name for axis in parted.axes), parted.changes
    trained = [change.trainings for change in parted.changes if change.trainings is not None]
    difference = (
        f"The local share of the change by {first} is {points(parted.more_local)} points above "
        f"that by {second}."
    )
    both = _verdict(parted.more_local, 0) if one.is_change and other.is_change else INCONCLUSIVE
    return [
        Statement(
            f"errors by {first} are local",
            _verdict(one.local, HALF) if one.is_change else INCONCLUSIVE,
            axis_sentence(parted, 0),
            one.trainings,
        ),
        Statement(
            f"errors by {second} are global in amplitude",
            _verdict(other.global_share, HALF) if other.is_change else INCONCLUSIVE,
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


def _verdict(share: Interval, than: float) -> str:
    if share.low > than:
        return SUPPORTED
    return CONTRADICTED if share.high < than else INCONCLUSIVE


def sentences(parted: TwoAxes) -> list[str]:
    """The numbers, the verdicts, and what the intervals cover."""
    found = statements(parted)
    numbers = [one.numbers for one in found]
    if not all(change.is_change for change in parted.changes):
        numbers.pop()
    answers = [
        f"{one.claim}: {one.verdict}"
        + (" for these trained nets alone" if one.single and one.verdict != INCONCLUSIVE else "")
        for one in found
    ]
    told = [*numbers, f"{'; '.join(answers)}."]
    if found[-1].single:
        told.append("A setting was trained with one seed: its verdicts are of these nets alone.")
    elif found[-1].trainings:
        told.append(
            "Intervals cover other test samples and other trainings: "
            f"{found[-1].trainings} seeds or more each."
        )
    return told


def axis_sentence(parted: TwoAxes, at: int) -> str:
    """What changes along one axis, and which share of it is local."""
    change, axis = parted.changes[at], parted.axes[at]
    ends = f"{by_width(change.worse)} against {by_width(change.better)} {parted.statistic.unit}"
    opening = (
        f"By {axis.name} ({levels_text(axis.levels)}) the root mean square of "
        f"{parted.statistic.name} is {ends.rstrip()}, over {change.mean_square.count:,} samples in "
        f"{change.mean_square.num_blocks} blocks"
    )
    if not change.is_change:
        return f"{opening}: it does not rise significantly, so there is no change to be parted."
    signed = (
        f", {percent(change.signed)} as bias of one sign in a region" if parted.is_signed else ""
    )
    return (
        f"{opening}. Of this change in the mean square {percent(change.local)} is local to some of "
        f"{len(parted.places)} regions of {parted.along.name}{signed}; "
        f"{percent(change.global_share)} is a global amplitude, {bracketed(change.amplitude)} "
        "times the error everywhere."
    )


def levels_text(levels: Sequence[tuple[str, str]]) -> str:
    """`window 0–30 % against window 0–90 %`; of several pairs their number."""
    distinct = list(dict.fromkeys(levels))
    worse, better = distinct[0]
    if len(distinct) == 1:
        return f"{worse} against {better}"
    return f"{len(distinct)} pairs of levels, such as {worse} against {better}"
