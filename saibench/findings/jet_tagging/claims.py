"""The paper's claims on jet tagging (§5), tested on a study's evidence.

Each finding has numbers with their intervals from resampling jets, and a verdict. Claims compare
runs that differ only in the setting in question; seeds are averaged.
"""

from __future__ import annotations

from functools import partial

from saibench.analysis.jet_tagging.energy_decay import range_text, traced_cell, training_ranges
from saibench.analysis.jet_tagging.tested_jets import tested_jets, why_no_jets
from saibench.analysis.single_class import single_class
from saibench.analysis.trusted_range.of_evidence import point_label
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested
from saibench.findings.finding import CONTRADICTED, Finding, findings_of
from saibench.findings.jet_tagging.energy import of_energies
from saibench.findings.jet_tagging.rotation import of_rotation
from saibench.findings.jet_tagging.size import of_features, of_sizes
from saibench.findings.jet_tagging.tracing import of_tracing


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings that this study's runs can test, in the paper's order."""
    if why_no_jets(evidence) is not None:
        return []
    parts = {
        "training sizes": of_sizes,
        "inputs": of_features,
        "rotation": of_rotation,
        "energies": of_energies,
        "error tracing": _traced,
    }
    return _of_single_class(evidence) + [
        finding
        for name, part in parts.items()
        for finding in findings_of(name, partial(part, evidence))
    ]


def _of_single_class(evidence: StudyEvidence) -> list[Finding]:
    """A finding for each run that predicts one class for all jets."""
    partition = evidence.held_out
    of_one_class = {point: single_class(evidence, point, partition) for point in evidence.metrics}
    return [
        Finding("the model separates the classes", CONTRADICTED, text, point_label(evidence, point))
        for point, text in of_one_class.items()
        if text is not None
    ]


def _traced(evidence: StudyEvidence) -> list[Finding]:
    """The findings on the model trained on the two lowest bins, if runs have energy ranges."""
    if not training_ranges(tested(evidence)):
        return []
    cell = traced_cell(evidence)
    return of_tracing(tested_jets(evidence, [cell]), cell, f"trained on {range_text(cell)}")
