"""Entry points. Heavy imports wait for the command that needs them."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from saibench.errors import PartFailed, UserError
from saibench.freed_memory import keep_freed_memory
from saibench.home import ensure_home
from saibench.imports.user_names import names_of_one_command
from saibench.printable import printable
from saibench.runs.command import FAILED, INTERRUPTED
from saibench.runs.node_place import silence_connections

USER_ERROR = 2


def train() -> None:
    """`python train.py …`, `saibench-train …`: train and test one run, or a sweep of them."""
    _end(_guarded(_train))


def evaluate() -> None:
    """`evaluate.py run=<run folder> …` tests trained runs, `evaluate.py model=…` other models."""
    _end(_guarded(_evaluate))


def main() -> None:
    """`python -m saibench report | trust | studies | reproduce …`."""
    _end(_guarded(_commands))


def _end(status: int) -> NoReturn:
    """Exit, without a search of some 500,000 objects of libraries for unreachable ones.

    Python would search them several times, for 1.5 s, before their memory is released anyway.
    What has to be done at exit is registered with `atexit`, or in a `with` that has ended.
    """
    atexit.register(gc.freeze)
    sys.exit(status)


def _guarded(command: Callable[[Sequence[str]], int]) -> int:
    warnings.formatwarning = _formatted(warnings.formatwarning)
    try:
        ensure_home()
        silence_connections(os.environ)
        with names_of_one_command():
            status = command(sys.argv[1:])
        sys.stdout.flush()
        return status
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `--help | head`: writing the rest would fail at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        from saibench.datamodules.downloads.disk import FORBIDDEN, FULL

        if error.errno not in (*FULL, *FORBIDDEN):
            raise
        where = "a file" if error.filename is None else error.filename
        print(f"{where} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return USER_ERROR


def _formatted(otherwise: Callable[..., str]) -> Callable[..., str]:
    """Return a formatter that prints saibench's warnings without their line of code."""

    def formatted(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
        if issubclass(category, PartFailed):
            return f"warning: {printable(str(message))}\n"
        return otherwise(message, category, *place, **line)

    return formatted


def _train(arguments: Sequence[str]) -> int:
    if _is_shown("train", arguments):
        return 0
    from saibench.config.compose import compose_command
    from saibench.runs.command import train_points

    return train_points(compose_command("train", arguments))


def _evaluate(arguments: Sequence[str]) -> int:
    if _names(arguments, "model"):
        return _train(arguments if _names(arguments, "trainer") else [*arguments, "trainer=none"])
    if _is_shown("evaluate", arguments):
        return 0
    from saibench.config.compose import compose_command
    from saibench.runs.evaluations import evaluate_runs

    return evaluate_runs(compose_command("evaluate", arguments))


def _names(arguments: Sequence[str], group: str) -> bool:
    """Whether the settings choose an option of a config group."""
    return any(argument.startswith(f"{group}=") for argument in arguments)


def _is_shown(config_name: str, arguments: Sequence[str]) -> bool:
    """Print help or the composed config if the command line requests them."""
    from saibench.config.compose import runs_points
    from saibench.config.launch import show

    if runs_points(arguments):
        return False
    show(config_name, arguments)
    return True


class _Parser(argparse.ArgumentParser):
    """A parser that raises `UserError` and prints no usage."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message.rstrip('.')}. See {self.prog} --help.")


def _commands(arguments: Sequence[str]) -> int:
    from saibench.commands import commands
    from saibench.commands.config_dir import use_config_dir

    parser = _Parser(
        prog="saibench",
        description="Reports, trusted ranges, data and panels of saibench's studies.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in commands():
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    use_config_dir(options)
    keep_freed_memory()
    return options.run(options)
