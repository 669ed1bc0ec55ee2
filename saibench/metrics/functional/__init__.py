"""The pure core of the metrics: tensors in, tensors out, no state."""

from saibench.metrics.functional.force_field import (
    by_species,
    energy_error,
    force_component_error,
    force_norm_error,
    per_atom_energy_error,
    per_atom_force_error,
)

__all__ = [
    "by_species",
    "energy_error",
    "force_component_error",
    "force_norm_error",
    "per_atom_energy_error",
    "per_atom_force_error",
]
