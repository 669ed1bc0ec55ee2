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

OF_ZEROS = "_of_zeros"
ABOVE_ZEROS = "the mean of the twelve scores of the Common Task Framework is above that of zeros"


def findings(evidence: StudyEvidence) -> list[Finding]:
    """One finding per model that has all twelve scores, on data that zeros were tested on too."""
    table = scores(evidence)
    if not len(table):
        return []
    means = table.filter(polars.col("score") == MEAN)
    zeros = means.filter(model="zeros").select("seed", OFFICIAL, FIXED)
    paired = means.filter(polars.col("model") != "zeros").join(zeros, on="seed", suffix=OF_ZEROS)
    return [
        finding
        for (model,), own in paired.group_by("model", maintain_order=True)
        for finding in check_claim(
            ABOVE_ZEROS, str(model).replace("_", " "), partial(_above_zeros, own), len(own)
        )
    ]


def _above_zeros(own: polars.DataFrame) -> Answer:
    """By the differences on the same data: zeros score 0 but by histograms, which they miss."""
    official, corrected = (
        over_data(own.select((polars.col(kind) - polars.col(kind + OF_ZEROS)).alias(kind)), kind)
        for kind in (OFFICIAL, FIXED)
    )
    return verdict(official), (
        f"mean of the official scores {bracketed(over_data(own, OFFICIAL))}, "
        f"{bracketed(official)} above that of zeros; by the corrected scores "
        f"{bracketed(over_data(own, FIXED))} and {bracketed(corrected)}, over {len(own)} seeds "
        "with data of their own."
    )
