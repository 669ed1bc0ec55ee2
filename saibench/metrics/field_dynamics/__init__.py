"""Metrics of forecasts of evolving fields, over pure functions of tensors."""

from saibench.metrics.field_dynamics.by_lead import FieldErrorByLead, ValidTime
from saibench.metrics.field_dynamics.reconstruction import ReconstructionError

__all__ = ["FieldErrorByLead", "ReconstructionError", "ValidTime"]
