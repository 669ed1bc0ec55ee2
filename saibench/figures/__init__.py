"""Figures of the paper: evidence in, matplotlib Figure out, one file a figure.

A study's config names its figures by their modules, so a new one is one new file.
"""

from __future__ import annotations

from typing import Protocol, cast

import polars
from matplotlib.figure import Figure

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.imports.modules import named_module, nearest_module


class FigureModule(Protocol):
    """What a module must offer to be drawn in a report.

    One that also has `single_point = True` is for reports of a point that stands alone.
    """

    title: str
    paper: str
    """The figure of the paper that it reproduces (`Figure 3`), or empty."""

    def needs(self, evidence: StudyEvidence) -> str | None:
        """None if it can be drawn, else one sentence that says what is missing."""

    def draw(self, evidence: StudyEvidence) -> Figure:
        """The figure; `needs` has returned None."""

    def caption(self, evidence: StudyEvidence) -> str:
        """What is shown: unit, normalisation, count, partition and error bars.

        Further lines say what was found, one of what is drawn a line.
        """

    def table(self, evidence: StudyEvidence) -> polars.DataFrame:
        """The numbers that are drawn."""


def figure_module(name: str) -> FigureModule:
    """The figure of a dotted module name.

    Raises:
        UserError: there is no such module, it is not to be imported, or it is not a figure.
    """
    try:
        module = named_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise  # the figure is there, and something that it imports is not
        near = nearest_module(name)
        works = (
            f"did you mean '{near}'?"
            if near
            else "saibench.figures.force_field.windows would work."
        )
        raise UserError(f"figures: there is no module '{name}': {works}") from error
    offered = ("title", "paper", "needs", "draw", "caption", "table")
    missing = [part for part in offered if not hasattr(module, part)]
    if missing:
        raise UserError(f"figures: module '{name}' is no figure: it has no {', '.join(missing)}.")
    return cast(FigureModule, module)
