"""The error of each model against the angle of release."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of, short_names, tested, why_untested
from saibench.figures.captions import partition_text
from saibench.figures.style import panels, shades, styled

title = "Error by angle of release"
paper = ""
WIDTH = 20  # degrees of a bin


def needs(evidence: StudyEvidence) -> str | None:
    return why_untested(evidence, ["angle_error", "release"])


def table(evidence: StudyEvidence) -> pl.DataFrame:
    """One row a (run, bin of release [°]): mean error [°] and number of swings."""
    points = tested(evidence)["point"].to_list()
    rows = rows_of(evidence.samples, points, evidence.held_out)
    bins = rows.with_columns(release=(pl.col("release") / WIDTH).floor() * WIDTH)
    found = bins.group_by("point", "release").agg(
        error=pl.col("angle_error").mean(), swings=pl.len()
    )
    names = short_names(evidence)
    return (
        found.with_columns(run=pl.col("point").replace(names)).sort("run", "release").drop("point")
    )


@styled
def draw(evidence: StudyEvidence) -> Figure:
    figure, axes = panels(1, 1, 3.2)
    runs = table(evidence).partition_by("run", as_dict=True, maintain_order=True)
    for ((run,), rows), colour in zip(runs.items(), shades(len(runs)), strict=True):
        axes[0, 0].plot(
            rows["release"] + WIDTH / 2, rows["error"], color=colour, marker="o", label=run
        )
    axes[0, 0].set_xlabel("angle of release [°]")
    axes[0, 0].set_ylabel("mean absolute error [°]")
    axes[0, 0].legend()
    return figure


def caption(evidence: StudyEvidence) -> str:
    return f"Mean absolute error of the angle in bins of {WIDTH}°, over {partition_text(evidence)}."
