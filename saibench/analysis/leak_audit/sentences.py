"""What an audit says in plain sentences."""

from __future__ import annotations

import math

from saibench.evidence.audit_record import Audit, Pair
from saibench.formatting import bracketed, percent

MAX_SCORE_WITHOUT_LEAK = 0.05
"""Score up to which a test is called free of leaks: near-duplicates are 1 % by chance alone."""


def story(audit: Audit) -> list[str]:
    """All that was found."""
    told = [score_sentence(audit), same_sentence(audit)]
    if audit.along is not None:
        told.append(time_sentence(audit))
    told.append(near_sentence(audit))
    if audit.effect is not None:
        told.append(effect_sentence(audit))
    return told


def score_sentence(audit: Audit) -> str:
    least = "at least " if audit.near_unknown else ""
    return (
        f"Training saw the like of {least}{percent(audit.score)} of the {audit.test:,} samples of "
        f"{audit.partition} (score {audit.score.estimate:.3f}), among {audit.training:,} samples "
        "that the model has seen."
    )


def same_sentence(audit: Audit) -> str:
    what = audit.part or "sample"
    count = round(audit.same.estimate * audit.test)
    if not count:
        return f"No {what} is on both sides."
    return f"{count:,} of them ({percent(audit.same)}) hold a {what} that training holds too."


def time_sentence(audit: Audit) -> str:
    if audit.interleaved is None or audit.correlation_time is None:
        return f"How they lie in {audit.along} was not asked."
    if math.isinf(audit.correlation_time):
        return (
            f"The {audit.descriptor}s never cease to correlate, so that each test sample lies "
            f"within a correlation time of training in {audit.along}."
        )
    after = (
        f"after which the correlation of the {audit.descriptor}s has fallen to 1/e"
        if audit.is_resolved
        else f"a bound, since the {audit.descriptor}s' correlation is not resolved"
    )
    return (
        f"{percent(audit.interleaved)} have a training sample within one correlation time, "
        f"{audit.correlation_time:.3g} {audit.unit}".rstrip()
        + f" ({after})."
    )


def near_sentence(audit: Audit) -> str:
    if not audit.descriptor:
        return "Near-duplicates were not looked for: the workload has no descriptor of a sample."
    if audit.near is None:
        return (
            "Near-duplicates cannot be told: fewer than 100 training samples have an independent "
            "neighbour to set the scale."
        )
    ratio = ""
    if audit.ratio is not None:
        ratio = (
            f" A test sample lies {bracketed(audit.ratio)} times as far from training as "
            "independent training samples from each other, on average."
        )
    return (
        f"{percent(audit.near)} are near-duplicates by their {audit.descriptor}: closer to a "
        "training sample than 99 % of the training samples are to an independent one, as 1 % "
        f"would be by chance.{ratio}"
    )


def effect_sentence(audit: Audit) -> str:
    assert audit.effect is not None
    effect = audit.effect
    unit = f" {effect.unit}" if effect.unit else ""
    verdict = (
        "the others err more"
        if effect.difference.low > 0
        else "the others err less"
        if effect.difference.high < 0
        else "no difference beyond doubt"
    )
    return (
        f"{effect.statistic} of the {effect.seen.count:,} that training saw the like of is "
        f"{bracketed(effect.seen)}{unit}, of the {effect.others.count:,} others "
        f"{bracketed(effect.others)}{unit}: {bracketed(effect.difference)}{unit} more, {verdict}."
    )


def pair_lines(audit: Audit, count: int) -> list[str]:
    """The worst pairs as a table in text, a header first; nothing if there are none."""
    pairs = audit.pairs[:count]
    if not pairs:
        return []
    head = ["test sample", "training sample", "distance", "of independent"]
    timed = any(pair.gap is not None for pair in pairs)
    head += [f"apart [{audit.unit}]" if audit.unit else "apart"] if timed else []
    head += [f"same {audit.part or 'sample'}"]
    rows = [head, *(_cells(pair, timed) for pair in pairs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows]  # fmt: skip


def _cells(pair: Pair, timed: bool) -> list[str]:
    relative = "–" if pair.relative is None else f"{pair.relative:.2f}"
    cells = [f"{pair.test}", f"{pair.training}", f"{pair.distance:.4g}", relative]
    cells += [("–" if pair.gap is None else f"{pair.gap:.3g}")] if timed else []
    return [*cells, f"{pair.same}"]
