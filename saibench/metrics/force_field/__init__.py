"""Metrics of force fields: errors of energies, of the forces on atoms, and of the stress."""

from saibench.metrics.force_field.classes import (
    EnergyError,
    PerAtomEnergyError,
    PerAtomForceError,
    StressError,
)

__all__ = ["EnergyError", "PerAtomEnergyError", "PerAtomForceError", "StressError"]
