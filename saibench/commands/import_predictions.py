"""`python -m saibench import <table> -o <folder>`: evidence of predictions made elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.evidence.imported.study import Prepared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "import",
        help="import predictions that were made elsewhere, for report, trust and trace",
        description="Reads a table of predictions (Parquet, CSV, TSV or Arrow) with one row per "
        "sample and run, computes the errors, and writes a study's folder. Roles of columns come "
        "from a schema, or are guessed from their names and printed.",
    )
    parser.add_argument("file", type=Path, help="table of predictions")
    parser.add_argument("--schema", type=Path, metavar="FILE", help="roles and units, as YAML")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="new study folder")
    parser.add_argument(
        "--seen",
        type=Path,
        metavar="FILE",
        help="samples that the models were trained on: a .txt with one id or name per line, or a "
        "table with a column sample_id",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what was understood, and write nothing"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the roles of the columns, and write the folder; return the exit code."""
    from saibench.evidence.imported.reading import read_predictions
    from saibench.evidence.imported.schema import TableSchema, read_schema
    from saibench.evidence.imported.seen import read_seen
    from saibench.evidence.imported.study import prepare, write_study

    if args.output is None and not args.dry_run:
        raise UserError("import needs a folder for the study. Use -o outputs/mine, or --dry-run.")
    schema = TableSchema() if args.schema is None else read_schema(args.schema)
    table, source = read_predictions(args.file)
    seen = None if args.seen is None else read_seen(args.seen)
    prepared = prepare(table, schema)
    print("\n".join([*prepared.understood.lines(), *_summary(prepared, table.height)]))
    if args.dry_run:
        return 0
    del table
    study = write_study(prepared, source, args.output, seen)
    note = " (already imported; unchanged)" if study.unchanged else ""
    print(f"{study.folder}{note}")
    return 0


def _summary(prepared: Prepared, rows: int) -> list[str]:
    """Sentences on the rows: samples, runs, partitions."""
    from saibench.formatting import counted, joined

    values = prepared.values
    names = list(dict.fromkeys(run.model for run in prepared.runs))
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    lines = [
        f"{counted(rows, 'row')}, {counted(len(prepared.runs), 'run')} of "
        f"{joined([*names[:3], *more])}, tested on {joined(values.partitions[:5])}."
    ]
    if len(values.trained):
        lines.append(
            f"{counted(len(values.trained), 'sample')} of training partitions: known as seen in "
            "training, not tested."
        )
    return lines
