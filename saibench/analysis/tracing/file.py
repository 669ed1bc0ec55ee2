"""Traces as a JSON file: every number, and the ids of all samples behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from saibench.analysis.tracing.asked import Asked
from saibench.analysis.tracing.records import PointTrace
from saibench.analysis.tracing.sentences import point_sentences
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.files.atomic import written_whole
from saibench.files.integrity import sealed

FORMAT = "saibench error trace"
VERSION = 1


def write_traces(
    evidence: StudyEvidence, traces: Sequence[PointTrace], asked: Asked, path: Path
) -> Path:
    """Write all or nothing, with a digest of the content; what is undefined is null.

    Raises:
        UserError: the file cannot be written.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "saibench": version("saibench"),
        "study": evidence.study,
        "data": sorted(
            {
                str((evidence.records[trace.point].get("data") or {}).get("hash") or "")
                for trace in traces
            }
        ),
        "level": asked.level,
        "points": [
            {**asdict(trace), "sentences": point_sentences(trace, asked.level)} for trace in traces
        ],
    }
    text = json.dumps(sealed(_defined(document)), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        with written_whole(path) as aside:
            aside.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}.") from error
    return path


def _defined(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(name): _defined(value) for name, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_defined(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
