"""Makes `tests/synthetic_study.py` importable."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
from synthetic_study import write_study

from saibench.evidence.reader import StudyEvidence


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    """A synthetic study of 15 windows and 5 sizes, three seeds for sizes, 300 frames."""
    return StudyEvidence.load(write_study(tmp_path_factory.mktemp("study"), frames=300))
