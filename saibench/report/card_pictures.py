"""The small pictures of the cards, drawn from the numbers of the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from saibench.analysis.answers.best_run import BestRunNumbers
from saibench.analysis.answers.driver import DriverNumbers
from saibench.analysis.answers.fairness import MIN_BLOCKS, FairnessNumbers
from saibench.analysis.answers.tolerances import AtTolerance
from saibench.analysis.answers.trust import TrustNumbers
from saibench.analysis.bootstrap import Interval
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.style import quantity_label
from saibench.formatting import minus, number
from saibench.report.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    axes,
    box,
    curve,
    dots,
    element,
    line,
    picture,
    text,
)

MAX_DOTS = 150
MAX_ROWS = 5


def trust(numbers: TrustNumbers, evidence: StudyEvidence, at: Sequence[AtTolerance] = ()) -> Markup:
    """Error against the feature, with the bound, the tolerance, and the trusted part shaded.

    Each tolerance has a group; that of the range is visible.
    """
    x = Axis(numbers.positions[0], numbers.positions[-1], LEFT, WIDTH - RIGHT)
    y = Axis(0.0, 1.05 * numbers.top, HEIGHT - BOTTOM, TOP)
    every = -(-len(numbers.values) // MAX_DOTS)
    values, errors = numbers.values[::every], numbers.errors[::every]
    seen = (values >= x.low) & (values <= x.high) & (errors <= y.high)
    feature, error = (quantity_label(one, evidence) for one in (numbers.feature, numbers.statistic))
    parts = [_at_tolerance(one, place, x, y, numbers) for place, one in enumerate(at)]
    parts += axes(x, y, feature, error)
    parts.append(dots([x(v) for v in values[seen]], [y(e) for e in errors[seen]], "sample"))
    positions = [x(v) for v in numbers.positions]
    parts.append(curve(positions, [y(v) for v in numbers.bound], "bound"))
    parts += _key(0, "bound", f"{100 * numbers.coverage:g} % bound")
    return picture(f"{error} against {feature}, with the bound", *parts, height=HEIGHT + 20)


def _at_tolerance(at: AtTolerance, place: int, x: Axis, y: Axis, numbers: TrustNumbers) -> Markup:
    """The tolerance as a line, and the trusted intervals of the feature shaded."""
    ends = [(x(max(low, x.low)), x(min(high, x.high))) for low, high in at.intervals]
    parts = [box(low, TOP, high - low, y.start - TOP, "trusted") for low, high in ends]
    parts.append(line(x.start, y(at.tolerance), x.end, y(at.tolerance), "tolerance"))
    parts += _key(1, "tolerance", f"tolerance {at.words}")
    hidden = {} if at.tolerance == numbers.tolerance else {"hidden": "hidden"}
    return element("g", *parts, data_tolerance=place, **hidden)


def _key(place: int, kind: str, words: str) -> list[Markup]:
    start = LEFT + place * 110
    sign = line(start, HEIGHT + 8, start + 16, HEIGHT + 8, kind)
    return [sign, text(start + 21, HEIGHT + 12, words, "tick")]


def drivers(numbers: DriverNumbers, evidence: StudyEvidence) -> Markup:
    """Bars with the shares of the largest contributors, and their sizes as ticks."""
    rows = numbers.drivers
    shares = [100 * one.share.estimate for one in rows]
    ends = [100 * one.share.high for one in rows if math.isfinite(one.share.high)]
    x = Axis(0.0, max([*shares, *ends, 1.0]), 4, WIDTH - 58)
    parts = []
    for place, one in enumerate(rows):
        top = 8 + 54 * place
        parts.append(text(4, top + 10, titled(one.name, evidence)))
        parts.append(box(4, top + 16, x(100 * one.share.estimate) - 4, 18, "share"))
        parts += _bar_interval(one.share, x, top + 25, 100)
        if one.size is not None:
            at = x(100 * one.size)
            parts.append(line(at, top + 13, at, top + 37, "size"))
        share = f"{number(100 * one.share.estimate, 2)} %"
        parts.append(text(WIDTH - 4, top + 30, share, "value", "end"))
    if any(one.size is not None for one in rows):
        parts += [
            line(8, 178, 8, 190, "size"),
            text(15, 189, "share of the atoms or samples", "tick"),
        ]
    error = titled(numbers.response.error_name, evidence)
    return picture(f"Largest contributions to {error}", *parts, height=HEIGHT + 20)


def best(numbers: BestRunNumbers, evidence: StudyEvidence) -> Markup:
    """The others' errors minus that of the best, with intervals; the mean of a single model."""
    first, *others = numbers.models
    label = quantity_label(numbers.statistic, evidence)
    if not others:
        return _intervals([(first.label, first.mean, False)], None, label)
    rows = [(one.label, one.difference, one.is_worse) for one in others[:MAX_ROWS]]
    drawn = [(name, found, sure) for name, found, sure in rows if found is not None]
    closest = f", {len(rows)} closest of {len(others)}" if len(rows) < len(others) else ""
    return _intervals(drawn, first.label, f"{label} above the best{closest}")


def fairness(numbers: FairnessNumbers, evidence: StudyEvidence) -> Markup:
    """Seeds as dots, independent blocks against the least that is enough, and leakage as a bar."""
    seeds = "no training" if numbers.seeds is None else f"{numbers.seeds}"
    parts = _gauge(0, "seeds per setting", seeds)
    many = numbers.seeds or 0
    at = [12.0 + 20 * place for place in range(3)]
    parts.append(dots(at, [27.0] * 3, "seed missing"))
    parts.append(dots(at[:many], [27.0] * min(3, many), "seed few" if many < 2 else "seed"))
    fewest, most = numbers.blocks
    shown = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    parts += _gauge(1, "independent blocks", shown)
    x = Axis(0.0, max(4.0 * MIN_BLOCKS, fewest), 4, WIDTH - 4)
    few = fewest < MIN_BLOCKS
    parts += [
        box(4, 78, WIDTH - 8, 10, "track"),
        box(4, 78, x(fewest) - 4, 10, "few" if few else "enough"),
        line(x(MIN_BLOCKS), 74, x(MIN_BLOCKS), 92, "size"),
    ]
    audit = numbers.audit
    known = audit is not None and math.isfinite(audit.score.estimate)
    leaked = f"{number(100 * audit.score.estimate, 2)} %" if audit and known else "not audited"
    parts += _gauge(2, "leaked test samples", leaked)
    parts.append(box(4, 136, WIDTH - 8, 10, "track"))
    if audit and known:
        parts.append(box(4, 136, (WIDTH - 8) * min(1.0, audit.score.estimate), 10, "few"))
    return picture("Seeds, independent blocks and leakage of the test", *parts, height=HEIGHT + 20)


def _gauge(place: int, name: str, value: str) -> list[Markup]:
    y = 12 + 58 * place
    return [text(4, y, name), text(WIDTH - 4, y, value, "value", "end")]


def _intervals(rows: list[tuple[str, Interval, bool]], reference: str | None, label: str) -> Markup:
    """A dot with its interval per row; a vertical line at 0 for the reference."""
    ends = [
        end for _, one, _ in rows for end in (one.estimate, one.low, one.high) if math.isfinite(end)
    ]
    zero = [] if reference is None else [0.0]
    low, high = min([*ends, *zero]), max([*ends, *zero])
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    x = Axis(low - room, high + room, LEFT / 2, WIDTH - RIGHT)
    height = min(40.0, 115 / len(rows))
    base = HEIGHT - BOTTOM + 20
    parts = [
        line(x.start, base, x.end, base, "frame"),
        text((x.start + x.end) / 2, base + 33, label, "axis-label", "middle"),
        *(text(x(tick), base + 16, minus(f"{tick:.4g}"), "tick", "middle") for tick in x.ticks()),
    ]
    if reference is not None:
        parts += [line(x(0.0), 18, x(0.0), base, "reference")]
        parts.append(text(x(0.0) + 4, 13, f"best: {reference}"))
    for place, (name, one, sure) in enumerate(rows):
        y = 34 + height * place
        parts.append(text(WIDTH - RIGHT, y - 8, name, "tick", "end"))
        parts += _bar_interval(one, x, y)
        parts.append(dots([x(one.estimate)], [y], "model sure" if sure else "model"))
    return picture(label, *parts, height=HEIGHT + 20)


def _bar_interval(interval: Interval, x: Axis, y: float, scale: float = 1.0) -> list[Markup]:
    """The interval as a line; none if its bounds are unknown."""
    if not math.isfinite(interval.low + interval.high):
        return []
    return [line(x(max(scale * interval.low, x.low)), y, x(scale * interval.high), y, "error")]
