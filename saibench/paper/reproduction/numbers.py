"""Numbers of a study that stand beside what the paper says where no finding decides it."""

from __future__ import annotations

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats
from saibench.analysis.event_means import mean_over_events
from saibench.analysis.force_field.window_similarity import CENTRED
from saibench.analysis.nowcasting.csi_selection import responding_events
from saibench.analysis.nowcasting.errors import HOURS, RainModel, rain_errors
from saibench.evidence.reader import StudyEvidence
from saibench.figures.force_field import (
    energy_against_force,
    force_error_by_size,
    window_similarity,
    windows,
)
from saibench.figures.jet_tagging import energy_distribution as jet_energy_distribution
from saibench.figures.nowcasting import event_csi, mean_intensity_by_lead
from saibench.findings.numbers import text
from saibench.findings.verdict import shown


def energy_of_fewest_frames(evidence: StudyEvidence) -> str:
    """Energy MAE of an atom at the smallest training set."""
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
        f"centred similarity of the narrowest windows, {listed}; steps towards the test that raise "
        f"it: {int((steps > 0).sum())} of {len(steps)}."
    ).replace("-", "−")


def relation_of_errors(evidence: StudyEvidence) -> str:
    """Spearman's ρ of energy and force error over frames, for few and for many frames."""
    numbers = energy_against_force.table(evidence)
    models = numbers["model"].unique(maintain_order=True).to_list()
    listed = "; ".join(
        f"{shown(energy_against_force.rank_correlation(numbers.filter(model=model)))} with {model}"
        for model in models
    )
    frames = numbers.height // len(models)
    return f"Spearman's ρ of the two errors is {listed}, over {frames:,} frames."


def jets_by_range(evidence: StudyEvidence) -> str:
    """How many jets each training range has."""
    numbers = jet_energy_distribution.table(evidence).filter(part="trained on")
    totals = numbers.group_by("range", maintain_order=True).agg(
        polars.sum_horizontal("top_jets", "qcd_jets").sum().alias("jets")
    )
    listed = ", ".join(f"{name}: {jets:,}" for name, jets in totals.iter_rows())
    return f"jets trained on by range, {listed}."


def responses_of_events(evidence: StudyEvidence) -> str:
    """At how many lead times single events have a CSI, by threshold."""
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
    errors, model = rain_errors(evidence), _subject(evidence)
    listed = []
    for lead in HOURS:
        along = (errors.at(model, name, lead) for name in ("displacement_x", "displacement_y"))
        x, y = (mean_over_events(values, errors.samples) for values in along)
        listed.append(f"{text(x)} and {text(y, 'km')} at {lead // 60} h")
    name, count = model.label or model.name, len(errors.events)
    return f"mean displacement of {name} along x and y: {'; '.join(listed)}; {count:,} events."


def raw_and_active(evidence: StudyEvidence) -> str:
    """Raw and active-area MAE at 1, 2 and 3 hours, of the first model."""
    errors, model = rain_errors(evidence), _subject(evidence)
    listed = []
    for name, area in (("mae", "raw"), ("active_area_mae", "active-area")):
        found = [mean_over_events(errors.at(model, name, lead), errors.samples) for lead in HOURS]
        counts = ", ".join(f"{one.count:,}" for one in found)
        values = ", ".join(text(one) for one in found)
        listed.append(f"{area} MAE {values} mm/h ({counts} events)")
    return f"{model.label or model.name}: {' and '.join(listed)}."


def growth_of_displacement(evidence: StudyEvidence) -> str:
    """Mean length of the displacement at 1, 2 and 3 hours, of the first model."""
    errors, model = rain_errors(evidence), _subject(evidence)
    listed = ", ".join(
        text(mean_over_events(errors.at(model, "displacement", lead), errors.samples))
        for lead in HOURS
    )
    return f"mean displacement of {model.label or model.name}: {listed} km at 1, 2, 3 h."


def width_of_csi(evidence: StudyEvidence) -> str:
    """Middle half of the events' CSI in the first hour, by threshold, of the first model."""
    errors, model = rain_errors(evidence), _subject(evidence)
    listed = []
    for level in errors.thresholds:
        chosen = responding_events(errors, (model,), level)
        if chosen.any():
            values = errors.at(model, f"csi_{level}", HOURS[0])[chosen]
            listed.append(f"{_middle(values, 3)} at {level} mm/h ({chosen.sum():,} events)")
    return (
        f"middle half of the CSI of {model.label or model.name} at 1 h over events that respond "
        f"at every lead time: {', '.join(listed) or 'none responds'}."
    )


def fullest_intensity(evidence: StudyEvidence) -> str:
    """Where most events' mean observed rain rate lies at 1, 2 and 3 hours."""
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
    """Middle half of the events' raw and active-area MAE at 1 hour, of the first model."""
    errors, model = rain_errors(evidence), _subject(evidence)
    listed = []
    for name, area in (("mae", "raw"), ("active_area_mae", "active-area")):
        values = errors.at(model, name, HOURS[0])
        known = int(np.isfinite(values).sum())
        listed.append(f"{area} MAE {_middle(values)} mm/h ({known:,} events)")
    return f"middle half of the events of {model.label or model.name} at 1 h: {'; '.join(listed)}."


def _middle(values: Floats, places: int = 2) -> str:
    """`0.40 to 1.32`, the quartiles of what is defined."""
    if not np.isfinite(values).any():
        return "undefined"
    low, high = np.nanquantile(values, [0.25, 0.75])
    return f"{low:.{places}f} to {high:.{places}f}"


def _subject(evidence: StudyEvidence) -> RainModel:
    """The model in question: the first that is no baseline, its first seed."""
    return rain_errors(evidence).subjects[0].first_seed()


def _of(row: dict[str, float]) -> str:
    return f"{row['estimate']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"
