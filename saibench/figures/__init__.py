"""Figures of the paper: from evidence to a matplotlib Figure, one file per figure.

A study's config lists figures by their module names, so a new figure is one new file.
"""

from __future__ import annotations

from typing import Protocol, cast

import polars
from matplotlib.figure import Figure

from saibench.evidence.reader import StudyEvidence
from saibench.imports.modules import part_module


class FigureModule(Protocol):
    """The interface of a module that a report can draw.

    With `single_point = True`, the figure is drawn only in reports of a single run. `question`, one
    of `saibench.figures.questions`, is its section of the page; without it, the last one.
    `reading(evidence)` is one sentence on what the figure says; without it, or if it is empty, the
    page shows the first sentence of the caption.
    """

    title: str
    paper: str
    """The figure of the paper that this one reproduces (`Figure 3`), or empty."""

    def needs(self, evidence: StudyEvidence) -> str | None:
        """None if the figure can be drawn, else a sentence on what is missing."""

    def draw(self, evidence: StudyEvidence) -> Figure:
        """The figure; call only if `needs` returns None."""

    def caption(self, evidence: StudyEvidence) -> str:
        """The quantities with unit and normalisation, count, partition and error bars.

        Further lines report results, one line per drawn model or partition.
        """

    def table(self, evidence: StudyEvidence) -> polars.DataFrame:
        """The numbers in the figure."""


def figure_module(name: str) -> FigureModule:
    """The figure of a dotted module name.

    Raises:
        UserError: there is no such module, it may not be imported, or it is not a figure.
    """
    required = ("title", "paper", "needs", "draw", "caption", "table")
    return cast(FigureModule, part_module("figures", name, required))
