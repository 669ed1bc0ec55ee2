"""Numbers of a nowcasting study, for comparison with the paper (§6)."""

from __future__ import annotations

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.csi_selection import responding_events
from saibench.analysis.nowcasting.errors import HOURS, RainErrors, RainModel, rain_errors
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting import event_csi, mean_intensity_by_lead
from saibench.formatting import fixed

AREAS = {"mae": "raw", "active_area_mae": "active-area"}


def responses_of_events(evidence: StudyEvidence) -> str:
    """Number of lead times with a CSI of single events, by threshold."""
    numbers = event_csi.table(evidence)
    counted = numbers.group_by("response", "sample_id", "threshold", maintain_order=True).agg(
        polars.col("csi").is_not_null().sum().alias("defined"), polars.len().alias("leads")
    )
    events = [
        f"event {rows['sample_id'][0]} "
        + ", ".join(
            f"{row['defined']} of {row['leads']} at {row['threshold']:g} mm/h"
            for row in rows.iter_rows(named=True)
        )
        for rows in counted.partition_by("sample_id", maintain_order=True)
    ]
    return f"lead times with a CSI: {'; '.join(events)}."


def mean_direction(evidence: StudyEvidence) -> str:
    """Mean displacement along x and y at 1, 2 and 3 hours, of the first model."""
    errors, model, name = _subject(evidence)
    listed = []
    for lead in HOURS:
        along = (errors.at(model, column, lead) for column in ("displacement_x", "displacement_y"))
        x, y = (mean_over_events(values, errors.samples) for values in along)
        listed.append(f"{fixed(x)} and {fixed(y, unit='km')} at {lead // 60} h")
    count = len(errors.events)
    return f"mean displacement of {name} along x and y: {'; '.join(listed)}; {count:,} events."


def raw_and_active(evidence: StudyEvidence) -> str:
    """Raw and active-area MAE at 1, 2 and 3 hours, of the first model."""
    errors, model, name = _subject(evidence)
    listed = []
    for column, area in AREAS.items():
        found = [mean_over_events(errors.at(model, column, lead), errors.samples) for lead in HOURS]
        counts = ", ".join(f"{one.count:,}" for one in found)
        values = ", ".join(fixed(one) for one in found)
        listed.append(f"{area} MAE {values} mm/h ({counts} events)")
    return f"{name}: {' and '.join(listed)}."


def growth_of_displacement(evidence: StudyEvidence) -> str:
    """Mean δr at 1, 2 and 3 hours, of the first model."""
    errors, model, name = _subject(evidence)
    listed = ", ".join(
        fixed(mean_over_events(errors.at(model, "displacement", lead), errors.samples))
        for lead in HOURS
    )
    return f"mean displacement of {name}: {listed} km at 1, 2, 3 h."


def width_of_csi(evidence: StudyEvidence) -> str:
    """Quartiles of the events' CSI at 1 hour, by threshold, of the first model."""
    errors, model, name = _subject(evidence)
    listed = []
    for level in errors.thresholds:
        chosen = responding_events(errors, (model,), level)
        if chosen.any():
            values = errors.at(model, f"csi_{level}", HOURS[0])[chosen]
            listed.append(f"{_quartiles(values, 3)} at {level} mm/h ({chosen.sum():,} events)")
    return (
        f"quartiles of the CSI of {name} at 1 h over events that respond at "
        f"every lead time: {', '.join(listed) or 'no event responds'}."
    )


def fullest_intensity(evidence: StudyEvidence) -> str:
    """The fullest bin of the events' mean observed rain rate at 1, 2 and 3 hours."""
    rows = mean_intensity_by_lead.table(evidence)
    fullest = [
        of_lead.sort("events", descending=True, maintain_order=True).row(0, named=True)
        for of_lead in rows.partition_by("lead", maintain_order=True)
    ]
    listed = ", ".join(
        f"{row['from']:.2g} to {row['to']:.2g} mm/h at {row['lead'] // 60} h ({row['events']:,})"
        if row["to"] is not None
        else f"above {row['from']:.2g} mm/h at {row['lead'] // 60} h ({row['events']:,})"
        for row in fullest
    )
    events = rows.filter(lead=HOURS[0])["events"].sum()
    return f"fullest bin of the mean observed rain rate: {listed}, of {events:,} events."


def spread_of_errors(evidence: StudyEvidence) -> str:
    """Quartiles of the events' raw and active-area MAE at 1 hour, of the first model."""
    errors, model, name = _subject(evidence)
    listed = []
    for column, area in AREAS.items():
        values = errors.at(model, column, HOURS[0])
        known = int(np.isfinite(values).sum())
        listed.append(f"{area} MAE {_quartiles(values)} mm/h ({known:,} events)")
    return f"quartiles over the events of {name} at 1 h: {'; '.join(listed)}."


def _quartiles(values: Floats, places: int = 2) -> str:
    """`0.40 to 1.32`, the quartiles of the defined values."""
    if not np.isfinite(values).any():
        return "undefined"
    low, high = np.nanquantile(values, [0.25, 0.75])
    return f"{low:.{places}f} to {high:.{places}f}"


def _subject(evidence: StudyEvidence) -> tuple[RainErrors, RainModel, str]:
    """The errors, the first seed of the first model that is no baseline, and its name."""
    errors = rain_errors(evidence)
    model = errors.subjects[0].first_seed()
    return errors, model, model.label or model.name
