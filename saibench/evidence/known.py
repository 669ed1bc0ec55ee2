"""What older evidence and records do not say of themselves: it is known by name.

Whether a column is known before the truth is, since only then can a bound follow it in use
(`Field.known`), whether its values are 0 or 1 (`Field.binary`), which settings say what was trained
on, and what a model is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars

from saibench.evidence.schema import AFTER, BEFORE, Field
from saibench.settings import TrainingNames, WindowNames

if TYPE_CHECKING:
    from saibench.evidence.reader import StudyEvidence

TRAINING = TrainingNames(
    sizes=["subset.count", "subset.fraction"],
    window=WindowNames(start="window.start", size="window.size", limit="training.limit"),
)
"""The settings of what was trained on, of records that do not name them."""
WINDOW_END = 0.9
"""Where a window without a size ends in records that do not say it."""

_AFTER = {"label", "target_trend", "true_speed", "true_source", "true_source_size"}
"""Features of evidence from saibench 0.1 that need the truth."""
_BEFORE = {
    *("seen_in_training", "time", "soap_distance", "soap_similarity", "soap_similarity_window"),
    *("soap_similarity_centred", "soap_similarity_window_centred"),
    *("split", "jet_energy", "jet_pt", "jet_eta", "jet_mass", "num_constituents"),
    *("energy_deviation", "mean_intensity", "max_intensity", "wet_fraction", "observed_trend"),
    "observed_displacement",
}
"""Its other features."""
_OF_PREDICTION = {"score", "logit", "score_range", "predicted_rate"}
"""Its statistics of the prediction alone."""
_BINARY = ("correct", "responds_")
"""Beginnings of its statistics that are 0 or 1."""

_LISTED = {"abbreviations": ["csi"], "not_exported": ["by_atom"]}
"""What records of 0.1 do not list of their report, by the key of a workload's card."""


def listed(records: Iterable[Mapping[str, Any]], part: str) -> list[str]:
    """The names that records list under `part`, each once; of older records those of 0.1."""
    names = (name for record in records for name in record.get(part, _LISTED[part]) or ())
    return list(dict.fromkeys(names))


def with_known(field: Field) -> Field:
    """The field with what is known of it, where it does not say so itself.

    A statistic compares a prediction with the truth, an axis and a setting are known before; a
    feature that no rule names stays undeclared.
    """
    if field.known:
        return field
    if field.role == "statistic":
        return replace(field, known=BEFORE if field.name in _OF_PREDICTION else AFTER)
    if field.role == "feature" and field.name not in _BEFORE:
        return replace(field, known=AFTER) if field.name in _AFTER else field
    return replace(field, known=BEFORE)


def is_binary(field: Field) -> bool:
    """Whether the values are 0 or 1, so that their mean is a share."""
    if field.binary is not None:
        return field.binary
    return field.role == "statistic" and field.name.startswith(_BINARY)


def known_system(evidence: StudyEvidence, point: str) -> str:
    """What a model of saibench 0.1 is of, whose data name no system: its atoms' formula, or "".

    The formula is in Hill's order: carbon, hydrogen, then alphabetically.
    """
    columns = {field.name for field in evidence.fields("by_species")}
    if not {"species", "num_atoms"} <= columns:
        return ""
    rows = evidence.table("by_species").filter(polars.col("point") == point)
    counts = dict(rows.select("species", "num_atoms").unique().sort("species").iter_rows())
    first = [one for one in ("C", "H") if one in counts and "C" in counts]
    order = [*first, *(one for one in counts if one not in first)]
    return "".join(f"{one}{counts[one] if counts[one] != 1 else ''}" for one in order)
