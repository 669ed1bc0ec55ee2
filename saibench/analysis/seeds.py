"""Intervals that cover the randomness of training, from settings trained with several seeds.

Resampling the test samples covers other test samples for these nets only. If settings were trained
several times, the variance between seeds is added to that between blocks, with the joint degrees of
freedom (Satterthwaite, Biometrics Bulletin 2, 1946). Coverage: `docs/results/statistics/seeds.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from saibench.analysis.bootstrap import LEVEL, Interval, student_t


def with_seeds(interval: Interval, settings: Sequence[Sequence[float]]) -> Interval:
    """Widen the interval of a number by the variance between seeds.

    Args:
        interval: of the mean over seeds, from resampling the test.
        settings: for each setting, the number with each of its seeds in place of the mean over
            seeds. If a setting was trained once, or there is one block, the interval stays that of
            these nets.

    Returns:
        The interval with the same skewness; its `seeds` is the fewest seeds of a setting.
    """
    fewest = min((len(values) for values in settings), default=1)
    few = fewest < 2 or interval.num_blocks < 2
    if few or math.isnan(interval.low) or not np.isfinite(np.hstack(settings)).all():
        return replace(interval, seeds=1)
    of_test = student_t(interval.num_blocks)
    of_blocks = ((interval.high - interval.low) / 2 / of_test) ** 2
    variances = [float(np.var(values, ddof=1)) / len(values) for values in settings]
    whole = of_blocks + sum(variances)
    half = _student(variances, settings, of_blocks, interval) * math.sqrt(whole)
    estimate, below, above = interval.estimate, half, half
    if of_blocks:
        wider = max(1.0, half / (of_test * math.sqrt(of_blocks)))
        below, above = wider * (estimate - interval.low), wider * (interval.high - estimate)
    return replace(interval, low=estimate - below, high=estimate + above, seeds=fewest)


def over_seeds(measure: Callable[..., Interval], *settings: Any) -> Interval:
    """`measure(*settings)` with an interval that covers their seeds.

    Args:
        measure: function of the settings to the interval of the mean over their seeds.
        settings: trained settings, dataclasses with `points` such as `Cell`.
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
    return float(special.stdtrit(freedom, (1 + LEVEL) / 2))
