"""The audits that a study's records keep."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.evidence.reader import StudyEvidence
from saibench.interpretation.leak_audit.records import Audit
from saibench.interpretation.trusted_range.of_evidence import point_label

AUDIT = "audit"
"""The record's entry: partition → audit, as `Audit.to_json` gives it."""


@dataclass(frozen=True)
class Audited:
    """A point's audit; `label` tells the point from the study's others."""

    point: str
    label: str
    audit: Audit


def audits_of(evidence: StudyEvidence) -> list[Audited]:
    """By point, in the order of the table of points."""
    found = []
    for point in evidence.points["point"]:
        record = evidence.records[point]
        label = record.get("slug") or point
        if len(evidence.records) > 1 and point in evidence.metrics:
            label = point_label(evidence, point)
        kept = (record.get(AUDIT) or {}).values()
        found += [Audited(point, label, Audit.from_json(one)) for one in kept]
    return found
