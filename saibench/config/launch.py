"""Run a command's tasks with Hydra's launchers, and print configs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import hydra
from omegaconf import DictConfig

from saibench.config.compose import (
    TRUST_MODULE,
    Command,
    check_user_configs,
    parse,
    started_hydra,
)
from saibench.config.locations import register_studies, user_folder
from saibench.config.lost_jobs import Lost, is_lost_worker, lost_jobs_returned, lost_worker
from saibench.config.replaced import MULTIRUN, register
from saibench.errors import UserError
from saibench.shipped import conf

Result = TypeVar("Result")


def launch(command: Command, task: Callable[[DictConfig], Result]) -> list[Result | Lost]:
    """Run the task for every point with the launcher that the command chose; return its results.

    The result of a task whose process was lost is a `Lost`.

    A task returns its failure as a result: after an exception, Hydra would run the other points
    and then lose all results. `SystemExit` and other non-`Exception`s end the sweep.

    Raises:
        UserError: the folder of the study cannot be created, or the jobs cannot be submitted.
        JobsGoOn: it was interrupted, and jobs of a cluster still wait or run.
    """
    name, overrides = command.config_name, list(command.overrides)
    with (
        started_hydra(command.config_dir, command.composed) as started,
        lost_jobs_returned() as submitted,
    ):
        try:
            if not command.multirun:
                return [started.run(name, task, overrides).return_value]
            batches = started.multirun(name, task, [*overrides, MULTIRUN])
        except OSError as error:
            raise UserError(f"The folder of the study cannot be created: {error}.") from error
        except KeyboardInterrupt as interrupt:
            if unfinished := submitted.unfinished:
                raise JobsGoOn(unfinished) from interrupt
            raise
        except Exception as error:
            if is_lost_worker(error):
                return [lost_worker() for _ in command.points]
            raise
        return [job.return_value for batch in batches for job in batch]


class JobsGoOn(KeyboardInterrupt):
    """The command was interrupted, but not its jobs.

    Args:
        jobs: their identifiers.
    """

    def __init__(self, jobs: Sequence[str]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)


def show(config_name: str, arguments: Sequence[str]) -> None:
    """Let Hydra print help, the composed config or its sources, as the command line requests."""
    check_user_configs(config_name, arguments)  # Hydra would print a traceback
    register_studies()
    register()
    args = parse(arguments)
    if args.config_dir is not None:
        user_folder(args.config_dir)
    overrides = args.overrides
    flags = [argument for argument in arguments if argument not in (*overrides, *args.trust_module)]
    flags = [flag for flag in flags if flag.partition("=")[0] != TRUST_MODULE]  # not one of Hydra's
    sys.argv = [sys.argv[0], *flags, *overrides]  # Hydra's parser wants flags first
    hydra.main(version_base="1.3", config_path=str(conf()), config_name=config_name)(_nothing)()


def _nothing(config: DictConfig) -> None:
    """A task for Hydra that does nothing."""
