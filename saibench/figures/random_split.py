"""Errors of one net with a random split and a split in time, with audit scores."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.leak_audit.random_split import (
    RANDOM,
    SplitStudy,
    TestedSplit,
    split_studies,
)
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.captions import first_of
from saibench.figures.questions import FAIR
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    error_bars,
    panel_title,
    panels,
    quantity_label,
    styled,
)
from saibench.formatting import by_width, capitalized, joined

title = "What a random split hides"
paper = "Section 4"
question = FAIR

MAX_ROWS = 3
COLOURS = {RANDOM: PALETTE[1]}
IN_TIME, BETWEEN = PALETTE[0], PALETTE[5]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        return None if split_studies(evidence) else "No run was tested."
    except UserError as error:
        return str(error)


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, split, partition): error and score with their intervals."""
    rows = []
    for study in split_studies(evidence):
        for one in study.tested:
            error, score = one.error, one.audit.score if one.audit else None
            row: dict[str, object] = {"variant": study.label, "split": one.split}
            row |= {"partition": one.partition, "error": error.estimate, "low": error.low}
            row |= {"high": error.high, "samples": error.count, "blocks": error.num_blocks}
            for name in ("estimate", "low", "high"):
                row[f"score_{name}"] = None if score is None else getattr(score, name)
            rows.append(row)
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    studies = split_studies(evidence)[:MAX_ROWS]
    figure, axes = panels(len(studies), 2, 0.4 + 2.4 * len(studies), width_ratios=(3, 2))
    letters = iter("abcdef")
    for (errors, scores), study in zip(axes, studies, strict=True):
        _draw_errors(errors, study)
        errors.set_xlabel(quantity_label(study.statistic, evidence))
        _draw_scores(scores, study)
        panel_title(errors, next(letters), "error on the test", study.label)
        panel_title(scores, next(letters), "leaked test samples")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The error of each split of the first variant."""
    study = split_studies(evidence)[0]
    name, unit = titled(study.statistic.title, evidence), study.statistic.unit
    found = [f"{by_width(one.error, unit)} with the {one.label}" for one in study.tested]
    return f"{capitalized(name)} is {joined(found)}."


def caption(evidence: StudyEvidence) -> str:
    studies = split_studies(evidence)
    first = studies[0]
    counts = ", ".join(f"{one.error.count:,} of {one.partition}" for one in first.tested)
    unaudited = [one for study in studies for one in study.tested if one.audit is None]
    text = (
        f"Left: {quantity_label(first.statistic, evidence)}, "
        f"{first.statistic.describe}, of the same net trained on equally many samples, with a "
        "random split and a split in time; lighter bar: the net with the split in time, tested on "
        "samples between its training samples. Right: the audit score, the fraction of leaked test "
        f"samples. Error bars: 95 % intervals from resampling blocks of each test ({counts} "
        "samples)."
    )
    if unaudited:
        text += " Without a score: not audited. Use `python -m saibench audit`."
    return text + first_of(MAX_ROWS, len(studies))


def _draw_errors(axes: Axes, study: SplitStudy) -> None:
    values = np.array([(o.error.estimate, o.error.low, o.error.high) for o in study.tested])
    _bars(axes, study, values, "{:.1f}")
    axes.set_xlim(0, 1.2 * np.nanmax(values))
    axes.set_yticks(range(len(study.tested)), [one.label for one in study.tested])


def _draw_scores(axes: Axes, study: SplitStudy) -> None:
    values = np.array([_score(one) for one in study.tested])
    _bars(axes, study, values, "{:.2f}")
    for position, one in enumerate(study.tested):
        if one.audit is None:
            axes.text(0.02, position, "not audited", va="center", color=MUTED, fontsize=9)
    axes.set_xlabel("leak audit score")
    axes.set_xlim(0, 1.18)
    axes.set_yticks(range(len(study.tested)), [""] * len(study.tested))


def _score(one: TestedSplit) -> tuple[float, float, float]:
    if one.audit is None:
        return np.nan, np.nan, np.nan
    return one.audit.score.estimate, one.audit.score.low, one.audit.score.high


def _bars(axes: Axes, study: SplitStudy, values: np.ndarray, digits: str) -> None:
    places = range(len(study.tested))
    colours = [
        COLOURS.get(one.split, IN_TIME if one.is_held_out else BETWEEN) for one in study.tested
    ]
    estimate, low, high = values.T
    axes.barh(places, estimate, color=colours, height=0.6, alpha=0.9)
    axes.errorbar(
        estimate, places, xerr=error_bars(estimate, low, high), fmt="none", ecolor=INK, capsize=3
    )
    reach = np.nanmax(values) if np.isfinite(values).any() else 1.0
    for place, value, end in zip(places, estimate, high, strict=True):
        if np.isfinite(value):
            at = np.nanmax([value, end]) + 0.02 * reach
            axes.text(at, place, digits.format(value), va="center", fontsize=9)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
