"""Numbers of a tagger's study, for comparison with what the paper reports (§5)."""

from __future__ import annotations

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.figures.jet_tagging import energy_distribution


def jets_by_range(evidence: StudyEvidence) -> str:
    """How many jets each training range has."""
    numbers = energy_distribution.table(evidence).filter(part="trained on")
    totals = numbers.group_by("range", maintain_order=True).agg(
        polars.sum_horizontal("top_jets", "qcd_jets").sum().alias("jets")
    )
    listed = ", ".join(f"{name}: {jets:,}" for name, jets in totals.iter_rows())
    return f"jets trained on by range, {listed}."
