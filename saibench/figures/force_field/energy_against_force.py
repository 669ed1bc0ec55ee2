"""Correlation of energy and force errors of a frame, for two training set sizes."""

from __future__ import annotations

import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.rank_correlation import spearman
from saibench.evidence.independence import MARKS
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import why_untested
from saibench.figures.captions import partition_text, shared_text
from saibench.figures.force_field.pairs import Model, Pair, few_and_many
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, PALETTE, from_zero, panel_title, panels, styled
from saibench.formatting import fixed, joined

title = "Energy error against force error"
paper = "Figure 6"
question = DRIVERS

AXES = ["force_mae", "energy_error_absolute"]
NUM_GROUPS = 10


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["energy_error", "force_mae", "time"])
    if untested or few_and_many(evidence):
        return untested
    return "It takes two training set sizes from the same window."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (frame, model): force MAE [meV/Å] and absolute energy error [meV]."""
    return polars.concat(
        _errors(evidence, model)
        .drop(MARKS, strict=False)
        .with_columns(model=polars.lit(model.label))
        for model in _pair(evidence)
    )


@styled
def draw(evidence: StudyEvidence) -> Figure:
    pair = _pair(evidence)
    figure, axes = panels(1, 2, 3.9, sharex=True, sharey=True)
    for letter, model, colour, panel in zip("ab", pair, PALETTE, axes[0], strict=False):
        errors = _errors(evidence, model)
        _draw_errors(panel, errors, colour)
        rho = rank_correlation(errors)
        panel_title(panel, letter, f"{model.label}, ρ = {fixed(rho)}")
        panel.set_xlabel("force MAE of the frame [meV/Å]")
    axes[0, 0].set_xlim(left=0)
    from_zero(axes[0, 0])
    axes[0, 0].set_ylabel("|energy error| of the frame [meV]")
    axes[0, -1].legend(loc="upper right")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """How the two errors of a frame correlate."""
    of_models = [
        f"ρ = {fixed(rank_correlation(_errors(evidence, model)))} with {model.label}"
        for model in _pair(evidence)
    ]
    return f"Rank correlation of a frame's force and energy error: {joined(of_models)}."


def caption(evidence: StudyEvidence) -> str:
    pair = _pair(evidence)
    return (
        "One dot per frame: absolute error of its total energy [meV], not divided by the number of "
        "atoms, against its force MAE [meV/Å, mean absolute error of a force component], over "
        f"{partition_text(evidence)}; trained on {pair.first.label} (a) and "
        f"{pair.second.label} (b), one seed each.{shared_text(pair.shared)} Line: means of "
        f"{NUM_GROUPS} groups of equally many frames by force MAE. ρ is Spearman's rank "
        "correlation with its 95 % interval from resampling blocks of the test."
    )


def rank_correlation(errors: polars.DataFrame) -> Interval:
    """Spearman's ρ of the two errors over frames, with its interval by blocks of time."""
    columns = errors.select(AXES).to_numpy()
    blocks = blocks_of(errors, columns)
    return block_bootstrap(columns, blocks, spearman, num_resamples=1000).within(-1, 1)


def _pair(evidence: StudyEvidence) -> Pair:
    pair = few_and_many(evidence)
    assert pair is not None  # checked by `needs`
    return pair


def _errors(evidence: StudyEvidence, model: Model) -> polars.DataFrame:
    energy = polars.col("energy_error").abs().alias("energy_error_absolute")
    samples = model.samples(evidence)
    kept = ["point", "sample_id", "time", *block_columns(samples), "force_mae"]
    return samples.select(*kept, energy)


def _draw_errors(axes: Axes, errors: polars.DataFrame, colour: str) -> None:
    x, y = (errors[name] for name in AXES)
    axes.scatter(x, y, s=9, color=colour, alpha=0.35, linewidths=0, rasterized=True)
    rank = (polars.col("force_mae").rank("ordinal") - 1) * NUM_GROUPS // polars.len()
    groups = errors.group_by(group=rank).agg(polars.col(AXES).mean()).sort("group")
    x, y = (groups[name] for name in AXES)
    label = "mean of a tenth of the frames"
    axes.plot(x, y, color=INK, marker="o", markersize=4, linewidth=1.4, label=label)
