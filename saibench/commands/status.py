"""`python -m saibench status <study folder>`: how far the runs of a study are."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.commands.output import print_json
from saibench.errors import UserError

if TYPE_CHECKING:
    from rich.console import Group

    from saibench.runs.status import RunStatus

SECONDS = 5.0
IDLE_SECONDS = 60.0
"""After which a sweep with runs that have not started is taken for ended."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "status",
        help="how far the runs of a study are, why some failed, and the time left",
        description="Prints one line for each run of a study: running, complete, failed or not "
        "started, its steps and the estimated time left. It writes nothing.",
    )
    parser.add_argument("folder", type=Path, help="study folder, such as outputs/my_study")
    parser.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=SECONDS,
        metavar="SECONDS",
        help=f"print again every so many seconds (default: {SECONDS:g}) until all have ended",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the states once, or until all runs have ended; return the exit code."""
    from saibench.runs.status import study_status
    from saibench.runs.study import table_console

    if args.watch is not None:
        if args.json:
            raise UserError("--json prints one document, --watch many tables. Remove one of them.")
        if not 0.5 <= args.watch <= 86400:
            raise UserError(f"--watch {args.watch:g} is not 0.5 to 86,400 seconds. Use --watch 5.")
        _watch(args.folder, args.watch)
        return 0
    runs = study_status(args.folder)
    if args.json:
        print_json({"study": str(args.folder), "runs": [asdict(one) for one in runs]})
    else:
        table_console().print(_shown(args.folder, runs))
    return 0


def _watch(study: Path, seconds: float) -> None:
    """Print the states every so many seconds, in place on a terminal, until all have ended."""
    from rich.live import Live

    from saibench.runs.status import AT_WORK, NOT_STARTED, study_status
    from saibench.runs.study import table_console

    console = table_console()
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    seen = time.monotonic()
    with live or nullcontext():
        while True:
            runs = study_status(study)
            if live is None:  # a file or a pipe, which Live would write once, at its end
                console.print(_shown(study, runs))
            else:
                live.update(_shown(study, runs), refresh=True)
            states = {one.state for one in runs}
            if states.intersection(AT_WORK):
                seen = time.monotonic()
            elif NOT_STARTED not in states or time.monotonic() - seen > IDLE_SECONDS:
                return
            time.sleep(seconds)


def _shown(study: Path, runs: Sequence[RunStatus]) -> Group:
    from rich.console import Group
    from rich.text import Text

    from saibench.runs.status import status_sentences, status_table

    return Group(status_table(study, runs), *map(Text, status_sentences(runs)))
