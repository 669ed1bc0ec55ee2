"""Metrics of forecasts of evolving fields, over pure functions of tensors."""

from saibench.metrics.field_dynamics.by_lead import FieldErrorByLead, ValidTime

__all__ = ["FieldErrorByLead", "ValidTime"]
