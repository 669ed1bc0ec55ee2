"""Trusted ranges as a JSON document, for programs that read `trust --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from saibench.analysis.trusted_range.details import detail_sentences
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.files.bounded_json import finite

FORMAT = "saibench trusted ranges"
VERSION = 1


def ranges_document(evidence: StudyEvidence, found: Sequence[Found]) -> dict[str, Any]:
    """The ranges of a study; undefined numbers are None."""
    return _document(study=evidence.study, ranges=[_range(one, evidence) for one in found])


def loaded_document(
    trusted: TrustedRange,
    tolerance: float | None,
    checked: Mapping[str, float] | None,
    sentences: Sequence[str],
) -> dict[str, Any]:
    """A saved range, and its answer for one sample if one is given."""
    content = {**_fit(trusted), "tolerance": tolerance, "sentences": list(sentences)}
    if tolerance is not None:
        content["trusted"] = asdict(trusted.trusted(tolerance))
    if checked is not None:
        check = trusted.check(checked)
        upper, inside = float(check.upper[0]), bool(check.inside[0])
        content["check"] = {
            "features": dict(checked),
            "expected": float(check.expected[0]),
            "bound": upper,
            "inside": inside,
            "trusted": None if tolerance is None else inside and upper <= tolerance,
        }
    return _document(study=trusted.source.study, ranges=[content])


def _document(**content: Any) -> dict[str, Any]:
    about = {"format": FORMAT, "version": VERSION, "saibench": version("saibench")}
    found = finite(_plain({**about, **content}))
    assert isinstance(found, dict)
    return found


def _range(found: Found, evidence: StudyEvidence) -> dict[str, Any]:
    if found.trusted is None or found.samples is None:
        return {"label": found.label, "refused": found.refused}
    trusted, validation = found.trusted, found.validation
    content: dict[str, Any] = {"label": found.label, "refused": None, **_fit(trusted, evidence)}
    if trusted.tolerance is not None:
        content["trusted"] = asdict(trusted.trusted())
        assert found.share_trusted is not None
        content["share_trusted"] = asdict(found.share_trusted)
    content["raw_blocks"] = found.samples.raw_blocks
    content["estimated_blocks"] = found.samples.estimated_blocks
    content["skipped"] = found.samples.skipped
    content["validation"] = None if validation is None else asdict(validation)
    content["shifts"] = [asdict(one) for one in found.shifts]
    content["unvalidated"] = found.unvalidated or None
    content["sentences"] = detail_sentences(found, evidence)
    return content


def _fit(trusted: TrustedRange, evidence: StudyEvidence | None = None) -> dict[str, Any]:
    return {
        "runs": trusted.source.points,
        "partitions": trusted.source.partitions,
        "statistic": _quantity(trusted.statistic, evidence),
        "features": [_quantity(one, evidence) for one in trusted.features],
        "chosen": trusted.chosen,
        "error_model": trusted.model.kind,
        "best_feature": trusted.best.features[0].name,
        "competition": None if trusted.competition is None else asdict(trusted.competition),
        "coverage": trusted.coverage,
        "tolerance": trusted.tolerance,
        "low": trusted.low,
        "high": trusted.high,
        "mean_bound": trusted.mean_bound,
        "unconditional_bound": trusted.unconditional_bound,
        "counts": asdict(trusted.counts),
    }


def _quantity(quantity: Quantity, evidence: StudyEvidence | None) -> dict[str, Any]:
    return {**asdict(quantity), "title": titled(quantity.title, evidence)}


def _plain(node: Any) -> Any:
    """Arrays and NumPy's numbers as builtins."""
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    return node.tolist() if hasattr(node, "tolist") else node
