"""The subcommands of `python -m saibench`: each module adds its parser and says what to run."""

from __future__ import annotations

from saibench.commands import data, export, guard, learning_curve, panels, report, trust

COMMANDS = (report, export, trust, guard, learning_curve, data, panels)
