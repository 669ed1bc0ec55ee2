"""Figures as SVG, PNG and CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures.style import save_images
from saibench.report.drawn import draw_figure


@dataclass(frozen=True)
class Written:
    """A figure in its files, or the reason why it was not drawn.

    Args:
        stem: path without suffix; None if the figure was not drawn.
        caption: of the figure.
        reason: why the figure was not drawn.
        label: names the figure in messages.
        error: the exception, if a defect of the program is the reason.
    """

    stem: Path | None
    caption: str = ""
    reason: str = ""
    label: str = ""
    error: Exception | None = None


def write_figure(evidence: StudyEvidence, module: str, folder: Path, name: str) -> Written:
    """Draw a figure to `<folder>/<name>.svg`, `.png` and `.csv`.

    Raises:
        UserError: the folder cannot be written.
    """
    drawn = draw_figure(evidence, module)
    if drawn.figure is None:
        return Written(None, reason=drawn.reason, label=drawn.label, error=drawn.error)
    stem = folder / name
    try:
        save_images(drawn.figure, stem)
        stem.with_suffix(".csv").write_bytes(drawn.csv)
    except OSError as error:
        raise UserError(f"The figure cannot be written to {folder}: {error}.") from error
    return Written(stem, drawn.caption, label=drawn.label)
