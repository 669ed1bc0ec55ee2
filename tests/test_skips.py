"""A session lists skipped tests; in CI they fail it, except tests that need a GPU."""

from __future__ import annotations

import pytest
import torch

pytest_plugins = ["pytester"]

TESTS = """
    import pytest

    def test_here(): pass

    @pytest.mark.skip("needs the command xyz")
    def test_without_command(): pass

    def test_without_package(): pytest.importorskip("a_package_that_is_not_there")
"""
ON_A_GPU = """
    import pytest

    @pytest.mark.gpu
    def test_on_a_gpu(): pass
"""


@pytest.mark.parametrize(
    ("ci", "tests", "status"), [("", TESTS, 0), ("true", TESTS, 1), ("true", ON_A_GPU, 0)]
)
def test_what_was_skipped_is_told_and_fails_ci_unless_it_needs_a_gpu(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, tests: str, status: int
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    pytester.makeini("[pytest]\nmarkers = gpu")
    pytester.makepyfile(tests)
    ended = pytester.runpytest_inprocess("-p", "skips", "-p", "no:xdist")
    assert ended.ret == status
    if tests == TESTS:
        ended.stdout.fnmatch_lines(["*needs the command xyz", "*a_package*make setup*"])
    else:
        ended.stdout.fnmatch_lines(["*needs a GPU*"])
