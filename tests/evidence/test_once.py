"""Results that are kept for the next who asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from saibench.evidence.once import Recent, once
from saibench.evidence.reader import StudyEvidence


def test_a_result_is_found_once_for_the_same_evidence_and_arguments() -> None:
    found: list[tuple[Path, str | None]] = []

    @once
    def find(evidence: StudyEvidence, partition: str | None = None) -> int:
        found.append((evidence.folder, partition))
        return len(found)

    one, other = (StudyEvidence(Path(name), {}, {}, {}) for name in "ab")
    assert [find(one), find(one, None), find(one, partition=None)] == [1, 1, 1]
    assert [find(one, "test"), find(one, partition="test"), find(other, "test")] == [2, 2, 3]
    assert found == [(Path("a"), None), (Path("a"), "test"), (Path("b"), "test")]


def test_only_the_latest_results_are_kept() -> None:
    found: list[str] = []
    kept = Recent[int](2)

    def get(content: str) -> int:
        def find() -> int:
            found.append(content)
            return len(found)

        return kept.get(content, find)

    assert [get(name) for name in ("a", "b", "a", "c", "a", "b")] == [1, 2, 1, 3, 1, 4]
    assert found == ["a", "b", "c", "b"]


def test_a_failure_is_not_kept() -> None:
    kept = Recent[int](2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 7) == 7
