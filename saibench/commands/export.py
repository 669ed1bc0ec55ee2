"""`python -m saibench export <study folder> <target>`: a study's results as small files."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.commands.config_dir import add_config_dir


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a study's figures, tables and findings to a folder",
        description="Writes a README.md with findings, commands and hashes, each figure as PNG and "
        "the numbers behind it as CSV. On request also evidence (Parquet, float32): with it the "
        "folder can be read like a study.",
    )
    parser.add_argument("folder", type=Path, help="study folder, such as outputs/my_study")
    parser.add_argument("target", type=Path, help="target folder")
    parser.add_argument(
        *("--evidence", "--tables"),
        nargs="*",
        metavar="TABLE",
        help="also copy evidence: these tables, or all except the workload's not_exported",
    )
    parser.add_argument("--svg", action="store_true", help="also write each figure as SVG")
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files and print their folder; return the exit code."""
    from saibench.evidence.reader import StudyEvidence
    from saibench.report.export import export

    print(export(StudyEvidence.load(args.folder), args.target, args.evidence, svg=args.svg))
    return 0
