"""Options of `saibench import` for whole samples: frames, jets, rain fields."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from saibench.errors import UserError
from saibench.printable import printable

OF_TABLES = ("schema", "seen")
OF_SAMPLES = (
    "workload",
    "reference_prefix",
    "prediction_prefix",
    "observed",
    "predictions",
    "training",
    "set",
)
"""Options of whole samples."""


def add_samples(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workload",
        metavar="NAME",
        help="of the samples: force_field, jet_tagging, nowcasting or yours; by default by the "
        "ending of the file",
    )
    parser.add_argument(
        "--reference-prefix", metavar="TEXT", help="before the names of the truth, such as REF_"
    )
    parser.add_argument(
        "--prediction-prefix",
        action="append",
        metavar="TEXT",
        help="before the names of the predictions, such as MACE_; repeat it for several models",
    )
    parser.add_argument(
        "--observed",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FILE",
        help="observed rain, of a series or of events",
    )
    parser.add_argument(
        "--predictions",
        "--forecast",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FILE",
        help="predictions, such as forecasts, if they are not in the files of the samples; one "
        "file per model",
    )
    parser.add_argument(
        "--training",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FILE",
        help="samples that the models were trained on, for features such as distances to them",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="settings of train.py for whole samples, such as data.timestep=0.5",
    )


def is_of_samples(args: argparse.Namespace) -> bool:
    """Whether the command names whole samples, and no table."""
    if any(getattr(args, name) for name in OF_SAMPLES):
        return True
    if not args.files:
        return False
    from saibench.evidence.imported.reading import ENDINGS, SPREADSHEETS, list_columns

    if not args.files[0].name.lower().endswith((*ENDINGS, *SPREADSHEETS)):
        return True
    lists = list_columns(args.files[0])
    if not lists:
        return False
    from saibench.runs.imported_samples import holding

    return bool(holding(args.files[0], lists))


def import_whole_samples(args: argparse.Namespace) -> int:
    """Print what was understood, and write the runs; return the exit code."""
    for name in OF_TABLES:
        if getattr(args, name) is not None:
            raise UserError(f"--{name} is an option of tables, and these are whole samples.")
    files = (*args.observed, *args.files)
    if not files:
        raise UserError("import needs a file of samples with their truth. Name one.")
    for path in (*files, *args.predictions, *args.training):
        if not path.exists():
            raise UserError(f"{path} does not exist.")

    from saibench.runs.imported_samples import Request, import_samples, workload_of

    request = Request(
        files=files,
        predictions=tuple(args.predictions),
        training=tuple(args.training),
        reference_prefix=args.reference_prefix,
        prediction_prefixes=tuple(args.prediction_prefix or ()),
    )
    workload = args.workload or workload_of(files[0])
    output = None if args.dry_run else args.output
    runs = import_samples(request, workload, [*args.set, *_logger(args)], output)
    failed = False
    for folder, outcome in runs.items():
        if outcome is None:
            print(f"{folder} (already imported; unchanged)")
        elif outcome.cause is None:
            print(folder)
        else:
            print(printable(f"{folder}: {outcome.cause}"), file=sys.stderr)
            failed = True
    return int(failed)


def _logger(args: argparse.Namespace) -> list[str]:
    """Settings of the requested logger."""
    options = {name: value for name in ("project", "entity") if (value := getattr(args, name))}
    if args.logger is None:
        if options:
            raise UserError(f"--{next(iter(options))} is an option of --logger wandb. Add that.")
        return []
    return [f"logger={args.logger}", *(f"logger.{name}={value}" for name, value in options.items())]
