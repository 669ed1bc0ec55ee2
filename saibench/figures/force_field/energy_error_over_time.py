"""The energy error over the test, for two training windows and two training set sizes."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import why_untested
from saibench.figures.captions import partition_text
from saibench.figures.force_field.pairs import Model, Pair, few_and_many, narrow_and_wide
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, PALETTE, panel_title, panels, styled
from saibench.formatting import minus

title = "Energy error over time"
paper = "Figure 5"
question = DRIVERS


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["energy_error", "time"])
    if untested or _pairs(evidence):
        return untested
    return "It takes two windows with equal settings, or two training set sizes from one window."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (frame, model): time [ps] and signed energy error [meV]."""
    return polars.concat(
        model.samples(evidence).select(
            polars.lit(effect).alias("effect"),
            polars.lit(model.label).alias("model"),
            "point",
            "sample_id",
            "time",
            "energy_error",
        )
        for effect, pair in _pairs(evidence)
        for model in pair
    )


@styled
def draw(evidence: StudyEvidence) -> Figure:
    pairs = _pairs(evidence)
    figure, axes = panels(len(pairs), 1, 0.4 + 2.7 * len(pairs), sharex=True, sharey=True)
    for letter, (effect, pair), panel in zip("ab", pairs, axes[:, 0], strict=False):
        panel.axhline(0, color=INK, linewidth=0.8)
        for model, colour in zip(pair, PALETTE, strict=False):
            _draw_errors(panel, model.samples(evidence), model, colour)
        panel_title(panel, letter, f"{effect}, {pair.shared}" if pair.shared else effect)
        panel.set_ylabel("energy error [meV]")
        panel.legend(ncols=2, loc="upper right")
        panel.margins(x=0.01, y=0.18)
    axes[-1, 0].set_xlabel("time in the trajectory [ps]")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """Mean absolute energy error and bias of the two models of the first pair."""
    _, pair = _pairs(evidence)[0]
    errors = [model.samples(evidence)["energy_error"].to_numpy() for model in pair]
    first, second = (
        f"{np.abs(own).mean():.1f} meV with {model.label} (mean error {own.mean():+.1f})"
        for own, model in zip(errors, pair, strict=True)
    )
    return minus(f"The mean absolute energy error is {first} and {second}.")


def caption(evidence: StudyEvidence) -> str:
    pairs = " ".join(
        f"({letter}) {effect.capitalize()}: {pair.first.label} against {pair.second.label}."
        for letter, (effect, pair) in zip("ab", _pairs(evidence), strict=False)
    )
    return (
        "Error of the total energy of a frame, predicted minus reference [meV], not divided by the "
        f"number of atoms, over {partition_text(evidence)}; one line per model, one seed "
        f"each. {pairs} The legend gives the mean absolute error and the mean (bias)."
    )


def _pairs(evidence: StudyEvidence) -> list[tuple[str, Pair]]:
    options = [
        ("effect of the training window", narrow_and_wide(evidence)),
        ("effect of the training set's size", few_and_many(evidence)),
    ]
    return [(effect, pair) for effect, pair in options if pair is not None]


def _draw_errors(axes: Axes, samples: polars.DataFrame, model: Model, colour: str) -> None:
    errors = samples["energy_error"].drop_nulls().drop_nans().to_numpy()
    if not errors.size:
        raise UserError(f"energy_error is undefined for all samples of {model.label}.")
    mae, bias = np.abs(errors).mean(), errors.mean()
    text = f"{model.label} (MAE {mae:.1f}, bias {bias:+.1f} meV)".replace("-", "−")
    x, y = samples["time"], samples["energy_error"]
    axes.plot(x, y, color=colour, linewidth=0.9, alpha=0.85, label=text)
