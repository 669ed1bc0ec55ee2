"""The results of an audit in plain sentences."""

from __future__ import annotations

import math

from saibench.evidence.audit_record import Audit, Pair
from saibench.formatting import bracketed, percent

MAX_SCORE_WITHOUT_LEAK = 0.05
"""Largest score of a test without leaks; 1 % are near-duplicates by chance alone."""


def summary(audit: Audit) -> list[str]:
    """All results, one sentence each."""
    found = [score_sentence(audit), same_sentence(audit)]
    if audit.along is not None:
        found.append(time_sentence(audit))
    found.append(near_sentence(audit))
    if audit.effect is not None:
        found.append(effect_sentence(audit))
    return found


def score_sentence(audit: Audit) -> str:
    least = "At least " if audit.near_unknown else ""
    return (
        f"{least}{percent(audit.score)} of the {audit.test:,} samples of {audit.partition} have a "
        f"copy, near-duplicate or neighbour in time among the {audit.training:,} samples that the "
        f"model has seen (score {audit.score.estimate:.3f})."
    )


def same_sentence(audit: Audit) -> str:
    what = audit.part or "sample"
    count = round(audit.same.estimate * audit.test)
    if not count:
        return f"No {what} is in both test and training."
    return f"{count:,} of them ({percent(audit.same)}) contain a {what} that is also in training."


def time_sentence(audit: Audit) -> str:
    if audit.interleaved is None or audit.correlation_time is None:
        return f"Neighbours in {audit.along} were not searched for."
    if math.isinf(audit.correlation_time):
        return (
            f"The {audit.descriptor}s never decorrelate, so every test sample is within one "
            f"correlation time of training in {audit.along}."
        )
    after = (
        f"after which the correlation of the {audit.descriptor}s has fallen to 1/e"
        if audit.is_resolved
        else f"a bound, since the data do not resolve the correlation of the {audit.descriptor}s"
    )
    return (
        f"{percent(audit.interleaved)} have a training sample within one correlation time, "
        f"{audit.correlation_time:.3g} {audit.unit}".rstrip()
        + f" ({after})."
    )


def near_sentence(audit: Audit) -> str:
    if not audit.descriptor:
        return "Near-duplicates were not searched for: the workload has no descriptor of a sample."
    if audit.near is None:
        return (
            "Near-duplicates cannot be determined: fewer than 100 training samples have an "
            "independent neighbour to compare with."
        )
    ratio = ""
    if audit.ratio is not None:
        ratio = (
            f" The mean distance of a test sample to training is {bracketed(audit.ratio)} times "
            "that between independent training samples."
        )
    return (
        f"{percent(audit.near)} are near-duplicates by their {audit.descriptor}: closer to a "
        "training sample than 99 % of the training samples are to an independent one (1 % expected "
        f"by chance).{ratio}"
    )


def effect_sentence(audit: Audit) -> str:
    assert audit.effect is not None
    effect = audit.effect
    unit = f" {effect.unit}" if effect.unit else ""
    verdict = (
        "the others have a larger error"
        if effect.difference.low > 0
        else "the others have a smaller error"
        if effect.difference.high < 0
        else "the 95 % interval includes zero"
    )
    return (
        f"{effect.statistic} is {bracketed(effect.seen)}{unit} for the {effect.seen.count:,} "
        f"leaked samples and {bracketed(effect.others)}{unit} for the {effect.others.count:,} "
        f"others; the difference is {bracketed(effect.difference)}{unit} ({verdict})."
    )


def pair_lines(audit: Audit, count: int) -> list[str]:
    """The worst pairs as a text table with a header; empty if there are none."""
    pairs = audit.pairs[:count]
    if not pairs:
        return []
    head = ["test sample", "training sample", "distance", "relative"]
    timed = any(pair.gap is not None for pair in pairs)
    head += [f"gap [{audit.unit}]" if audit.unit else "gap"] if timed else []
    head += [f"same {audit.part or 'sample'}"]
    rows = [head, *(_cells(pair, timed) for pair in pairs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.rjust, row, widths)) for row in rows]


def _cells(pair: Pair, timed: bool) -> list[str]:
    relative = "–" if pair.relative is None else f"{pair.relative:.2f}"
    cells = [f"{pair.test}", f"{pair.training}", f"{pair.distance:.4g}", relative]
    cells += [("–" if pair.gap is None else f"{pair.gap:.3g}")] if timed else []
    return [*cells, f"{pair.same}"]
