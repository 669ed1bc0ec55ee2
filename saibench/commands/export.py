"""`python -m saibench export <study folder> <target>`: a study's results as small files."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.commands.config_dir import add_config_dir


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser of `python -m saibench`."""
    parser = subparsers.add_parser(
        "export",
        help="write a study's evidence, figures and tables to a folder",
        description="Writes evidence (float32 Parquet), figures (SVG, PNG), the numbers behind "
        "them (CSV) and a README.md with findings, commands and hashes.",
    )
    parser.add_argument("folder", type=Path, help="study folder, such as outputs/my_study")
    parser.add_argument("target", type=Path, help="where the files go")
    parser.add_argument(
        "--tables",
        nargs="*",
        default=None,
        metavar="TABLE",
        help="evidence tables to copy (default: all but the workload's not_exported)",
    )
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the files and prints where they are; returns the exit code."""
    from saibench.evidence.reader import StudyEvidence
    from saibench.report.export import export

    print(export(StudyEvidence.load(args.folder), args.target, args.tables))
    return 0
