"""Errors of a study's nowcasting models on the same events, by event and lead time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.blocks import block_columns
from saibench.analysis.bootstrap import Floats
from saibench.analysis.tested_models import TestedModel, tested_models
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence

BY_LEAD = "by_lead"
HOURS = (60, 120, 180)
"""Lead times of the paper's comparisons: 1, 2 and 3 hours, in minutes."""
MIN_EVENTS = 20
"""Events that a claim needs: intervals of fewer miss too often."""

PERSISTENCE = "persistence"
BASELINES = (PERSISTENCE, "extrapolation", "steps")
"""Names of the models that others are compared with."""


class RainModel(TestedModel):
    """A nowcasting model of a study: runs that differ only in their seed."""

    @property
    def is_baseline(self) -> bool:
        return self.name in BASELINES


@dataclass(frozen=True, eq=False)
class RainErrors:
    """The errors of a study's models on one test partition, the same events for all.

    Args:
        partition: its name.
        describe: its description.
        models: those under study, then baselines, persistence last.
        rows: `by_lead` of the partition, sorted by point, sample_id and lead.
    """

    partition: str
    describe: str
    models: tuple[RainModel, ...]
    rows: polars.DataFrame

    @cached_property
    def _tables(self) -> dict[str, polars.DataFrame]:
        groups = self.rows.partition_by("point", as_dict=True, maintain_order=True)
        return {str(key[0]): table for key, table in groups.items()}

    @cached_property
    def events(self) -> NDArray[np.int64]:
        """`(E,)` sample_id, ascending."""
        return self.rows["sample_id"].unique().sort().to_numpy()

    @cached_property
    def samples(self) -> polars.DataFrame:
        """One row per event, in the order of `events`: id and block columns of the first model."""
        return event_rows(self._tables[self.models[0].points[0]])

    def among(self, chosen: NDArray[np.bool_]) -> polars.DataFrame:
        """The rows of `samples` of the chosen events `(E,)`."""
        return self.samples.filter(polars.Series(chosen))

    @cached_property
    def leads(self) -> NDArray[np.int64]:
        """`(L,)` lead times in minutes, ascending."""
        return self.rows["lead"].unique().sort().to_numpy()

    @property
    def thresholds(self) -> list[str]:
        """Rain rates of the critical success index in mm/h, ascending, as in the columns' names."""
        found = [name.removeprefix("csi_") for name in self.rows.columns if name.startswith("csi_")]
        return sorted(found, key=float)

    @property
    def subjects(self) -> tuple[RainModel, ...]:
        """The models under study; all models if there are only baselines."""
        return tuple(model for model in self.models if not model.is_baseline) or self.models

    @property
    def persistence(self) -> RainModel | None:
        """The persistence baseline, if the study has it."""
        return next((model for model in self.models if model.name == PERSISTENCE), None)

    def has(self, model: RainModel, statistic: str) -> bool:
        """Whether the evidence has this statistic of the model."""
        if statistic not in self.rows.columns:
            return False
        return any(not self._tables[point][statistic].is_null().all() for point in model.points)

    def values(self, model: RainModel, statistic: str) -> Floats:
        """`(E, L)` means over the model's seeds; NaN where no seed defines the statistic."""
        shape = len(self.events), len(self.leads)
        of_seeds = np.stack(
            [
                self._tables[point][statistic]
                .cast(polars.Float64)
                .fill_null(np.nan)
                .to_numpy()
                .reshape(shape)
                for point in model.points
            ]
        )
        return mean_of_defined(of_seeds, axis=0)

    @cached_property
    def hours(self) -> tuple[int, ...]:
        """The available lead times nearest to 1, 2 and 3 hours, in minutes."""
        return leads_at_hours(self.leads)

    def lead_at(self, minutes: int) -> int:
        """The lead time nearest to this one, in minutes (see `nearest_lead`).

        Raises:
            UserError: there is none.
        """
        lead = nearest_lead(self.leads, minutes)
        if lead is None:
            raise UserError(_no_lead(self.leads, minutes))
        return lead

    def position_of(self, lead: int) -> int:
        """The position in `leads` of the lead time nearest to this one, in minutes."""
        return int(np.searchsorted(self.leads, self.lead_at(lead)))

    def at(self, model: RainModel, statistic: str, lead: int) -> Floats:
        """`(E,)` values at the lead time nearest to this one, in minutes."""
        return self.values(model, statistic)[:, self.position_of(lead)]


def mean_of_defined(values: Floats, axis: int = 1) -> Floats:
    """Means along an axis, by default the lead times of `(E, L)`; NaN where all values are NaN."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0.0).sum(axis=axis) / defined.sum(axis=axis)


def nearest_lead(leads: ArrayLike, minutes: int) -> int | None:
    """The nearest of these lead times in minutes; None if it is over half a frame away.

    >>> nearest_lead(range(7, 141, 7), 60), nearest_lead(range(7, 141, 7), 180)
    (63, None)
    """
    known = np.unique(np.asarray(leads))
    if not len(known):
        return None
    step = float(np.diff(known, prepend=0).min())
    lead = int(known[np.argmin(np.abs(known - minutes))])
    return lead if abs(lead - minutes) <= step / 2 else None


def leads_at_hours(leads: ArrayLike) -> tuple[int, ...]:
    """The lead times nearest to 1, 2 and 3 hours, as far as the data reach."""
    found = (nearest_lead(leads, hour) for hour in HOURS)
    return tuple(lead for lead in found if lead is not None)


def hours(minutes: int) -> str:
    """A lead time as the paper writes it, `1 h`; `63 min` if it is no half hour."""
    return f"{minutes} min" if minutes % 30 else f"{minutes / 60:g} h"


def hours_listed(leads: Sequence[int]) -> str:
    """`1, 2, 3 h`; `63, 119 min` if one is no half hour."""
    if any(lead % 30 for lead in leads):
        return f"{', '.join(map(str, leads))} min"
    return f"{', '.join(f'{lead / 60:g}' for lead in leads)} h"


def _no_lead(leads: ArrayLike, minutes: int) -> str:
    known = np.asarray(leads)
    return (
        f"No lead time is within half a frame of {minutes} minutes. Valid values: "
        f"{known.min():,} to {known.max():,} minutes."
    )


def event_rows(rows: polars.DataFrame) -> polars.DataFrame:
    """One row per event of one run's rows along an axis, ascending by id, with block columns."""
    kept = rows.select("sample_id", *block_columns(rows))
    return kept.unique("sample_id", keep="first").sort("sample_id")


def rain_partitions(evidence: StudyEvidence) -> list[str]:
    """The partitions with errors by lead time, in the order of testing."""
    table = evidence.table(BY_LEAD)
    scored = set(table["partition"].unique()) if "partition" in table.columns else set()
    tested = dict.fromkeys(name for metrics in evidence.metrics.values() for name in metrics)
    return [name for name in tested if name in scored]


def why_no_rain(
    evidence: StudyEvidence,
    statistics: Iterable[str],
    partition: str | None = None,
    leads: Sequence[int] = (),
) -> str | None:
    """Why the evidence lacks these statistics, or all of these lead times in minutes; else None."""
    partitions = rain_partitions(evidence)
    if not partitions:
        return "No run has errors by lead time."
    partition = partition or partitions[0]
    if partition not in partitions:
        return f"No run was tested on the partition {partition}."
    rows = _rows(evidence, partition)
    if len({_tested_on(evidence, point, partition) for point in rows["point"].unique()}) > 1:
        return f"The runs were not tested on the same events of {partition}. Compare one data set."
    for name in statistics:
        if name not in rows.columns or rows[name].is_null().all():
            return f"The frames of {partition} have no {name}."
    return why_no_lead(rows["lead"], leads) if leads else None


def why_no_lead(known: ArrayLike, minutes: Sequence[int]) -> str | None:
    """Why none of these lead times in minutes is available; None if one is."""
    if any(nearest_lead(known, lead) is not None for lead in minutes):
        return None
    return _no_lead(known, minutes[0])


def rain_errors(evidence: StudyEvidence, partition: str | None = None) -> RainErrors:
    """The errors on `partition`, by default the first; `why_no_rain` must have returned None."""
    partition = partition or rain_partitions(evidence)[0]
    rows = _rows(evidence, partition)
    points = evidence.points.filter(polars.col("point").is_in(rows["point"].unique().to_list()))
    recorded = evidence.records[points["point"][0]].get("partitions") or {}
    describe = str((recorded.get(partition) or {}).get("describe") or "")
    return RainErrors(partition, describe, tuple(rain_models(points)), rows)


def rain_models(points: polars.DataFrame) -> list[RainModel]:
    """Groups the points into models, those under study before the baselines."""
    models = [
        RainModel(**{**vars(one), "trains": one.trains and one.name not in BASELINES})
        for one in tested_models(points)
    ]
    return sorted(models, key=lambda model: (model.is_baseline, model.name == PERSISTENCE))


def _rows(evidence: StudyEvidence, partition: str) -> polars.DataFrame:
    table = evidence.table(BY_LEAD)
    return table.filter(polars.col("partition") == partition).sort("point", "sample_id", "lead")


def _tested_on(evidence: StudyEvidence, point: str, partition: str) -> tuple[str | None, ...]:
    """Hashes of the data set and of the partition."""
    record = evidence.records[point]
    chosen = (record.get("partitions") or {}).get(partition) or {}
    return (record.get("data") or {}).get("hash"), chosen.get("hash")
