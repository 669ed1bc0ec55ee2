"""`evaluate.py`: a trained point, looked at again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from saibench.config.check import build, check_targets, resolved
from saibench.errors import UserError
from saibench.runs import record
from saibench.runs.execute import retest
from saibench.runs.point import Point, load_point, locked


def check_retest(config: DictConfig) -> tuple[Point, dict[str, Any]]:
    """The point to be tested again and the settings that differ from its own.

    Raises:
        UserError: no such point, one that is not complete, or a partition that cannot be had.
    """
    try:
        folder = Path(config.run)
    except MissingMandatoryValue as error:
        raise UserError(
            "evaluate.py needs the folder of a trained point: run=outputs/<study>/<point>."
        ) from error
    point = load_point(folder)
    state = record.read_record(folder).get("state")
    if state != record.COMPLETE:
        raise UserError(f"run={folder} is {state}, not complete: finish it with train.py first.")
    changes = {key: value for key, value in resolved(config).items() if key != "run"}
    check_targets(changes["partitions"], "partitions")
    datamodule = OmegaConf.create(point.settings["datamodule"])
    datamodule.test = changes["test"]
    datamodule.partitions = {**datamodule.partitions, **changes["partitions"]}
    build(datamodule, "datamodule").check()
    return point, changes


def retest_point(config: DictConfig) -> None:
    """Test the point, say what was found, and join its study's evidence anew."""
    _, changes = check_retest(config)
    folder = Path(config.run)
    with locked(folder):
        retest(folder, changes)
    _print_metrics(folder, changes["test"])


def _print_metrics(folder: Path, test: list[str]) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    for partition in test:
        print(f"{partition}:")
        for name, entry in metrics[partition].items():
            per = f" a {entry['per']}" if entry["per"] else ""
            print(f"  {name} {entry['value']:.4g} {entry['unit']}{per}, n = {entry['count']}")
