"""Checks the sentence that a figure says about the evidence."""

from __future__ import annotations

from types import ModuleType

from saibench.evidence.reader import StudyEvidence


def checked_reading(figure: ModuleType, evidence: StudyEvidence) -> str:
    """The figure's reading, which is one sentence with a number that the caption does not open on.

    Raises:
        AssertionError: it is not.
    """
    reading: str = figure.reading(evidence)
    assert reading.endswith(".") and "\n" not in reading and ". " not in reading.strip(), reading
    assert any(character.isdigit() for character in reading), reading
    assert "nan" not in reading.lower() and "none" not in reading.lower(), reading
    assert not figure.caption(evidence).startswith(reading), reading
    return reading
