"""Figures of the paper: evidence in, matplotlib Figure out, one file a figure.

A study's config names its figures by their modules, so a new one is one new file.
"""

from __future__ import annotations

from typing import Protocol, cast

import polars
from matplotlib.figure import Figure

from saibench.evidence.reader import StudyEvidence
from saibench.imports.modules import part_module


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
    offered = ("title", "paper", "needs", "draw", "caption", "table")
    return cast(FigureModule, part_module("figures", name, offered))
