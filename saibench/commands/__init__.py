"""The subcommands of `python -m saibench`: each module adds its parser and says what to run."""

from __future__ import annotations

from saibench.commands import (
    audit,
    data,
    export,
    learning_curve,
    panels,
    report,
    reproduce,
    studies,
    trace,
    trust,
)
from saibench.commands.force_field import guard

COMMANDS = (
    reproduce,
    studies,
    report,
    export,
    trust,
    guard,
    trace,
    learning_curve,
    audit,
    data,
    panels,
)
