"""The files of a guarded run."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from saibench.errors import UserError
from saibench.figures.style import save_images


def write_run(folder: Path, run: pl.DataFrame, figure: Figure) -> Path:
    """Write `dynamics.csv`, `dynamics.svg` and `dynamics.png`; returns the folder.

    Raises:
        UserError: they cannot be written.
    """
    try:
        save_images(figure, folder / "dynamics")
        run.write_csv(folder / "dynamics.csv", float_precision=6)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}.") from error
    return folder
