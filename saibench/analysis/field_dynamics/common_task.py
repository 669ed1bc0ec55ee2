"""The twelve scores of the Common Task Framework, from evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars

from saibench.analysis.bootstrap import Interval
from saibench.analysis.seeds import with_seeds
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence

SHORT, LONG, RECONSTRUCTION = "ctf_short_error", "ctf_long_error", "reconstruction_official"
SCORES = {
    "E1": (1, SHORT), "E2": (1, LONG), "E3": (2, RECONSTRUCTION), "E4": (3, LONG),
    "E5": (4, RECONSTRUCTION), "E6": (5, LONG), "E7": (6, SHORT), "E8": (6, LONG),
    "E9": (7, SHORT), "E10": (7, LONG), "E11": (8, SHORT), "E12": (9, SHORT),
}  # fmt: skip
"""Score → its pair and error."""
CORRECTED = {
    SHORT: f"{SHORT}_l2",
    LONG: f"{LONG}_fixed_bins",
    RECONSTRUCTION: "reconstruction_l2",
}
"""Official error → the one with the relative L2 norm, or bins of the truth."""
MEAN = "mean"
LOWEST = -100.0
"""Scores are clipped here, as by the framework."""
OFFICIAL, FIXED = "official", "corrected"


@once
def scores(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (model, seed, score) that was tested: official and corrected, from −100 to 100.

    The score `MEAN` is the mean of all twelve, of the seeds that have them.
    """
    rows = []
    complete = evidence.points.filter(polars.col("state") == "complete")
    if not {"model.name", "seed"} <= set(complete.columns):
        return polars.DataFrame()
    for point, model, seed in complete.select("point", "model.name", "seed").iter_rows():
        tested = evidence.metrics.get(point, {})
        for name, (pair, error) in SCORES.items():
            found = tested.get(f"pair_{pair}", {})
            if error in found:
                official = _score(found, error)
                corrected = _score(found, CORRECTED[error] if CORRECTED[error] in found else error)
                rows.append((model, seed, name, official, corrected))
    schema = ["model", "seed", "score", OFFICIAL, FIXED]
    table = polars.DataFrame(rows, schema, orient="row")
    if not rows:
        return table
    whole = table.group_by("model", "seed", maintain_order=True).agg(
        polars.lit(MEAN).alias("score"), polars.col(OFFICIAL, FIXED).mean(), polars.len().alias("n")
    )
    return polars.concat([table, whole.filter(polars.col("n") == len(SCORES)).drop("n")])


def over_data(scores: polars.DataFrame, column: str) -> Interval:
    """Mean over the seeds of one model's score, with Student's interval.

    Every seed has its own data, noise and initial weights.
    """
    values = scores[column].to_numpy()
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(np.nan, mean, np.nan, len(values), len(values))
    return with_seeds(Interval(mean, mean, mean, len(values), len(values)), [list(values)])


def why_no_scores(evidence: StudyEvidence) -> str | None:
    """Why there are no scores of the framework, else None."""
    return None if len(scores(evidence)) else "No run was tested on pairs of the framework."


def _score(found: Mapping[str, Any], error: str) -> float:
    value = found[error]["value"]
    score = LOWEST if value is None else 100.0 - float(value)
    return float(np.clip(score, LOWEST, 100.0))
