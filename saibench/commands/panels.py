"""`python -m saibench panels <study folder>`: its comparison panels in Weights & Biases."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from saibench.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "panels",
        help="build a study's comparison panels in Weights & Biases",
        description="Saves a workspace with a study's test errors, trusted range, settings and "
        "learning curves in the Weights & Biases project that its runs are in.",
    )
    parser.add_argument("folder", type=Path, help="study folder, such as outputs/my_study")
    parser.add_argument("--project", help="project of the runs (default: where they were logged)")
    parser.add_argument("--entity", help="team or user (default: that of the runs, or yours)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Save the workspace and print its address; return the exit code."""
    try:
        from saibench.loggers import panels
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("wandb_workspaces"):
            raise
        raise UserError(
            "The command panels needs an extra package. Use: pip install 'saibench[panels]'"
        ) from error
    from saibench.evidence.reader import StudyEvidence
    from saibench.loggers.account import upload_command

    evidence = StudyEvidence.load(args.folder)
    place = panels.Place(args.project) if args.project else panels.place_of(evidence)
    print(panels.save_workspace(evidence, panels.Place(place.project, args.entity or place.entity)))
    if panels.offline_runs(evidence):
        command = upload_command(args.folder, "offline-run-*")
        print(f"Upload the runs that were logged offline with: {command}", file=sys.stderr)
    return 0
