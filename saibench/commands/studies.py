"""`python -m saibench studies [name]`: list studies and techniques."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.errors import UserError

OUTPUTS = Path("outputs")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "studies",
        help="list studies and techniques: purpose, number of runs, measured run time",
        description="Lists by workload the shipped studies and the techniques of the paper's "
        "toolbox: their purpose, number of runs, and the run time measured on this machine. With a "
        "name it describes one in detail.",
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
        help="folder of complete runs (default: outputs)",
    )
    parser.add_argument(
        "--config-dir",
        type=Path,
        metavar="FOLDER",
        help="folder of your configs, to list its workloads and studies too",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list, or one entry; return the exit code."""
    if args.outputs != OUTPUTS and not args.outputs.is_dir():
        raise UserError(
            f"--outputs {args.outputs} is not a folder. Use the folder of your studies, such as "
            f"{OUTPUTS}."
        )
    from saibench.paper.toolbox.listing import all_lines, named_lines

    lines = all_lines(args.outputs) if args.name is None else named_lines(args.name, args.outputs)
    print("\n".join(lines))
    return 0
