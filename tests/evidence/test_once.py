"""Results that are kept for the next who asks."""

from __future__ import annotations

import pytest

from saibench.evidence.once import Recent


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
