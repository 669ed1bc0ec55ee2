"""`python -m saibench report <study folder>`: join a study's points and write its page."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser of `python -m saibench`."""
    parser = subparsers.add_parser(
        "report",
        help="write report.html of a study",
        description="Joins the points of a study into evidence/ and writes report.html beside it.",
    )
    parser.add_argument("folder", type=Path, help="study folder, such as outputs/my_study")
    parser.add_argument(
        "--figures",
        nargs="+",
        metavar="MODULE",
        help="figures to draw, as dotted modules (saibench.figures.windows); "
        "by default those that the study's config names",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the report and prints where it is; returns the exit code."""
    from saibench.evidence.reader import join
    from saibench.report import write_report

    if not (args.folder / "run.json").exists():  # a single point has nothing to be joined with
        join(args.folder)
    print(write_report(args.folder, args.figures))
    return 0
