"""`python -m saibench report <study folder> […]`: join the runs of studies and write a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from saibench.commands.config_dir import add_config_dir
from saibench.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "report",
        help="write report.html of a study, or a comparison of several",
        description="Joins the runs of a study into evidence/ and writes report.html next to it. "
        "For several studies it writes one page that compares any of their runs.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="+", help="study folder, such as outputs/my_study"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="file of the page (default: report.html in the study's folder; for several studies "
        "compared.html in the folder of the first)",
    )
    parser.add_argument(
        "--figures",
        nargs="+",
        action="extend",
        metavar="MODULE",
        help="figures to draw, as dotted modules (saibench.figures.learning_curve); "
        "by default those that the study's config names",
    )
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report and print its path; return the exit code."""
    from saibench.analysis.dependence import dependence_warnings
    from saibench.evidence.reader import StudyEvidence
    from saibench.report import write_comparison

    folders = list(dict.fromkeys(args.folder))
    studies = [StudyEvidence.load(folder) for folder in folders]
    for study in studies:
        if not (study.folder / "run.json").exists():  # a single run has nothing to join
            study.join()
    name = "report.html" if len(folders) == 1 else "compared.html"
    target = args.output or folders[0] / name
    if not target.parent.is_dir():
        raise UserError(f"--output {target}: {target.parent} is not a folder. Create it first.")
    for warning in (one for study in studies for one in dependence_warnings(study)):
        print(warning, file=sys.stderr)
    print(write_comparison(studies, target, args.figures))
    return 0
