"""Metrics of force fields: errors of energies and of the forces on atoms."""

from saibench.metrics.force_field.classes import EnergyError, PerAtomEnergyError, PerAtomForceError

__all__ = ["EnergyError", "PerAtomEnergyError", "PerAtomForceError"]
