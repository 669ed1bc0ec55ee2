"""`python -m saibench trace <study folder>`: sources of a model's errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.commands.output import add_output_options, check_target, print_json
from saibench.commands.ranges import check_range
from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.analysis.tracing.config import TraceConfig
    from saibench.analysis.tracing.records import PointTrace
    from saibench.evidence.reader import StudyEvidence


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "trace",
        help="trace a model's errors to features, components and stretches of the data",
        description="Finds the features, components and stretches of time with which the "
        "errors of a study's runs correlate, with block bootstrap intervals and control of the "
        "false discovery rate per run. Defaults come from the study's workload.",
    )
    parser.add_argument("folder", type=Path, help="study folder")
    parser.add_argument(
        "--response", nargs="+", action="extend", metavar="NAME", help="errors: force_mae, lead/mae"
    )
    parser.add_argument(
        "--feature",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="features (default: those of the data, and of the model if the card lists them)",
    )
    parser.add_argument(
        "--point", nargs="+", action="extend", metavar="POINT", help="runs (default: each)"
    )
    parser.add_argument(
        "--partition", nargs="+", action="extend", help="partitions (default: the held-out one)"
    )
    parser.add_argument(
        "--ideal", type=float, help="value of the responses without error (default: 0)"
    )
    parser.add_argument(
        "--bias", metavar="NAME", help="signed error: energy_error, 'score - label'"
    )
    parser.add_argument("--along", metavar="NAME", help="feature along which the bias may change")
    parser.add_argument(
        "--across", nargs=2, metavar="SETTING", help="two settings whose effects to separate"
    )
    parser.add_argument("--level", type=float, help="false discovery rate (default: 0.05)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write all numbers as JSON")
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print sentences and tables; return the exit code."""
    from saibench.analysis.answers.traces import trace_sentences
    from saibench.analysis.dependence import dependence_warnings
    from saibench.analysis.setting_axes import axes_of
    from saibench.analysis.tracing.file import traces_document, write_traces
    from saibench.analysis.tracing.study_traces import trace_points
    from saibench.analysis.trusted_range.of_evidence import chosen_points
    from saibench.evidence.reader import StudyEvidence
    from saibench.evidence.selection import short_names

    check_range(args, "level", above=0, below=1)
    check_range(args, "ideal")
    check_target(args.save)
    evidence = StudyEvidence.load(args.folder)
    config = _config(evidence, args)
    points = chosen_points(evidence, args.point)
    if args.across:
        axes_of(evidence, args.across)  # refuses unknown settings before anything is traced
    traces = trace_points(evidence, points, config)
    for warning in dependence_warnings(evidence, points, config.partitions):
        print(warning, file=sys.stderr)
    if args.json:
        print_json(traces_document(evidence, traces, config))
    elif args.verbose:
        _print_all(evidence, traces, config)
        if args.point is None and (args.across or len(points) > 1):
            _print_across(evidence, config, required=args.across is not None)
    else:
        short = short_names(evidence)
        for trace in traces:
            lines = trace_sentences(trace, config, evidence)
            print("\n  ".join([short[trace.point], *lines]))
        if args.across:
            _print_across(evidence, config, required=True)
    if args.save is not None:
        saved = f"Saved as {write_traces(evidence, traces, config, args.save)}."
        print(saved, file=sys.stderr if args.json else None)
    return 0


def _print_all(evidence: StudyEvidence, traces: Sequence[PointTrace], config: TraceConfig) -> None:
    """Print everything that was found, as sentences and tables."""
    from saibench.analysis.tracing.comparisons import tested_in
    from saibench.analysis.tracing.in_words import in_words
    from saibench.analysis.tracing.sentences import comparisons_sentence, point_sentences
    from saibench.analysis.tracing.tables import printed
    from saibench.evidence.selection import short_names

    short = short_names(evidence)
    for trace in traces:
        lines = point_sentences(in_words(trace, evidence), config.level)
        print("\n  ".join([short[trace.point], *lines]))
        for response in trace.responses:
            print("\n    ".join(["", *printed(response)]))
        print()
    print(comparisons_sentence(tested_in(traces), config.level))


def _config(evidence: StudyEvidence, args: argparse.Namespace) -> TraceConfig:
    from saibench.analysis.tracing.config import trace_config

    ideal = None
    if args.ideal is not None:
        if not args.response:
            raise UserError("--ideal needs a response. Name it with --response.")
        ideal = dict.fromkeys(args.response, args.ideal)
    return trace_config(
        evidence,
        responses=args.response,
        features=args.feature,
        partitions=args.partition,
        ideal=ideal,
        bias=args.bias,
        along=args.along,
        across=args.across,
        level=args.level,
    )


def _print_across(evidence: StudyEvidence, config: TraceConfig, required: bool) -> None:
    """Print how the effects of two settings differ, or why that cannot be estimated."""
    from saibench.analysis.tracing.in_words import in_words
    from saibench.analysis.two_axes import two_axes
    from saibench.findings.two_axes import sentences

    statistic = config.bias or config.responses[0]
    try:
        parted = in_words(two_axes(evidence, statistic, config.along, config.across), evidence)
    except UserError as error:
        if required:
            raise
        print(f"The effects of two settings are not compared: {error}")
        return
    print("\n".join(sentences(parted)))
