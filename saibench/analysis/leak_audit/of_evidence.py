"""The audits in a study's records."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.evidence.audit_record import Audit
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points, differing, setting_text, short_names

AUDIT = "audit"
"""Entry of a run's record: partition → `Audit.to_json`."""
HELD_OUT = "held_out"
"""A setting that the name of the audited partition repeats."""


@dataclass(frozen=True)
class Audited:
    """A run's audit; `label` distinguishes the run from the study's others."""

    point: str
    label: str
    audit: Audit


def audits_of(evidence: StudyEvidence) -> list[Audited]:
    """Audits by run, in the order of the table of points."""
    points = compared_points(evidence)
    names = [name for name in differing(points) if name != HELD_OUT]
    short, found = short_names(evidence), []
    for row in points.iter_rows(named=True):
        label = ", ".join(setting_text(name, row[name]) for name in names) or short[row["point"]]
        kept = (evidence.records[row["point"]].get(AUDIT) or {}).values()
        found += [Audited(row["point"], label, Audit.from_json(one)) for one in kept]
    return found
