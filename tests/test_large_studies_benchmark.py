"""The benchmark of large studies measures what its options name."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from benchmarks import large_studies


@pytest.mark.parametrize(
    ("options", "measured"),
    [
        (["--runs", "10", "30"], {"runs": [10, 30]}),
        (["--samples", "7"], {"samples": [7]}),
        (["--runs", "10", "--samples", "7"], {"runs": [10], "samples": [7]}),
        ([], large_studies.SIZES_OF_BOTH),
    ],
)
def test_only_the_named_studies_are_measured(
    options: list[str], measured: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Sequence[int]] = {}

    def kept(kind: str, sizes: Sequence[int], *_: object) -> list[str]:
        found[kind] = sizes
        return []

    monkeypatch.setattr(large_studies, "measure", kept)
    monkeypatch.setattr(sys, "argv", ["large_studies", *options])
    large_studies.main()
    assert found == measured
