"""`python -m saibench report <study folder> […]`: join studies' points and write their page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from saibench.commands.config_dir import add_config_dir
from saibench.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser of `python -m saibench`."""
    parser = subparsers.add_parser(
        "report",
        help="write report.html of a study, or of several compared",
        description="Joins the points of a study into evidence/ and writes report.html beside it. "
        "Of several studies it writes one page on which any of their points can be compared.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="+", help="study folder, such as outputs/my_study"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where the page goes (default: report.html in the study's folder; of several, "
        "compared.html in the first's)",
    )
    parser.add_argument(
        "--figures",
        nargs="+",
        metavar="MODULE",
        help="figures to draw, as dotted modules (saibench.figures.learning_curve); "
        "by default those that the study's config names",
    )
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the report and prints where it is; returns the exit code."""
    from saibench.analysis.dependence import dependence_warnings
    from saibench.evidence.reader import StudyEvidence
    from saibench.report import write_comparison

    folders = list(dict.fromkeys(args.folder))
    studies = [StudyEvidence.load(folder) for folder in folders]
    for study in studies:
        if not (study.folder / "run.json").exists():  # a single point has nothing to be joined with
            study.join()
    name = "report.html" if len(folders) == 1 else "compared.html"
    target = args.output or folders[0] / name
    if not target.parent.is_dir():
        raise UserError(f"--output {target}: {target.parent} is not a folder; make it first.")
    for told in (one for study in studies for one in dependence_warnings(study)):
        print(told, file=sys.stderr)
    print(write_comparison(studies, target, args.figures))
    return 0
