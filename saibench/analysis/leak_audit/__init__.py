"""Leak audit: copies, near-duplicates and neighbours in time of test samples in training."""

from __future__ import annotations

from saibench.analysis.leak_audit.audit import Leaks, Split, find_leaks
from saibench.evidence.audit_record import Audit

__all__ = ["Audit", "Leaks", "Split", "find_leaks"]
