"""Figures as SVG, PNG and CSV in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.figures.style import save_images


@dataclass(frozen=True)
class Written:
    """A figure in its files, or why there is none.

    Args:
        stem: path without its suffix; None where it is not drawn.
        caption: what it shows.
        reason: why it is not drawn.
    """

    stem: Path | None
    caption: str = ""
    reason: str = ""


def write_figure(evidence: StudyEvidence, module: str, folder: Path, name: str) -> Written:
    """Draw a figure to `<folder>/<name>.svg`, `.png` and `.csv`.

    Raises:
        UserError: the folder cannot be written.
    """
    figure = figure_module(module)
    reason = figure.needs(evidence)
    if reason is not None:
        return Written(None, reason=reason)
    drawn, caption = figure.draw(evidence), figure.caption(evidence)
    stem = folder / name
    try:
        save_images(drawn, stem)
        figure.table(evidence).write_csv(stem.with_suffix(".csv"))
    except OSError as error:
        raise UserError(f"{folder} cannot take the figure: {error}.") from error
    return Written(stem, caption)
