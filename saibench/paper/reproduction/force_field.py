"""Numbers of a force field study, for comparison with the paper (§4)."""

from __future__ import annotations

import numpy as np
import polars

from saibench.analysis.force_field.window_similarity import CENTRED
from saibench.evidence.reader import StudyEvidence
from saibench.figures.force_field import (
    energy_against_force,
    force_error_by_size,
    window_similarity,
    windows,
)
from saibench.formatting import short

BIASED = "energy_error is biased in stretches of time (§4.3, fig. 5)"
"""The claim of `saibench.findings.tracing` on the bias of energies."""


def energy_of_fewest_frames(evidence: StudyEvidence) -> str:
    """Energy MAE per atom with the smallest training set."""
    of_energy = polars.col("statistic") == force_error_by_size.ENERGY
    rows = force_error_by_size.table(evidence).filter(of_energy, polars.col("point").is_null())
    row = rows.sort("train_count").row(0, named=True)
    trained, tested = (f"{row[name]:,}" for name in ("train_count", "samples"))
    return f"{_of(row)} meV/atom, trained on {trained} frames and tested on {tested}."


def best_and_worst_window(evidence: StudyEvidence) -> str:
    """Force MAE of the best and the worst training window."""
    rows = windows.table(evidence).filter(polars.col("point").is_null())
    first = rows["variant"][0]
    of_first = rows.filter(polars.col("variant") == first).sort("estimate")
    best, worst = of_first.row(0, named=True), of_first.row(-1, named=True)
    return (
        f"the best of {of_first.height} windows is {best['window']} with a force MAE of "
        f"{_of(best)} meV/Å, the worst {worst['window']} with {_of(worst)} meV/Å, over "
        f"{best['samples']:,} frames{f' ({first})' if first else ''}."
    )


def similarity_by_start(evidence: StudyEvidence) -> str:
    """Centred SOAP similarity to the test of the narrowest windows, by their start."""
    name = CENTRED
    rows = window_similarity.table(evidence).sort("window_start")
    widths = (rows["window_end"] - rows["window_start"]).round(6)
    narrow = rows.filter(widths == widths.min())
    listed = ", ".join(
        f"{row['window']}: {row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"
        for row in narrow.iter_rows(named=True)
    )
    steps = np.diff(narrow[name].to_numpy())
    return (
        f"centred similarity of the narrowest windows, {listed}; steps towards the test that "
        f"increase it: {int((steps > 0).sum())} of {len(steps)}."
    ).replace("-", "−")


def relation_of_errors(evidence: StudyEvidence) -> str:
    """Spearman's ρ between energy and force error, for few and for many training frames."""
    numbers = energy_against_force.table(evidence)
    models = numbers["model"].unique(maintain_order=True).to_list()
    listed = "; ".join(
        f"{short(energy_against_force.rank_correlation(numbers.filter(model=model)))} with {model}"
        for model in models
    )
    frames = numbers.height // len(models)
    return f"Spearman's ρ between the two errors is {listed}, over {frames:,} frames."


def _of(row: dict[str, float]) -> str:
    return f"{row['estimate']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"
