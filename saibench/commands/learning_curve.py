"""`python -m saibench learning-curve <study folder>`: error against size of the training set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.commands.ranges import check_range
from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.analysis.learning_curve.study_laws import FittedCurve


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "learning-curve",
        help="fit a learning curve, and estimate how many samples a target error needs",
        description="Fits laws to the errors of a study that trains on increasing numbers of "
        "samples, selects the one that best predicts the largest sizes from the smaller, validates "
        "it, and estimates how many samples a target needs. Statistic and target are by default "
        "those of the workload.",
    )
    parser.add_argument("folder", type=Path, help="study folder")
    parser.add_argument("--statistic", metavar="NAME", help="force_mae, species=O/force_mae, …")
    parser.add_argument("--target", type=float, help="target of the statistic, in its unit")
    parser.add_argument(
        "--ideal", type=float, help="the statistic's value without error (1 for correct)"
    )
    parser.add_argument(
        "--reach",
        type=float,
        help="limit of extrapolation, in multiples of the largest training set (default: 10)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print sentences; return the exit code."""
    check_range(args, "target", "ideal")
    check_range(args, "reach", at_least=1)
    from saibench.analysis.learning_curve.data_needed import REACH
    from saibench.analysis.learning_curve.extrapolation import TooFewSizes
    from saibench.analysis.learning_curve.reading import curve_config
    from saibench.analysis.learning_curve.study_laws import fitted_curves
    from saibench.evidence.reader import StudyEvidence

    evidence = StudyEvidence.load(args.folder)
    config = curve_config(evidence, statistic=args.statistic, target=args.target, ideal=args.ideal)
    found = fitted_curves(evidence, config, args.reach or REACH)
    if not found:
        size = next(iter(evidence.training.sizes), "subset.count")
        raise UserError(
            f"{evidence.study} has no runs that differ only in the size of the training set. "
            f"Train with -m {size}=200,400,800,1600."
        )
    if not any(one.law for one in found):
        raise TooFewSizes(found[0].refused)
    print("\n".join(map(_report, found)))
    return 0


def _report(one: FittedCurve) -> str:
    from saibench.analysis.learning_curve import sentences
    from saibench.analysis.learning_curve.study_laws import summary

    if one.law is None:
        return f"{one.label}:\n  Refused: {one.refused}"
    return "\n  ".join([f"{one.label}:", sentences.curve_sentence(one.curve), *summary(one)])
