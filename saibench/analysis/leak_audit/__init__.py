"""Leak audit: what training has seen of a test, in time, in similarity, and outright."""

from __future__ import annotations

from saibench.analysis.leak_audit.audit import Seen, Split, look
from saibench.evidence.audit_record import Audit

__all__ = ["Audit", "Seen", "Split", "look"]
