"""Claims as rows of a table, and the sentence that stands for their numbers."""

from __future__ import annotations

from saibench.findings.finding import (
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_TESTED,
    SUPPORTED,
    Finding,
)
from saibench.report.claims import claims
from saibench.report.text import first_sentence

FINDINGS = [
    Finding("grows", INCONCLUSIVE, "From 1 to 2 meV. It may not.", "seed 0"),
    Finding("is new", NOT_TESTED, "No run was tested."),
    Finding("falls", CONTRADICTED, "It grows by 3.5 meV (fig. 5).\nMore."),
    Finding("grows", SUPPORTED, "From 1 to 3 meV.", "seed 1"),
    Finding("grows", SUPPORTED, "From 1 to 4 meV.", "seed 2"),
]


def test_a_claim_is_one_row_with_a_count_per_verdict() -> None:
    grows, falls, new = claims(FINDINGS)
    assert (grows.text, falls.text, new.text) == ("grows", "falls", "is new"), "decided ones first"
    assert grows.verdicts == [(SUPPORTED, 2), (INCONCLUSIVE, 1)]
    assert len(grows.findings) == 3
    assert grows.in_short == "From 1 to 3 meV.", "of a supported finding"
    assert falls.in_short == "It grows by 3.5 meV (fig. 5)."


def test_first_sentence_ends_neither_in_a_number_nor_in_a_bracket() -> None:
    assert first_sentence("MAE 3.5 meV (fig. 5, §2.1) of 9. Then more.") == (
        "MAE 3.5 meV (fig. 5, §2.1) of 9."
    )
    assert first_sentence("one line\nanother") == "one line"
    assert first_sentence("") == ""
