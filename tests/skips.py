"""Report skipped tests and how to run them; in CI only tests that need a GPU may be skipped.

`conftest.py` imports the hooks, whose names are pytest's.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import pytest

GPU = "gpu"
"""Mark of tests that need a GPU."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(GPU) is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU that PyTorch sees")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("skipped, and how to run them")
    for reason, count in Counter(map(_reason, skipped)).most_common():
        terminalreporter.line(f"{count:4d}  {reason}")
    if refused := not_allowed(skipped):
        terminalreporter.line(
            f"CI may skip only tests that need a GPU; {len(refused)} others were skipped, "
            f"e.g. {refused[0].nodeid}",
            red=True,
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not_allowed(reporter.stats.get("skipped", [])):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def not_allowed(skipped: Iterable[pytest.TestReport]) -> list[pytest.TestReport]:
    """Return reports of skipped tests that must run if the environment has CI=true."""
    if os.environ.get("CI", "").lower() not in ("1", "true"):
        return []
    return [report for report in skipped if GPU not in report.keywords]


def _reason(report: pytest.TestReport) -> str:
    _, _, message = report.longrepr
    reason = message.removeprefix("Skipped: ")
    if reason.startswith("could not import"):
        return f"{reason}; `make setup` installs it"
    return reason
