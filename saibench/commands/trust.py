"""`python -m saibench trust <study folder>`: the trusted operating range of a model."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.commands.output import add_output_options, check_target, print_json
from saibench.commands.ranges import check_range
from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.analysis.trusted_range.config import TrustConfig
    from saibench.analysis.trusted_range.study_ranges import Found
    from saibench.evidence.reader import StudyEvidence

OF_A_STUDY = (
    *("feature", "statistic", "ideal", "coverage", "point", "partition", "blocks", "mean_of"),
    "check_on",
    *("save", "seed"),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "trust",
        help="find where a model's error stays within a tolerance, with its confidence",
        description="Fits a study's errors as a function of features, with an upper bound "
        "calibrated on blocks of samples, and reports where the bound stays within a tolerance. "
        "Feature, statistic and tolerance are by default those of the study's workload.",
    )
    parser.add_argument("folder", type=Path, nargs="?", help="study folder")
    parser.add_argument(
        "--feature",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="features that predict the error",
    )
    parser.add_argument("--statistic", metavar="NAME", help="error: force_mae, lead/mae, …")
    parser.add_argument(
        "--ideal", type=float, help="the statistic's value without error (1 for correct)"
    )
    parser.add_argument(
        "--tolerance", type=float, help="largest acceptable error, in the statistic's unit"
    )
    parser.add_argument(
        "--coverage", type=float, help="share of new samples within the bound (default: 0.9)"
    )
    parser.add_argument(
        "--point", nargs="+", action="extend", metavar="POINT", help="runs (default: each alone)"
    )
    parser.add_argument("--together", action="store_true", help="fit one range to all runs")
    parser.add_argument(
        "--partition", nargs="+", action="extend", help="partitions (default: the held-out one)"
    )
    parser.add_argument(
        "--check-on",
        nargs="+",
        action="extend",
        metavar="PARTITION",
        help="other partitions that the range is checked on (default: all that were tested)",
    )
    parser.add_argument("--seed", type=int, help="seed of the splits of blocks (default: 0)")
    parser.add_argument(
        "--blocks", type=int, help="number of independent blocks (default: estimated)"
    )
    parser.add_argument("--mean-of", type=int, help="bound the mean over this many similar samples")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the range as JSON")
    parser.add_argument("--load", type=Path, metavar="FILE", help="a range saved by --save")
    parser.add_argument(
        "--check",
        nargs="+",
        action="extend",
        metavar="FEATURE=VALUE",
        help="check a sample against the range",
    )
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print sentences; return the exit code."""
    if args.load is not None:
        return _run_loaded(args)
    if args.folder is None:
        raise UserError("trust needs a study folder, or --load with a file written by --save.")
    from saibench.analysis.dependence import dependence_warnings
    from saibench.analysis.trusted_range.config import trust_config
    from saibench.analysis.trusted_range.details import competition_table, detail_sentences
    from saibench.analysis.trusted_range.document import ranges_document
    from saibench.analysis.trusted_range.in_short import short_sentences
    from saibench.analysis.trusted_range.of_evidence import chosen_points
    from saibench.analysis.trusted_range.study_ranges import refusals
    from saibench.evidence.reader import StudyEvidence
    from saibench.evidence.selection import short_names

    _check(args)
    check_target(args.save)
    seed = args.seed or 0
    evidence = StudyEvidence.load(args.folder)
    config = trust_config(
        evidence,
        statistic=args.statistic,
        features=args.feature,
        ideal=args.ideal,
        tolerance=args.tolerance,
        coverage=args.coverage,
        mean_of=args.mean_of,
        num_blocks=args.blocks,
        partitions=None if args.partition is None else tuple(args.partition),
    )
    points = chosen_points(evidence, args.point)
    groups = [points] if args.together else [[point] for point in points]
    if args.save is not None and len(groups) > 1:
        first = short_names(evidence)[points[0]]
        raise UserError(
            f"--save writes one range, and there are {len(groups)} runs. Use --point '{first}', "
            "for example, or --together."
        )
    found = [one for group in groups for one in _fit(evidence, group, config, seed, args.check_on)]
    fitted = [one.trusted for one in found if one.trusted is not None]
    if not fitted:
        raise UserError(next((one.refused for one in found if one.samples), found[0].refused))
    warnings = dependence_warnings(evidence, points, config.partitions, few=False)
    for warning in (*warnings, *_too_many_blocks(found)):
        print(warning, file=sys.stderr)
    if args.json:
        print_json(ranges_document(evidence, found))
    else:
        for one in found:
            if one.trusted is None:
                continue
            of_range = detail_sentences if args.verbose else short_sentences
            print("\n  ".join([one.label, *of_range(one, evidence)]))
            if args.verbose and one.trusted.competition is not None:
                table = competition_table(one.trusted.competition, evidence)
                print("\n    ".join(["", *table]))
        for line in refusals(found, most=len(found)):
            print(line)
    if args.save is not None:
        print(f"Saved as {fitted[0].save(args.save)}.", file=sys.stderr if args.json else None)
    return 0


def _fit(
    evidence: StudyEvidence,
    points: list[str],
    config: TrustConfig,
    seed: int,
    check_on: list[str] | None,
) -> list[Found]:
    """The range of these runs together, and why it leaves out runs without samples."""
    from saibench.analysis.trusted_range.study_ranges import range_of

    found = range_of(_heading(evidence, points), evidence, points, config, seed, check_on)
    left_out = [point for point in points if point not in found.points]
    alone = [range_of(_heading(evidence, [one]), evidence, [one], config) for one in left_out]
    return [replace(found, label=_heading(evidence, list(found.points))), *alone]


def _too_many_blocks(found: list[Found]) -> list[str]:
    """A warning if more blocks are requested than are independent; of several runs the worst."""
    from saibench.analysis.trusted_range.details import requested_blocks

    each = [one.samples for one in found if one.samples is not None]
    many = [samples for samples in each if samples.num_blocks > samples.estimated_blocks]
    return [requested_blocks(min(many, key=lambda one: one.estimated_blocks))] if many else []


def _heading(evidence: StudyEvidence, points: list[str]) -> str:
    from saibench.evidence.selection import short_names

    short = short_names(evidence)
    names = [short[point] for point in points]
    return names[0] if len(names) == 1 else f"{len(names)} runs together: {', '.join(names)}"


def _run_loaded(args: argparse.Namespace) -> int:
    from saibench.analysis.trusted_range import TrustedRange, sentences
    from saibench.analysis.trusted_range.document import loaded_document

    given = [name for name in OF_A_STUDY if getattr(args, name) is not None]
    if args.folder is not None or given:
        what = f"--{given[0].replace('_', '-')}" if given else f"{args.folder}"
        raise UserError(f"{what} applies to a study, and --load to a saved range. Use one of them.")
    check_range(args, "tolerance", above=0)
    trusted = TrustedRange.load(args.load)
    tolerance = trusted.tolerance if args.tolerance is None else args.tolerance
    lines = [sentences.fit_sentence(trusted)]
    values = _values(args.check) if args.check else None
    if values is not None:
        lines += sentences.check_sentences(trusted, values, tolerance)
    elif tolerance is not None:
        lines.append(sentences.tolerance_sentence(trusted, trusted.trusted(tolerance)))
    if args.json:
        print_json(loaded_document(trusted, tolerance, values, lines))
    else:
        print("\n".join(lines))
    return 0


def _values(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name in found:
            raise UserError(f"--check gives {name} twice. Give one value.")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise UserError(
                f"--check {text} is not FEATURE=NUMBER. Use soap_distance=0.02, for example."
            ) from error
        if not math.isfinite(found[name]):
            raise UserError(f"--check {text} is not a finite number.")
    return found


def _check(args: argparse.Namespace) -> None:
    if args.check:
        raise UserError("--check needs a saved range. Use --load FILE.")
    check_range(args, "coverage", above=0, below=1)
    check_range(args, "tolerance", above=0)
    check_range(args, "ideal")
    check_range(args, "blocks", at_least=2)
    check_range(args, "mean_of", at_least=1)
    check_range(args, "seed", at_least=0)
