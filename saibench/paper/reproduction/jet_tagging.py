"""Numbers of a jet tagging study, for comparison with the paper (§5)."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.figures.jet_tagging import energy_distribution


def jets_by_range(evidence: StudyEvidence) -> str:
    """Number of training jets of each range."""
    numbers = energy_distribution.table(evidence).filter(part="trained on")
    totals = numbers.group_by("range", maintain_order=True).agg(
        polars.sum_horizontal("top_jets", "qcd_jets").sum().alias("jets")
    )
    listed = ", ".join(f"{name}: {jets:,}" for name, jets in totals.iter_rows())
    return f"training jets by range, {listed}."
