"""`python -m saibench import <file> -o <folder>`: evidence of predictions made elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from saibench.commands.import_samples import add_samples, import_whole_samples, is_of_samples
from saibench.errors import UserError, closest
from saibench.formatting import counted, joined

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from saibench.evidence.imported.record import Prepared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "import",
        help="import predictions that were made elsewhere, for report, trust and trace",
        description="Reads a table of predictions (Parquet, CSV, TSV, Arrow or ROOT) with one row "
        "per sample and run, or whole samples with their predictions (frames of molecules, jets, "
        "rain fields), computes the errors, and writes a study's folder. Roles of columns come "
        "from a schema, or are guessed from their names and printed.",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE",
        help="table of predictions, or files of whole samples with their truth",
    )  # fmt: skip
    parser.add_argument(
        "--schema", type=Path, metavar="FILE", help="roles and units of a table, as YAML"
    )
    add_samples(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="new study folder")
    parser.add_argument(
        "--seen",
        type=Path,
        metavar="FILE",
        help="samples of a table that the models were trained on: a .txt with one id or name per "
        "line, or a table with a column sample_id",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what was understood, and write no run"
    )
    parser.add_argument(
        "--logger", metavar="NAME", help="also log the runs: wandb, csv, tensorboard or another of "
        "conf/logger",
    )  # fmt: skip
    parser.add_argument("--project", help="of --logger wandb (default: saibench)")
    parser.add_argument("--entity", help="team or user of --logger wandb")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Import a table or whole samples; return the exit code."""
    if args.output is None and not args.dry_run:
        raise UserError("import needs a folder for the study. Use -o outputs/mine, or --dry-run.")
    if is_of_samples(args):
        return import_whole_samples(args)
    return _import_table(args)


def _import_table(args: argparse.Namespace) -> int:
    """Print the roles of the columns, and write the folder; return the exit code."""
    from saibench.evidence.imported.reading import read_predictions
    from saibench.evidence.imported.schema import TableSchema, read_schema
    from saibench.evidence.imported.seen import read_seen, seen_ids
    from saibench.evidence.imported.study import prepare, write_study

    if len(args.files) != 1:
        raise UserError(f"a table is one file, and {len(args.files)} are named. Name one.")
    logger = _logger(args)
    schema = TableSchema() if args.schema is None else read_schema(args.schema)
    table, source = read_predictions(args.files[0], schema.separator, schema.decimal)
    listed = None if args.seen is None else read_seen(args.seen)
    with _of_file(args.files[0]):
        prepared = prepare(table, schema)
    if source.layout:
        print(f"{source.file}: {source.layout}.")
    print("\n".join([*prepared.understood.lines(), *_summary(prepared, table.height)]))
    seen = None
    if listed is not None:
        seen = seen_ids(listed, prepared.values)
        print(
            f"{counted(len(seen), 'sample')} of the table in --seen, which lists {len(listed):,}."
        )
    if args.dry_run:
        return 0
    del table
    with _of_file(args.files[0]):
        study = write_study(prepared, source, args.output, seen)
    note = " (already imported; unchanged)" if study.unchanged else ""
    print(f"{study.folder}{note}")
    if logger is not None:
        from saibench.loggers.build import log_run

        for name in study.runs:
            log_run(logger, study.folder / name)
    return 0


@contextmanager
def _of_file(path: Path) -> Iterator[None]:
    """Begin the message of a mistake with the file."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _logger(args: argparse.Namespace) -> DictConfig | None:
    """The config of the requested logger.

    Raises:
        UserError: an unknown logger, or options without one.
    """
    options = {name: value for name in ("project", "entity") if (value := getattr(args, name))}
    if args.logger is None:
        if options:
            raise UserError(f"--{next(iter(options))} is an option of --logger wandb. Add that.")
        return None
    from omegaconf import OmegaConf

    from saibench.shipped import conf

    known = {path.stem: path for path in (conf() / "logger").glob("*.yaml")}
    if args.logger not in known:
        raise UserError(f"--logger {args.logger} is unknown: {closest(args.logger, known)}")
    config = cast("DictConfig", OmegaConf.load(known[args.logger]))
    for name, value in options.items():
        if name not in config:
            raise UserError(f"--{name} is no option of --logger {args.logger}. Remove it.")
        config[name] = value
    return config


def _summary(prepared: Prepared, rows: int) -> list[str]:
    """Sentences on the rows: samples, runs, partitions."""
    from saibench.evidence.imported.same_samples import differing_counts

    values = prepared.values
    names = list(dict.fromkeys(run.model for run in prepared.runs))
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    partitions = [*values.partitions[:5]]
    if len(values.partitions) > 5:
        partitions.append(f"{len(values.partitions) - 5} more")
    lines = [
        f"{counted(rows, 'row')}, {counted(len(prepared.runs), 'run')} of "
        f"{joined([*names[:3], *more])}, tested on {joined(partitions)}."
    ]
    if len(values.trained):
        lines.append(
            f"{counted(len(values.trained), 'sample')} of training partitions: known as seen in "
            "training, not tested."
        )
    return [*lines, *differing_counts([(run.title, run.rows) for run in prepared.runs])]
