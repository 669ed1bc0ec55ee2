"""Metadata that evidence and records of saibench 0.1 lack, by the names of their columns.

Whether a column is known before the truth (`Field.known`), as a bound in use requires; whether its
values are 0 or 1 (`Field.binary`); its name in words (`Field.title`); at which of its values
samples resemble the training partition (`Field.training`); which settings select training data; and
the modelled system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import polars

from saibench.evidence.schema import AFTER, BEFORE, HIGH, LOW, Field
from saibench.settings import TrainingNames, WindowNames

if TYPE_CHECKING:
    from saibench.evidence.reader import StudyEvidence

TrainingSide = Literal["", "low", "high"]
"""Values of a feature at which samples resemble the training partition; empty if neither."""
TRAINING = TrainingNames(
    sizes=["subset.count", "subset.fraction"],
    window=WindowNames(start="window.start", size="window.size", limit="training.limit"),
)
"""Names of the settings that select training data, for records without them."""
WINDOW_END = 0.9
"""End of a window without a size, for records without a limit."""

_AFTER = {"label", "target_trend", "true_speed", "true_source", "true_source_size"}
"""Features that are known only with the truth."""
_BEFORE = {
    *("seen_in_training", "time", "soap_distance", "soap_similarity", "soap_similarity_window"),
    *("soap_similarity_centred", "soap_similarity_window_centred"),
    *("split", "jet_energy", "jet_pt", "jet_eta", "jet_mass", "num_constituents"),
    *("energy_deviation", "mean_intensity", "max_intensity", "wet_fraction", "observed_trend"),
    "observed_displacement",
}
"""Features that are known before the truth."""
_OF_PREDICTION = {
    "score",
    "logit",
    "least_confidence",
    "score_range",
    "predicted_rate",
    "mass_balance",
}
"""Statistics of the prediction alone."""
_BINARY = ("correct", "responds_")
"""Prefixes of statistics that are 0 or 1."""
TITLES = {
    "soap_similarity": "SOAP similarity to training",
    "soap_similarity_window": "SOAP similarity to the training window",
    "soap_similarity_centred": "centred SOAP similarity to training",
    "soap_similarity_window_centred": "centred SOAP similarity to the training window",
    "soap_distance": "SOAP distance to training",
    "soap_distance_atom": "SOAP distance of the atoms to training",
    "soap_distance_atom_max": "largest SOAP distance of an atom to training",
    "latent_distance": "latent distance to training",
    "latent_distance_max": "largest latent distance to training",
    "latent_mahalanobis": "latent Mahalanobis distance to training",
    "latent_mahalanobis_max": "largest latent Mahalanobis distance to training",
    "llpr_std": "relative uncertainty of the last layer",
    "committee_std": "disagreement of the committee",
    "force_error_norm": "norm of the force error",
    "jet_pt": "transverse momentum",
    "jet_eta": "pseudorapidity",
    "num_constituents": "number of constituents",
    "kinematic_distance": "kinematic distance to training",
    "observed_distance": "distance of the observed rain to training",
    "mass_balance": "relative change of the rain total",
    "energy_deviation": "distance of the energy to training",
    "logit": "log-odds",
    "score_error": "probability of the wrong class",
    "mean_intensity": "mean rain rate observed",
    "max_intensity": "largest rain rate observed",
    "wet_fraction": "share of pixels with rain",
}
"""Names in words of columns whose own words do not suffice."""

_DISTANCES = {
    *("soap_distance", "soap_distance_atom", "soap_distance_atom_max"),
    *("latent_distance", "latent_distance_max", "latent_mahalanobis", "latent_mahalanobis_max"),
    *("kinematic_distance", "observed_distance", "energy_deviation", "llpr_std", "committee_std"),
}
"""Features that are small for samples that resemble the training partition."""
_SIMILARITIES = {
    *("soap_similarity", "soap_similarity_window"),
    *("soap_similarity_centred", "soap_similarity_window_centred"),
}
"""Features that are large for such samples."""

_LISTED = {"abbreviations": ["csi"], "not_exported": ["by_atom"]}
"""Defaults by the key of a workload's card."""


def listed(records: Iterable[Mapping[str, Any]], part: str) -> list[str]:
    """The names that records list under `part`, each once; a default for records of 0.1."""
    names = (name for record in records for name in record.get(part, _LISTED[part]) or ())
    return list(dict.fromkeys(names))


def with_known(field: Field) -> Field:
    """The field with `known` filled in, if it is undeclared.

    Statistics need the truth, except those of the prediction alone; keys and settings are known
    before. Other features stay undeclared.
    """
    if field.known:
        return field
    if field.role == "statistic":
        return replace(field, known=BEFORE if field.name in _OF_PREDICTION else AFTER)
    if field.role == "feature" and field.name not in _BEFORE:
        return replace(field, known=AFTER) if field.name in _AFTER else field
    return replace(field, known=BEFORE)


def training_side(field: Field) -> TrainingSide:
    """The declared side of a feature, or that of a column of an older version by its name."""
    name = "" if field.training else field.name
    if field.training == LOW or name in _DISTANCES:
        return LOW
    return HIGH if field.training == HIGH or name in _SIMILARITIES else ""


def is_of_model(field: Field) -> bool:
    """Whether the column is a statistic that needs no truth: a feature of the model, no error."""
    return field.role == "statistic" and with_known(field).known == BEFORE


def is_binary(field: Field) -> bool:
    """Whether the values are 0 or 1, so that their mean is a proportion."""
    if field.binary is not None:
        return field.binary
    return field.role == "statistic" and field.name.startswith(_BINARY)


def known_system(evidence: StudyEvidence, point: str) -> str:
    """The chemical formula, from the table by species, of a run of 0.1; "" without that table."""
    columns = {field.name for field in evidence.fields("by_species")}
    if not {"species", "num_atoms"} <= columns:
        return ""
    rows = evidence.table("by_species").filter(polars.col("point") == point)
    counts = dict(rows.select("species", "num_atoms").unique().sort("species").iter_rows())
    hill_order = {"C": 0, "H": 1} if "C" in counts else {}  # the others alphabetically
    order = sorted(counts, key=lambda one: hill_order.get(one, 2))
    return "".join(f"{one}{counts[one] if counts[one] != 1 else ''}" for one in order)
