"""The effects of two settings of a study on its signed error, told apart, and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing.text import digits
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.two_axes.local_and_global import Change, changes, region_ratios
from saibench.analysis.two_axes.pairs import axes_of, tested_pairs
from saibench.analysis.two_axes.seeds import swaps
from saibench.analysis.wording import bracketed, percent, points
from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import NOT_SEEN, SEEN, UNDECIDED

HALF = 0.5
ALONE = " for these trained nets alone"


@dataclass(frozen=True)
class TwoAxes:
    """The change of the error along two axes, each parted into local and global.

    Args:
        statistic: signed error.
        along: what regions are of.
        axes: names of the settings.
        levels: of each axis, the worse and better levels of its pairs, in words.
        changes: of each axis.
        more_local: local share of the first axis less that of the second.
        is_signed: whether the statistic has both signs; else bias in a region says nothing.
        partition: tested on.
        places: mean of `along` in each region.
        ratios: of each axis, root mean square of the worse over the better models by region.
    """

    statistic: Quantity
    along: Quantity
    axes: tuple[str, str]
    levels: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]
    changes: tuple[Change, Change]
    more_local: Interval
    is_signed: bool
    partition: str
    places: tuple[float, ...]
    ratios: tuple[tuple[float, ...], tuple[float, ...]]

    def verdicts(self) -> dict[str, str]:
        """Of the three parts of the statement that the first axis's errors are local and the
        second's a global amplitude; `undecided` where an axis changes nothing beyond doubt, or
        was trained with a single seed.
        """
        return {
            claim: UNDECIDED if single(trainings) else answer
            for (claim, answer), trainings in zip(
                self.of_nets().items(), self.trainings(), strict=True
            )
        }

    def trainings(self) -> tuple[int | None, int | None, int | None]:
        """Of each verdict the fewest seeds of a setting; None where none was trained."""
        first, second = (change.trainings for change in self.changes)
        both = min((one for one in (first, second) if one is not None), default=None)
        return first, second, both

    def of_nets(self) -> dict[str, str]:
        """The verdicts of the trained nets that there are, whatever other seeds would say."""
        (first, second), change = self.axes, self.changes
        answers = {
            f"errors by {first} are local": _sign(change[0].local, HALF),
            f"errors by {second} are global in amplitude": _sign(change[1].global_share, HALF),
            f"errors by {first} are more local than errors by {second}": _sign(self.more_local, 0),
        }
        needed = ([0], [1], [0, 1])
        return {
            claim: answer if all(change[at].is_change for at in axes) else UNDECIDED
            for (claim, answer), axes in zip(answers.items(), needed, strict=True)
        }


def single(trainings: int | None) -> bool:
    """Whether a setting was trained, and with one seed alone."""
    return trainings is not None and trainings < 2


def _sign(share: Interval, than: float) -> str:
    if share.low > than:
        return SEEN
    return NOT_SEEN if share.high < than else UNDECIDED


def two_axes(
    evidence: StudyEvidence, statistic: str, along: str, across: Sequence[str] = ()
) -> TwoAxes:
    """Part the effects of two settings.

    Args:
        evidence: the study.
        statistic: signed error; of an unsigned one the signed part says nothing.
        along: feature whose regions errors may be local to; of samples with a time, `time`.
        across: the two settings; by default the first two in which the points differ.

    Raises:
        UserError: the study lacks an axis, points, or samples.
    """
    axes = axes_of(evidence, across)
    pairs = tested_pairs(evidence, axes, statistic, along)
    found, apart = changes(
        [pairs.of(axis) for axis in axes], pairs.regions, pairs.blocks, swaps(evidence, axes)
    )
    return TwoAxes(
        statistic=pairs.statistic,
        along=pairs.along,
        axes=(axes[0].name, axes[1].name),
        levels=(axes[0].levels, axes[1].levels),
        changes=(found[0], found[1]),
        more_local=apart[0][1],
        is_signed=any((errors < 0).any() for errors in pairs.errors.values()),
        partition=evidence.held_out,
        places=tuple(pairs.places.tolist()),
        ratios=(
            tuple(region_ratios(pairs.of(axes[0]), pairs.regions).tolist()),
            tuple(region_ratios(pairs.of(axes[1]), pairs.regions).tolist()),
        ),
    )


def sentences(parted: TwoAxes) -> list[str]:
    """The change along each axis, then what the two are beside each other."""
    told = [axis_sentence(parted, number) for number in range(len(parted.axes))]
    if all(change.is_change for change in parted.changes):
        told.append(difference_sentence(parted))
    answers = [
        f"{claim}: {answer}{ALONE if single(seeds) and answer != UNDECIDED else ''}"
        for (claim, answer), seeds in zip(parted.of_nets().items(), parted.trainings(), strict=True)
    ]
    return [*told, f"{'; '.join(answers)}.", *seeds_sentences(parted)]


def seeds_sentences(parted: TwoAxes) -> list[str]:
    """What the intervals cover; nothing of models that were not trained."""
    fewest = parted.trainings()[2]
    if fewest is None:
        return []
    if fewest < 2:
        return [
            "A setting was trained with one seed: what is said of it is of these trained nets "
            "alone, and its verdicts are undecided."
        ]
    return [f"Intervals cover other test samples and other trainings: {fewest} seeds or more each."]


def axis_sentence(parted: TwoAxes, at: int) -> str:
    """What changes along one axis, and which share of it is local."""
    change, name, levels = parted.changes[at], parted.axes[at], parted.levels[at]
    ends = f"{digits(change.worse)} against {digits(change.better)} {parted.statistic.unit}"
    opening = (
        f"By {name} ({levels_text(levels)}) the root mean square of {parted.statistic.name} is "
        f"{ends.rstrip()}, over {change.mean_square.count:,} samples in "
        f"{change.mean_square.num_blocks} blocks"
    )
    if not change.is_change:
        return f"{opening}: it does not rise beyond doubt, so there is nothing to be parted."
    signed = (
        f", {percent(change.signed)} as bias of one sign in a region" if parted.is_signed else ""
    )
    return (
        f"{opening}. Of this change in the mean square {percent(change.local)} is local to some of "
        f"{change.num_regions} regions of {parted.along.name}{signed}; "
        f"{percent(change.global_share)} is a global amplitude, {bracketed(change.amplitude)} "
        "times the error everywhere."
    )


def difference_sentence(parted: TwoAxes) -> str:
    """How much more local the first axis's change is."""
    first, second = parted.axes
    return (
        f"The local share of the change by {first} is {points(parted.more_local)} points "
        f"above that by {second}."
    )


def levels_text(levels: Sequence[tuple[str, str]]) -> str:
    """`window 0–30 % against window 0–90 %`; of several pairs their number."""
    distinct = list(dict.fromkeys(levels))
    worse, better = distinct[0]
    if len(distinct) == 1:
        return f"{worse} against {better}"
    return f"{len(distinct)} pairs of levels, such as {worse} against {better}"
