"""Repeated predictions of an event by a stochastic net (paper §6.5, fig. 20)."""

from __future__ import annotations

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.errors import event_rows
from saibench.evidence.reader import StudyEvidence
from saibench.metrics.nowcasting.functional.formulas import FENCE, beyond_fences

BY_DRAW = "by_draw"
MIN_DRAWS = 8


def why_no_draws(evidence: StudyEvidence) -> str | None:
    """Why the evidence has too few predictions per event; None if it has enough."""
    if BY_DRAW not in evidence.sources or evidence.table(BY_DRAW)["mae"].is_null().all():
        return "The evidence has no repeated predictions. Use a partition with RepeatedDraws."
    if repeated_draws(evidence)["number"].n_unique() < MIN_DRAWS:
        return f"The evidence has fewer than {MIN_DRAWS} draws per event, too few for a spread."
    return None


def repeated_draws(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per event, lead and draw, in that order, from the first run that has draws.

    Columns: sample_id, lead [min], number (of the draw), mae [mm/h], displacement [km].
    """
    table = evidence.table(BY_DRAW).filter(polars.col("mae").is_not_null())
    of_first = [polars.col(name) == table[name][0] for name in ("point", "partition")]
    return table.filter(*of_first).sort("sample_id", "lead", "number").fill_nan(None)


def drawn_events(evidence: StudyEvidence, lead: int) -> polars.DataFrame:
    """One row per event drawn at this lead time, with its block columns."""
    return event_rows(repeated_draws(evidence).filter(lead=lead))


def spread(evidence: StudyEvidence, statistic: str) -> polars.DataFrame:
    """One row per event and lead: the spread of the statistic over the draws that define it.

    `outlier_draws` lists the numbers of the `outliers`: `3, 17`.
    """
    value = polars.col(statistic)
    return (
        repeated_draws(evidence)
        .with_columns(value.cast(polars.Float64))
        .group_by("sample_id", "lead", maintain_order=True)
        .agg(
            draws=value.count(),
            mean=value.mean(),
            std=value.std(),
            lowest=value.min(),
            highest=value.max(),
            outliers=value.map_batches(
                lambda draws: outliers(draws.drop_nulls().to_numpy()).sum(),
                return_dtype=polars.Int64,
                returns_scalar=True,
            ),
            outlier_draws=polars.struct("number", statistic).map_batches(
                _named_outliers, return_dtype=polars.String, returns_scalar=True
            ),
        )
    )


def _named_outliers(draws: polars.Series) -> str:
    number, values = draws.struct.unnest().drop_nulls()
    return ", ".join(map(str, number.filter(outliers(values.to_numpy()))))


def outliers(values: Floats, fence: float = FENCE) -> NDArray[np.bool_]:
    """Mask of the draws `(D,)` more than `fence` interquartile ranges outside the quartiles."""
    if not len(values):
        return np.zeros(0, dtype=bool)
    first, third = np.quantile(values, [0.25, 0.75])
    far: NDArray[np.bool_] = beyond_fences(values, first, third, fence)
    return far
