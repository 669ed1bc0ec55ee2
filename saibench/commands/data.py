"""`saibench data`: list and download the data sets that saibench reads."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from saibench.datamodules.downloads.catalogue import Downloadable, catalogue
from saibench.errors import UserError


def add_parser(
    subparsers: argparse._SubParsersAction, datasets: Mapping[str, Downloadable] | None = None
) -> None:
    """Add `data list` and `data download <name>`; by default for the whole catalogue."""
    parser = subparsers.add_parser(
        "data", help="list and download the data sets", description=__doc__
    )
    actions = parser.add_subparsers(required=True, metavar="list|download")
    datasets = catalogue() if datasets is None else datasets

    listing = actions.add_parser("list", help="list the data sets")
    listing.set_defaults(run=run, datasets=datasets, dataset=None)

    fetching = actions.add_parser("download", help="download a data set")
    names = fetching.add_subparsers(required=True, metavar="|".join(datasets))
    for dataset in datasets.values():
        _add_dataset(names, dataset)


def _add_dataset(names: argparse._SubParsersAction, dataset: Downloadable) -> None:
    parser = names.add_parser(dataset.name, help=dataset.summary, description=dataset.summary)
    parser.set_defaults(run=run, dataset=dataset)
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help=f"target folder (default: {dataset.folder}/ in $SAIBENCH_CACHE_DIR or "
        f"~/.cache/saibench)",
    )
    for option in dataset.options:
        if option.choices:
            parser.add_argument(
                f"--{option.name}",
                nargs="+",
                action="extend",
                default=[],
                metavar=option.choices[0],
                help=f"{option.help}: {', '.join(option.choices)}",
            )
        else:
            parser.add_argument(f"--{option.name}", action="store_true", help=option.help)


def run(args: argparse.Namespace) -> int:
    """Run the command; print results on standard output and progress on standard error."""
    if args.dataset is None:
        print("\n\n".join(describe(dataset) for dataset in args.datasets.values()))
        return 0
    from saibench.datamodules.cache_root import cache_root

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    root = args.root or cache_root() / args.dataset.folder
    chosen = {option.name: getattr(args, option.name) for option in args.dataset.options}
    try:
        files = args.dataset.download(root, **chosen)
    except OSError as error:
        raise UserError(f"{root}: {args.dataset.name} cannot be saved there: {error}.") from error
    print("\n".join(str(file) for file in files))
    return 0


def describe(dataset: Downloadable) -> str:
    """Return lines on a data set: summary, size, licence, source and options."""
    lines = [
        f"{dataset.name}: {dataset.summary}",
        f"  {dataset.size}; {dataset.licence}; {dataset.source}",
    ]
    for option in dataset.options:
        choices = f": {', '.join(option.choices)}" if option.choices else ""
        lines.append(f"  --{option.name}  {option.help}{choices}")
    if dataset.by_hand:
        lines.append(f"  By hand: {dataset.by_hand}.")
    return "\n".join(lines)
