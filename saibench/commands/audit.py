"""`python -m saibench audit <study or point folder>`: what training has seen of a test."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.commands.config_dir import add_config_dir
from saibench.commands.data_root import add_data_root
from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.evidence.audit_record import Audit


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser of `python -m saibench`."""
    parser = subparsers.add_parser(
        "audit",
        help="find what training has seen of a test: copies, near-duplicates, neighbours in time",
        description="Draws the partitions of trained points again from their frozen configs, "
        "compares every test sample with what training saw, and keeps what is found in the points' "
        "records, where reports find it. No model is run.",
    )
    parser.add_argument("folder", type=Path, help="folder of a study or of a point")
    parser.add_argument(
        "--partition", nargs="+", metavar="NAME", help="by default those that are tested on"
    )
    parser.add_argument(
        "--seen",
        metavar="FILE",
        help="ids of samples that the model has seen elsewhere: .txt, .csv, .npy or .json",
    )
    parser.add_argument(
        "--pairs", type=int, default=3, help="worst pairs that are printed of each (default: 3)"
    )
    add_data_root(parser)
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints sentences and pairs; returns the exit code."""
    if args.pairs < 0:
        raise UserError(f"--pairs {args.pairs} is negative; 0 would print none.")
    folders = _points(args.folder)
    from saibench.runs.audit import audit_point

    refused = []
    for folder in folders:
        try:
            found = audit_point(folder, args.partition, args.seen, args.data_root)
        except UserError as error:
            refused.append((folder, error))
            continue
        for audit in found:
            print(_told(folder, audit, args.pairs), flush=True)
        if args.seen is None and _starts_from_weights(folder):
            print("  What the weights that it started from have seen is not known: --seen says it.")
    if len(refused) == len(folders):
        raise refused[0][1]
    for folder, reason in refused:
        print(f"{folder.name}:\n  Not audited: {reason}")
    return 0


def _starts_from_weights(folder: Path) -> bool:
    """Whether a run began with weights from elsewhere, of which no ids are given."""
    from saibench.evidence.run_record import read_record

    record = read_record(folder)
    files = (record.get("identity") or {}).get("files") or {}
    return "seen_elsewhere" not in record and any(name.startswith("model.") for name in files)


def _told(folder: Path, audit: Audit, pairs: int) -> str:
    from saibench.analysis.leak_audit.sentences import pair_lines, summary

    lines = [*summary(audit), *pair_lines(audit, pairs)]
    return "\n  ".join([f"{folder.name}, {audit.partition}:", *lines])


def _points(folder: Path) -> list[Path]:
    """The folders of points, each with its frozen config."""
    if (folder / "config.yaml").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/config.yaml"))
    if not found:
        raise UserError(
            f"{folder} holds no point with a config.yaml, of which its partitions could be drawn "
            "again; a folder that train.py wrote, as outputs/<study>, would work."
        )
    return found
