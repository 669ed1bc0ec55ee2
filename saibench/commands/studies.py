"""`python -m saibench studies [name]`: the shipped studies and the techniques that they run."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.errors import UserError

OUTPUTS = Path("outputs")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser of `python -m saibench`."""
    parser = subparsers.add_parser(
        "studies",
        help="list the shipped studies and techniques: what each shows, its points, its time here",
        description="Lists by workload the studies that are shipped and the techniques of the "
        "paper's toolbox: what each shows, how many points it takes, and the time that they took "
        "here. With a name it says more of one.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        help="a study, as <workload>/<study>, or a technique, as 'sample efficiency'",
    )
    parser.add_argument(
        "--outputs",
        type=Path,
        default=OUTPUTS,
        metavar="FOLDER",
        help="where points are looked for (default: outputs)",
    )
    parser.add_argument(
        "--config-dir",
        type=Path,
        metavar="FOLDER",
        help="folder of your own configs, whose workloads and studies are listed too",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the list, or one of it; returns the exit code."""
    if args.outputs != OUTPUTS and not args.outputs.is_dir():
        raise UserError(
            f"--outputs {args.outputs} is no folder; the one that holds studies, as {OUTPUTS}, "
            "would work."
        )
    from saibench.paper.toolbox.listing import all_lines, named_lines

    lines = all_lines(args.outputs) if args.name is None else named_lines(args.name, args.outputs)
    print("\n".join(lines))
    return 0
