"""Errors in each tenth of a trajectory, by distance from the training window."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.estimates import estimate_mean
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    WINDOW,
    Cell,
    Variant,
    rows_of,
    test_start,
    tested,
    variants,
    why_untested,
)
from saibench.figures.captions import ends, first_of, row_text
from saibench.figures.force_field.species import FORCE_MAE
from saibench.figures.questions import TRUST
from saibench.figures.style import (
    PALETTE,
    TEST_REGION,
    draw_intervals,
    from_zero,
    legend_below,
    panel_title,
    panels,
    styled,
)

title = "Errors by time frame slices"
paper = ""
question = TRUST

SLICES = 10
MAX_VARIANTS = 3
SEEN = "seen_in_training"


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["force_mae", "time"])
    if untested:
        return untested
    if "window" not in tested(evidence).columns:
        return "It takes runs with training windows."
    if _whole(evidence) is None:
        return (
            f"No test partition begins before {evidence.held_out}. "
            "Use test=[last_tenth,whole_trajectory]."
        )
    return None


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, window, slice): force MAE [meV/Å] of its frames outside training."""
    partition = _whole(evidence)
    assert partition is not None
    sliced = _sliced(evidence, partition)
    rows = []
    for variant in _variants(evidence):
        for cell in variant.cells:
            of_cell = rows_of(sliced, cell.points, partition).filter(~polars.col(SEEN))
            for number in of_cell["slice"].unique().sort():
                found = estimate_mean(of_cell.filter(slice=number), "force_mae").interval
                rows.append(
                    {"variant": variant.label, **cell.shared, "unit": "meV/Å"}
                    | {"slice_start": number / SLICES, "slice_end": (number + 1) / SLICES}
                    | {"estimate": found.estimate, "low": found.low, "high": found.high}
                    | {"blocks": found.num_blocks, "samples": found.count}
                )
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, drawn = table(evidence), _variants(evidence)[:MAX_VARIANTS]
    figure, axes = panels(len(drawn), 1, 0.6 + 3.2 * len(drawn), sharex=True)
    for letter, variant, panel in zip("abc", drawn, axes[:, 0], strict=False):
        of_variant = numbers.filter(polars.col("variant") == variant.label)
        panel.axvspan(100 * test_start(evidence), 100, color=TEST_REGION, linewidth=0)
        for position, cell in enumerate(variant.cells):
            shift = 1.2 * (position - (len(variant.cells) - 1) / 2)
            _draw_window(panel, of_variant, cell, PALETTE[position % len(PALETTE)], shift)
        from_zero(panel)
        _draw_trained(panel, variant)
        panel_title(panel, letter, "force MAE of frames outside training", variant.label)
        panel.set_ylabel("force MAE [meV/Å]")
    axes[-1, 0].set_xlabel("position in the trajectory [%]")
    axes[-1, 0].set_xlim(0, 100)
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The slices with the smallest and the largest force error of the first run."""
    numbers = table(evidence)
    settings = ["variant", *_variants(evidence)[0].cells[0].shared]
    first = numbers.row(0, named=True)
    own = numbers.join(numbers.head(1), on=settings, how="semi", nulls_equal=True)
    low, high = (
        f"{row_text(row, 'meV/Å')} in {100 * row['slice_start']:.0f}–{100 * row['slice_end']:.0f} %"
        for row in ends(own, "estimate")
    )
    window = f" with window {first['window']}" if first.get("window") else ""
    return f"Force MAE{window} is smallest, {low} of the trajectory, and largest, {high}."


def caption(evidence: StudyEvidence) -> str:
    partition, counts = _whole(evidence), table(evidence)["samples"].to_list()
    frames = f"{min(counts):,} to {max(counts):,} frames"
    return (
        f"Force MAE [meV/Å], {FORCE_MAE}, in each tenth of {partition}, over frames outside the "
        f"training set ({frames} per slice). Thick lines at the bottom: training windows; shaded: "
        "the held-out test. Error bars: 95 % intervals from resampling blocks of time."
        f"{first_of(MAX_VARIANTS, len(_variants(evidence)))}"
    )


def _variants(evidence: StudyEvidence) -> list[Variant]:
    return variants(tested(evidence), ["window"], by=[*WINDOW, "window"])


def _whole(evidence: StudyEvidence) -> str | None:
    """The largest partition that begins before the held-out one."""
    begins = (
        evidence.samples.drop_nulls("time")
        .group_by("partition")
        .agg(polars.col("time").min(), polars.col("sample_id").n_unique().alias("frames"))
    )
    held_out = begins.filter(partition=evidence.held_out)["time"].item()
    longer = begins.filter(polars.col("time") < held_out).sort("frames", "partition")
    return longer["partition"][-1] if longer.height else None


def _sliced(evidence: StudyEvidence, partition: str) -> polars.DataFrame:
    """The partition's rows with column `slice`: the tenth of its frames in order of time."""
    rows = evidence.samples.filter(partition=partition)
    frames = rows.select("sample_id", "time").unique().sort("time", "sample_id")
    tenth = np.arange(frames.height) * SLICES // frames.height
    return rows.join(
        frames.select("sample_id", polars.Series("slice", tenth)), on="sample_id", how="left"
    )


def _draw_window(
    axes: Axes, numbers: polars.DataFrame, cell: Cell, colour: str, shift: float
) -> None:
    of_cell = numbers.filter(window=cell.shared["window"]).sort("slice_start")
    x = 50 * (of_cell["slice_start"] + of_cell["slice_end"]) + shift
    label = f"trained on {cell.shared['window']}"
    draw_intervals(
        axes, x, of_cell, color=colour, fmt="o-", capsize=2.5, linewidth=1.2, label=label
    )


def _draw_trained(axes: Axes, variant: Variant) -> None:
    """Draw training windows as thick lines below zero."""
    top = axes.get_ylim()[1]
    for position, cell in enumerate(variant.cells):
        start, end = (100 * cell.shared[bound] for bound in WINDOW)
        height = -0.035 * top * (position + 1)
        colour = PALETTE[position % len(PALETTE)]
        axes.plot([start, end], [height, height], color=colour, linewidth=4, solid_capstyle="butt")
    axes.set_ylim(-0.035 * top * (len(variant.cells) + 1), top)
