"""`saibench panels`: the comparison panels of a study as a Weights & Biases workspace."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `panels <study folder>`."""
    parser = subparsers.add_parser(
        "panels", help="build a study's panels in Weights & Biases", description=__doc__
    )
    parser.add_argument("study", type=Path, help="a study's folder under outputs/")
    parser.add_argument("--project", default="saibench", help="the project that its runs are in")
    parser.add_argument("--entity", help="the team or user (default: yours)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Save the workspace and print where it is."""
    from saibench.loggers.panels import save_workspace

    print(save_workspace(args.study, args.project, args.entity))
    return 0
