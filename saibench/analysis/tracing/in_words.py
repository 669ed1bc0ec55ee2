"""Results whose quantities have names in words, for sentences."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from saibench.analysis.tracing.records import Component
from saibench.analysis.trusted_range.records import Quantity
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled

Record = TypeVar("Record")


def in_words(record: Record, evidence: StudyEvidence) -> Record:
    """The same result; `force_mae` is named `force MAE` in it."""
    found: Record = _mapped(record, evidence)
    return found


def _mapped(node: Any, evidence: StudyEvidence) -> Any:
    if isinstance(node, Quantity):
        return replace(node, name=titled(node.name, evidence))
    if is_dataclass(node) and not isinstance(node, type):
        parts = {part.name: getattr(node, part.name) for part in fields(node)}
        if isinstance(node, Component):
            parts["of"] = titled(node.of, evidence)
        return replace(node, **{name: _mapped(part, evidence) for name, part in parts.items()})
    if isinstance(node, tuple) and any(map(is_dataclass, node)):
        return tuple(_mapped(one, evidence) for one in node)
    return node
