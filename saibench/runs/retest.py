"""`evaluate.py`: a trained point, looked at again."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from saibench.analysis.single_class import single_class
from saibench.config.added_metrics import added_metrics
from saibench.config.check import (
    build,
    check_devices,
    check_logger,
    check_settings_targets,
    resolved,
    trust_named,
)
from saibench.config.reported import check_metrics
from saibench.errors import UserError
from saibench.evidence import run_record as record
from saibench.evidence.reader import StudyEvidence
from saibench.identity import with_root
from saibench.runs.evaluation import missing_tests
from saibench.runs.execute import Outcome, retest
from saibench.runs.point import load_point
from saibench.runs.rebuilt import trained_settings
from saibench.runs.training import check_data, rank_of
from saibench.runs.trust import check_trust, keep_trust
from saibench.settings import EvaluationSettings, validated

ON_A_SCREEN = 40
"""Metrics of a partition that are all printed."""


def check_retest(config: DictConfig) -> tuple[Path, dict[str, Any]]:
    """The folder of the point to be tested again, and the settings that differ from its own.

    Raises:
        UserError: no such point, one that is not complete, a partition that cannot be had, or a
            device that is not there.
    """
    if OmegaConf.is_missing(config, "run"):
        raise UserError(
            "evaluate.py needs the folder of a trained point: run=outputs/<study>/<point>."
        )
    settings = resolved(config)
    trust_named(settings)
    check_devices(validated(EvaluationSettings, settings).trainer)
    check_settings_targets(settings)
    check_logger(settings["logger"])
    folder = Path(settings.pop("run")).absolute()
    own = trained_settings(folder)
    _refuse_another_held_out(own, settings["partitions"])
    if settings["test"] is None:
        settings["test"] = [*own["test"], *settings["partitions"]]
    data = build(_changed(own, settings).datamodule, "datamodule")
    data.check()
    check_metrics({**own, "metrics": settings["metrics"]}, data.dataset_info())
    if settings["trust"] is not None:
        check_trust(folder, settings["trust"])
    return folder, settings


def _refuse_another_held_out(own: dict[str, Any], added: dict[str, Any]) -> None:
    """The held-out partition decides what training may not touch, and is what figures look at."""
    name = own["held_out"]
    if name in added and added[name] != own["partitions"][name]:
        raise UserError(
            f"partitions.{name} is the held-out partition of this point, which was trained "
            "outside it: another name for this one would work."
        )


def retest_point(config: DictConfig) -> Outcome:
    """Test the point and say what was found."""
    try:
        folder, changes = check_retest(config)
    except UserError as error:  # the point has changed since all points were checked
        return Outcome(Path(config.run).absolute(), record.FAILED, str(error), is_users=True)
    outcome = retest(folder, changes)
    if outcome.cause is None:
        _print_metrics(folder, changes["test"], changes["metrics"])
        _print_single_classes(folder, changes["test"])
        if changes["trust"] is not None:
            keep_trust(folder, changes["test"], changes["trust"])
    return outcome


def lacks(folder: Path, changes: dict[str, Any]) -> list[str]:
    """The partitions of `changes` that the point's evidence does not hold.

    Raises:
        UserError: the data are not those that the point was trained on.
    """
    return _lacks(folder, _changed(load_point(folder).settings, changes))


def test_again(folder: Path, changes: dict[str, Any]) -> None:
    """Test a trained point on the partitions of `changes` that its evidence lacks.

    Every rank calls this with the same arguments.

    Args:
        changes: `test`, `partitions`, `metrics`, `save_samples`, `trainer` and `logger` in place of
            the point's own, and the `data.root` where its data are now.
    """
    config = _changed(load_point(folder).settings, changes)
    config.datamodule.test = _lacks(folder, config)
    with rank_of(folder, config, "evaluate") as rank:
        rank.test()


def _lacks(folder: Path, config: DictConfig) -> list[str]:
    data = build(config.datamodule, "datamodule")
    check_data(folder, data)
    return missing_tests(folder, data, added_metrics(config.metrics))


def _changed(settings: dict[str, Any], changes: dict[str, Any]) -> DictConfig:
    """A point's own settings with those of an evaluation in their place."""
    config = OmegaConf.create(with_root(settings, (changes.get("data") or {}).get("root")))
    OmegaConf.update(config, "trainer", changes["trainer"], merge=True)
    config.logger = changes["logger"]
    config.metrics = changes.get("metrics") or {}
    config.datamodule.test = changes["test"]
    config.datamodule.partitions = {**config.datamodule.partitions, **changes["partitions"]}
    if _can_save(config.datamodule):
        config.datamodule.save_samples = changes.get("save_samples")
    elif changes.get("save_samples") is not None:
        raise UserError(
            f"save_samples={changes['save_samples']}: workload={settings['workload']['name']} "
            "saves no single samples. Use save_samples=null."
        )
    return config


def _can_save(datamodule: DictConfig) -> bool:
    """Whether its class keeps samples; a point's own settings may be older than that."""
    return "save_samples" in inspect.signature(get_class(datamodule["_target_"])).parameters


def _print_metrics(folder: Path, test: list[str], added: Iterable[str] = ()) -> None:
    """All metrics of each partition; where they would fill a screen, the headline's and added."""
    metrics = record.read_metrics(folder)
    headline = [
        name.rpartition("/")[2] for name in record.read_record(folder).get("headline") or []
    ]
    headline += added
    for partition in test:
        print(f"{partition}:")
        every = metrics[partition]
        chosen = {name: every[name] for name in dict.fromkeys(headline) if name in every}
        shown = chosen if chosen and len(every) > ON_A_SCREEN else every
        for name, entry in shown.items():
            per = entry.get("per") and f"per {entry['per']}"
            unit = ", ".join(part for part in (entry.get("unit"), per) if part)
            value = entry.get("value")
            value = "undefined" if value is None else f"{value:.4g} {unit}"
            if entry.get("above") is not None:
                value = f"> {entry['above']:.4g} {unit} (95 %)"
            print(f"  {name} = {value} (n = {entry.get('count', 0)})")
        if len(shown) < len(every):
            print(f"  and {len(every) - len(shown)} more in {folder / record.METRICS}")


def _print_single_classes(folder: Path, test: list[str]) -> None:
    """What accuracies do not say: that one class is predicted for every sample."""
    evidence = StudyEvidence.load(folder)
    for point in evidence.metrics:
        for partition in test:
            if (told := single_class(evidence, point, partition)) is not None:
                print(told)
