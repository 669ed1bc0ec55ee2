"""The audits that a study's records keep."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.evidence.audit_record import Audit
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points, differing, setting_text, short_names

AUDIT = "audit"
"""The record's entry: partition → audit, as `Audit.to_json` gives it."""
HELD_OUT = "held_out"
"""A setting that the audited partition tells already."""


@dataclass(frozen=True)
class Audited:
    """A point's audit; `label` tells the point from the study's others."""

    point: str
    label: str
    audit: Audit


def audits_of(evidence: StudyEvidence) -> list[Audited]:
    """By point, in the order of the table of points."""
    points = compared_points(evidence)
    names = [name for name in differing(points) if name != HELD_OUT]
    short, found = short_names(evidence), []
    for row in points.iter_rows(named=True):
        label = ", ".join(setting_text(name, row[name]) for name in names) or short[row["point"]]
        kept = (evidence.records[row["point"]].get(AUDIT) or {}).values()
        found += [Audited(row["point"], label, Audit.from_json(one)) for one in kept]
    return found
