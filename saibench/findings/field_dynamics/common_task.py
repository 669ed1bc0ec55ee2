"""Whether models score above zeros in the Common Task Framework.

Its published means are, on the Kuramoto–Sivashinsky equation, 18.32 for a reservoir, 0 for zeros
and −1.28 for an FNO (Wyder et al. 2025).
"""

from __future__ import annotations

from functools import partial

import polars

from saibench.analysis.field_dynamics.common_task import FIXED, MEAN, OFFICIAL, over_data, scores
from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import Answer, Finding, check_claim
from saibench.findings.verdict import verdict
from saibench.formatting import bracketed

ABOVE_ZEROS = "the mean of the twelve scores of the Common Task Framework is above that of zeros"


def findings(evidence: StudyEvidence) -> list[Finding]:
    """One finding per model that has all twelve scores."""
    table = scores(evidence)
    if not len(table):
        return []
    means = table.filter(polars.col("score") == MEAN)
    return [
        finding
        for (model,), own in means.group_by("model", maintain_order=True)
        if model != "zeros"
        for finding in check_claim(
            ABOVE_ZEROS, str(model).replace("_", " "), partial(_above_zeros, own), len(own)
        )
    ]


def _above_zeros(own: polars.DataFrame) -> Answer:
    """Zeros score 0 by the definition of every score but the corrected histograms."""
    official, corrected = over_data(own, OFFICIAL), over_data(own, FIXED)
    return verdict(official), (
        f"mean of the official scores {bracketed(official)}, of the corrected ones "
        f"{bracketed(corrected)}, over {len(own)} seeds with data of their own; zeros have 0."
    )
