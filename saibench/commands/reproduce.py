"""`python -m saibench reproduce fig3`: a figure or table of the paper, from new runs."""

from __future__ import annotations

import argparse

from saibench.commands.config_dir import add_config_dir, given_flags
from saibench.errors import UserError, closest

FULL = "--full"
DRY_RUN = "--dry-run"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "reproduce",
        help="reproduce a figure or table of the paper, and compare the findings",
        description="Runs the models of a figure or table of the paper, or reuses complete runs, "
        "draws it to outputs/reproduced/, and prints the paper's findings and those of these runs. "
        "Settings are those of train.py, such as data=rmd17.",
        usage="python -m saibench reproduce [--full] [--dry-run] <fig2…fig21|table1…table3> "
        "[setting …]",
    )
    add_config_dir(parser)
    parser.add_argument(FULL, action="store_true", help="the size of the paper instead of minutes")
    parser.add_argument(
        DRY_RUN, action="store_true", help="print what would run, with time and disk; write no run"
    )
    parser.add_argument("name", help="fig2 to fig21, table1 to table3")
    settings = parser.add_argument(
        "settings",
        nargs=argparse.REMAINDER,
        metavar="setting",
        help="settings of train.py for all runs: trainer.max_steps=200 seed=1",
    )
    settings.required = False  # else argparse reports them as missing together with the name
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run, draw and compare; return the exit code."""
    from saibench.paper.reproduction.reproduce import reproduce

    full = args.full or FULL in args.settings
    dry_run = args.dry_run or DRY_RUN in args.settings
    settings = [one for one in args.settings if one not in (FULL, DRY_RUN)]
    for flag in (one for one in settings if one.startswith("-")):
        if flag.startswith(("--config-dir", "--trust-module")):
            raise UserError(f"{flag} follows {args.name}. Give it before {args.name}.")
        raise UserError(f"{flag} is an unknown flag of reproduce: {closest(flag, [FULL, DRY_RUN])}")
    return reproduce(args.name, full, settings, given_flags(args), dry_run)
