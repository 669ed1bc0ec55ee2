"""The subcommands of `python -m saibench`: each module adds its parser and says what to run."""

from __future__ import annotations

from saibench.commands (
    audit,
    data,
    export,
    guard,
    learning_curve,
    panels,
    report,
    trace,
    trust,
)

COMMANDS = (report, export, trust, guard, trace, learning_curve, audit, data, panels)
