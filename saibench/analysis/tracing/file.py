"""Writes traces to a JSON file, with all numbers, and ids of the first samples of each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from saibench.analysis.tracing.config import TraceConfig
from saibench.analysis.tracing.in_words import in_words
from saibench.analysis.tracing.records import PointTrace
from saibench.analysis.tracing.sentences import point_sentences
from saibench.evidence.reader import StudyEvidence
from saibench.files.bounded_json import finite, save_json
from saibench.files.integrity import sealed

FORMAT = "saibench error trace"
VERSION = 1


def write_traces(
    evidence: StudyEvidence, traces: Sequence[PointTrace], config: TraceConfig, path: Path
) -> Path:
    """Write the file atomically, with a digest of its content.

    Raises:
        UserError: the file cannot be written.
    """
    return save_json(path, sealed(traces_document(evidence, traces, config)))


def traces_document(
    evidence: StudyEvidence, traces: Sequence[PointTrace], config: TraceConfig
) -> dict[str, Any]:
    """All numbers with units, and the sentences; undefined numbers are None."""
    of_traces = [evidence.records[trace.point].get("data") for trace in traces]
    document = finite(
        {
            "format": FORMAT,
            "version": VERSION,
            "saibench": version("saibench"),
            "study": evidence.study,
            "data": sorted({str((data or {}).get("hash") or "") for data in of_traces}),
            "level": config.level,
            "points": [
                {
                    **asdict(trace),
                    "sentences": point_sentences(in_words(trace, evidence), config.level),
                }
                for trace in traces
            ],
        }
    )
    assert isinstance(document, dict)
    return document
