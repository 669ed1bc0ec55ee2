"""Intervals that cover the training too: of settings, of which each seed gives another net.

Resampling the test says how far another test may differ, for these nets. Where settings were
trained several times, the variance between seeds is added to that between blocks, and Student's t
takes the degrees of freedom of both (Satterthwaite, Biometrics Bulletin 2, 1946): with few seeds
it is they that decide. The table of coverage is `docs/results/statistics/seeds.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from saibench.analysis.bootstrap import LEVEL, Interval


def with_seeds(interval: Interval, settings: Sequence[Sequence[float]]) -> Interval:
    """The interval of a number of settings that were trained with several seeds.

    Args:
        interval: of the mean over seeds, from resampling the test.
        settings: of each setting in the number, what the number is with each seed of it in place
            of its mean. One that was trained once leaves the interval as it is, of these nets.

    Returns:
        with the same skewness, and `seeds`, the fewest seeds of a setting.
    """
    fewest = min((len(values) for values in settings), default=1)
    if fewest < 2 or math.isnan(interval.low) or not np.isfinite(np.hstack(settings)).all():
        return replace(interval, seeds=1)
    of_test = stats.t.ppf((1 + LEVEL) / 2, interval.num_blocks - 1)
    of_blocks = ((interval.high - interval.low) / 2 / of_test) ** 2
    variances = [float(np.var(values, ddof=1)) / len(values) for values in settings]
    whole = of_blocks + sum(variances)
    if not of_blocks or not whole:
        half = _student(variances, settings, 0.0, interval) * math.sqrt(whole)
        return replace(
            interval, low=interval.estimate - half, high=interval.estimate + half, seeds=fewest
        )
    student = _student(variances, settings, of_blocks, interval)
    wider = max(1.0, student * math.sqrt(whole) / (of_test * math.sqrt(of_blocks)))
    estimate = interval.estimate
    return replace(
        interval,
        low=estimate - wider * (estimate - interval.low),
        high=estimate + wider * (interval.high - estimate),
        seeds=fewest,
    )


def over_seeds(measure: Callable[..., Interval], *settings: Any) -> Interval:
    """`measure` of settings (dataclasses with `points`, such as `Cell`), seeds and all.

    Args:
        measure: of as many settings to an interval of the mean over their seeds.
        settings: those that were trained.
    """
    whole = measure(*settings)
    if any(len(one.points) < 2 for one in settings):
        return with_seeds(whole, [[whole.estimate]])
    values = []
    for number, setting in enumerate(settings):
        of_seeds = []
        for point in setting.points:
            single = [*settings]
            single[number] = replace(setting, points=(point,))
            of_seeds.append(measure(*single).estimate)
        values.append(of_seeds)
    return with_seeds(whole, values)


def _student(
    variances: Sequence[float],
    settings: Sequence[Sequence[float]],
    of_blocks: float,
    interval: Interval,
) -> float:
    parts = [(of_blocks, interval.num_blocks - 1)]
    parts += [(own, len(values) - 1) for own, values in zip(variances, settings, strict=True)]
    squares = sum(own**2 / freedom for own, freedom in parts)
    freedom = sum(own for own, _ in parts) ** 2 / squares if squares else 1.0
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))
