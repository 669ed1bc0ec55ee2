"""Run an `evaluate.py` command: check all its tests, launch them, report their studies."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saibench.errors import UserError
from saibench.printable import printable
from saibench.runs.command import FAILED, refuse_alone

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from saibench.config.compose import Command
    from saibench.runs.outcome import Outcome


def evaluate_runs(command: Command) -> int:
    """Test the trained runs of a command, report their studies and return the exit code.

    Raises:
        UserError: a test is invalid; nothing is written.
    """
    from saibench.config.launch import launch
    from saibench.config.launchers import check_launcher, common_num_nodes, starts_elsewhere
    from saibench.runs.retest import check_retest
    from saibench.runs.several_nodes import joined, the_run
    from saibench.runs.study import known_outcomes

    if command.dry_run:
        raise UserError("--dry-run is an option of train.py. Remove it: complete tests are kept.")
    check_launcher(command)
    num_nodes = common_num_nodes(command)
    if num_nodes > 1 and starts_elsewhere(command):
        raise UserError(
            f"trainer.num_nodes={num_nodes}: evaluate.py tests on several nodes without a "
            "launcher. Remove hydra/launcher, and start the same command on each node."
        )
    for config in command.points:
        check_retest(config)
    work = [
        f"test={config.test} of {the_run(Path(config.run).absolute())}" for config in command.points
    ]
    trainers: list[Any] = [config.trainer for config in command.points]
    with joined(num_nodes, trainers, work) as writes:
        results = launch(command, _evaluate_point)
        outcomes = known_outcomes(results, [Path(config.run) for config in command.points])
        if not command.multirun:
            refuse_alone(outcomes[0])
        reports = all(config.report for config in command.points)
        if writes:
            return _reported(outcomes, reports)
    print("Node 0 prints the metrics and writes the report.")
    return FAILED if any(outcome.cause is not None for outcome in outcomes) else 0


def _reported(outcomes: Sequence[Outcome], reports: bool) -> int:
    """Print what failed, write the page of each study, and return the exit code."""
    from saibench.runs.study import print_unreported, report

    failures = [outcome for outcome in outcomes if outcome.cause is not None]
    for outcome in failures:
        print(printable(f"{outcome.folder}: {outcome.cause}"), file=sys.stderr)
    written = []
    for study in dict.fromkeys(outcome.folder.parent for outcome in outcomes):
        if reports:
            written.append(report(study))
        else:
            print_unreported(study)
    return 0 if all(written) and not failures else FAILED


def _evaluate_point(config: DictConfig) -> Outcome:
    """Hydra's task function: test one trained run on further partitions."""
    from saibench.runs.retest import retest_point

    return retest_point(config)
