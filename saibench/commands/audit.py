"""`python -m saibench audit <study or run folder>`: find leaks from training to test data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.commands.config_dir import add_config_dir, add_data_root
from saibench.commands.ranges import check_range
from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.evidence.audit_record import Audit


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "audit",
        help="find test samples that leak from training: copies, near-duplicates, neighbours in "
        "time",
        description="Rebuilds the partitions of trained runs from their frozen configs, compares "
        "every test sample with the training set, and saves the result in the records of the runs, "
        "for reports. Runs no model.",
    )
    parser.add_argument("folder", type=Path, help="folder of a study or of a run")
    parser.add_argument(
        "--partition",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="test partitions (default: those of the run)",
    )
    parser.add_argument(
        "--seen",
        metavar="FILE",
        help="ids of samples of an earlier training of the model: .txt, .csv, .npy or .json",
    )
    parser.add_argument(
        "--pairs", type=int, default=3, help="worst pairs to print per partition (default: 3)"
    )
    add_data_root(parser)
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print sentences and pairs; return the exit code."""
    check_range(args, "pairs", at_least=0)
    folders = _run_folders(args.folder)
    from saibench.runs.audit import audit_point

    refused = []
    for folder in folders:
        try:
            found = audit_point(folder, args.partition, args.seen, args.data_root)
        except UserError as error:
            refused.append((folder, error))
            continue
        for audit in found:
            print(_report(folder, audit, args.pairs), flush=True)
        if args.seen is None and _starts_from_weights(folder):
            print("  The training data of the initial weights are unknown. Name them with --seen.")
    if len(refused) == len(folders):
        raise refused[0][1]
    for folder, reason in refused:
        print(f"{folder.name}:\n  Not audited: {reason}")
    return 0


def _starts_from_weights(folder: Path) -> bool:
    """Whether a run began with weights whose training samples are unknown."""
    from saibench.evidence.run_record import read_record

    record = read_record(folder)
    files = (record.get("identity") or {}).get("files") or {}
    return "seen_elsewhere" not in record and any(name.startswith("model.") for name in files)


def _report(folder: Path, audit: Audit, pairs: int) -> str:
    from saibench.analysis.leak_audit.sentences import pair_lines, summary

    lines = [*summary(audit), *pair_lines(audit, pairs)]
    return "\n  ".join([f"{folder.name}, {audit.partition}:", *lines])


def _run_folders(folder: Path) -> list[Path]:
    """Return the folders of runs with a frozen config."""
    if (folder / "config.yaml").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/config.yaml"))
    if not found:
        raise UserError(
            f"{folder} contains no run with a config.yaml. Use a folder that train.py wrote, such "
            "as outputs/<study>."
        )
    return found
