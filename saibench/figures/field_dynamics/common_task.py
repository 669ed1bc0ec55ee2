"""The twelve scores of the Common Task Framework of each model."""

from __future__ import annotations

import math

import numpy as np
import polars
from matplotlib.figure import Figure

from saibench.analysis.field_dynamics.common_task import (
    FIXED,
    MEAN,
    OFFICIAL,
    SCORES,
    over_data,
    scores,
    why_no_scores,
)
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.questions import BEST
from saibench.figures.style import panel_title, panels, styled
from saibench.formatting import number

title = "Scores of the Common Task Framework"
paper = ""
question = BEST

COLUMNS = [*SCORES, MEAN]


def needs(evidence: StudyEvidence) -> str | None:
    return why_no_scores(evidence)


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (kind, model, score): mean over seeds, with its interval; kind is `official`, or
    `corrected` by the relative L2 error and bins of the truth."""
    found = scores(evidence)
    rows = []
    for kind in (OFFICIAL, FIXED):
        for model in found["model"].unique(maintain_order=True):
            for name in COLUMNS:
                own = found.filter(model=model, score=name)
                if len(own):
                    mean = over_data(own, kind)
                    rows.append((kind, model, name, mean.estimate, mean.low, mean.high, len(own)))
    schema = ["kind", "model", "score", "estimate", "low", "high", "seeds"]
    return polars.DataFrame(rows, schema, orient="row")


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers = table(evidence)
    models = _ranked(numbers)
    figure, axes = panels(2, 1, 1.6 + 0.8 * len(models))
    for letter, panel, kind in zip("ab", axes[:, 0], (OFFICIAL, FIXED), strict=True):
        values = np.full((len(models), len(COLUMNS)), np.nan)
        for row, model in enumerate(models):
            for column, name in enumerate(COLUMNS):
                own = numbers.filter(kind=kind, model=model, score=name)
                if len(own):
                    values[row, column] = own["estimate"][0]
        panel.imshow(values, cmap="RdBu", vmin=-100, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            if not math.isnan(value):
                light = abs(value) > 65
                panel.text(column, row, _rounded(float(value)), ha="center",
                           va="center", color="white" if light else "black")  # fmt: skip
        panel.set_xticks(range(len(COLUMNS)), COLUMNS)
        panel.set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
        panel.grid(False)
        panel_title(panel, letter, f"{kind} scores")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The model with the highest mean of the official scores."""
    own = table(evidence).filter(kind=OFFICIAL, score=MEAN).sort("estimate", descending=True)
    if not len(own):
        return ""
    best, zeros = own.row(0, named=True), own.filter(model="zeros")["estimate"]
    return (
        f"{best['model'].replace('_', ' ')} has the highest mean of the twelve official scores, "
        f"{number(best['estimate'])}"
        + (f"; zeros have {number(abs(zeros[0]) and zeros[0])}." if len(zeros) else ".")
    )


def caption(evidence: StudyEvidence) -> str:
    most = int(table(evidence)["seeds"].to_numpy().max())
    return (
        "Scores E1 to E12 of the Common Task Framework and their mean: 100 minus the error in "
        "percent, clipped to [−100, 100]. E1 and E2: short and long forecast; E3 and "
        "E4: reconstruction and long forecast from medium noise, E5 and E6: from high noise; E7 "
        "and E8: from few rows, E9 and E10: from few noisy rows; E11 and E12: short forecast at an "
        "interpolated and an extrapolated parameter. (a) As the framework computes them; (b) with "
        "the relative L2 error for the norm, and bins of the truth. Means over up to "
        f"{most} seeds, each with its own data; their 95 % intervals are in the table."
    )


def _rounded(value: float) -> str:
    return str(round(value)).replace("-", "−")


def _ranked(numbers: polars.DataFrame) -> list[str]:
    """Models by the mean of their official scores, the best first."""
    of_kind = numbers.filter(kind=OFFICIAL)
    means = dict(of_kind.filter(score=MEAN).select("model", "estimate").iter_rows())
    names = of_kind["model"].unique(maintain_order=True).to_list()
    return sorted(names, key=lambda model: -means.get(model, -math.inf))
