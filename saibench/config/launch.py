"""Run a command's tasks with Hydra's launchers, and print configs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import hydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
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


def launch(
    command: Command,
    task: Callable[[DictConfig], Result],
    known: Mapping[int, Result] | None = None,
) -> list[Result | Lost]:
    """Run the task for every point with the launcher that the command chose; return its results.

    Args:
        command: composed and checked.
        task: Hydra's task function.
        known: results by the position of a point in the sweep, which are returned as they are.

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
        _only_unknown(known or {}),
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


@contextmanager
def _only_unknown(known: Mapping[int, Any]) -> Iterator[None]:
    """Let Hydra's sweeper launch only the runs without a known result."""
    instantiate = Plugins.instantiate_launcher

    def instantiated(*arguments: Any, **named: Any) -> Launcher:
        return _LauncherOfRest(instantiate(*arguments, **named), known)

    if known:
        Plugins.instantiate_launcher = instantiated  # type: ignore[method-assign]
    try:
        yield
    finally:
        Plugins.instantiate_launcher = instantiate  # type: ignore[method-assign]


class _LauncherOfRest(Launcher, Generic[Result]):
    """Launches the runs without a known result with another launcher."""

    def __init__(self, launcher: Launcher, known: Mapping[int, Result]) -> None:
        self.launcher, self.known = launcher, known

    def setup(self, **arguments: Any) -> None:
        """The other launcher is set up."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        places = range(initial_job_idx, initial_job_idx + len(job_overrides))
        rest = [
            overrides
            for place, overrides in zip(places, job_overrides, strict=True)
            if place not in self.known
        ]
        launched = iter(self.launcher.launch(rest, initial_job_idx) if rest else ())
        return [
            JobReturn(_return_value=self.known[place], status=JobStatus.COMPLETED)
            if place in self.known
            else next(launched)
            for place in places
        ]


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
