"""`python -m saibench learning-curve <study folder>`: what more training data would bring."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.analysis.learning_curve.study_laws import FittedCurve


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser of `python -m saibench`."""
    parser = subparsers.add_parser(
        "learning-curve",
        help="find how the error falls with the training set, and what a target error takes",
        description="Fits laws to the errors of a study that trains on more and more samples, "
        "chooses the one that predicts the largest sizes from the smaller, checks it, and says how "
        "many samples a target takes. Statistic and target are by default those of the workload.",
    )
    parser.add_argument("folder", type=Path, help="study folder")
    parser.add_argument("--statistic", metavar="NAME", help="force_mae, species=O/force_mae, …")
    parser.add_argument("--target", type=float, help="value to be reached, in its unit")
    parser.add_argument(
        "--ideal", type=float, help="the statistic's value without error (1 for correct)"
    )
    parser.add_argument(
        "--reach",
        type=float,
        help="times the largest training set beyond which nothing is said (default: 10)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints sentences; returns the exit code."""
    _refuse(args)
    from saibench.analysis.learning_curve.data_needed import REACH
    from saibench.analysis.learning_curve.extrapolation import TooFewSizes
    from saibench.analysis.learning_curve.reading import curve_config
    from saibench.analysis.learning_curve.study_laws import fitted_curves
    from saibench.evidence.reader import StudyEvidence

    evidence = StudyEvidence.load(args.folder)
    config = curve_config(evidence, statistic=args.statistic, target=args.target, ideal=args.ideal)
    found = fitted_curves(evidence, config, args.reach or REACH)
    if not found:
        size = "".join(evidence.training.sizes[:1]) or "the size"
        raise UserError(
            f"{evidence.study} has no points that differ in their training set's size alone; "
            f"{size}=200,400,800,1600 would give them."
        )
    if not any(one.law for one in found):
        raise TooFewSizes(found[0].refused)
    print("\n".join(map(_told, found)))
    return 0


def _told(one: FittedCurve) -> str:
    from saibench.analysis.learning_curve import sentences
    from saibench.analysis.learning_curve.study_laws import summary

    if one.law is None:
        return f"{one.label}:\n  Refused: {one.refused}"
    return "\n  ".join([f"{one.label}:", sentences.curve_sentence(one.curve), *summary(one)])


def _refuse(args: argparse.Namespace) -> None:
    for name in ("target", "ideal"):
        value = getattr(args, name)
        if value is not None and not math.isfinite(value):
            raise UserError(f"--{name} {value:g} is not a finite number; 20 would work.")
    if args.reach is not None and not (args.reach >= 1 and math.isfinite(args.reach)):
        raise UserError(f"--reach {args.reach:g} is not at least 1; 10 would work.")
