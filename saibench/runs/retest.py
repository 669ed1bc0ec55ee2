"""`evaluate.py`: test a trained run on more partitions."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from saibench.analysis.single_class import single_class
from saibench.config.added_metrics import added_metrics
from saibench.config.check import (
    check_devices,
    check_logger,
    check_settings_targets,
    resolved,
    trust_named,
)
from saibench.config.launchers import starts_on_other_machines
from saibench.config.other_workload import refuse_other_workload
from saibench.config.reported import check_metrics
from saibench.datamodules.structural import StructuralDataModule
from saibench.errors import UserError
from saibench.evidence import run_record as record
from saibench.evidence.reader import StudyEvidence
from saibench.identity import with_root
from saibench.imports.allow_list import TARGET
from saibench.imports.targets import build, options_of
from saibench.runs.evaluation import missing_tests
from saibench.runs.execute import execute, retest
from saibench.runs.other_data import on_other_data
from saibench.runs.outcome import Outcome
from saibench.runs.point import Point, load_point
from saibench.runs.rebuilt import trained_settings
from saibench.runs.several_nodes import writes_here
from saibench.runs.training import check_data, rank_of
from saibench.runs.trust import check_trust, keep_trust
from saibench.settings import EvaluationSettings, validated

MAX_PRINTED = 40
"""Most metrics of a partition that are all printed."""


def check_retest(config: DictConfig) -> None:
    """Refuse an evaluation that is not possible.

    Raises:
        UserError: the run is missing or not complete, or a partition, metric, range or device is
            invalid.
    """
    folder, settings = _requested(config)
    own = trained_settings(folder)
    if settings["trust"] is not None:
        check_trust(folder, settings["trust"])
    changed = _changed(own, settings)
    if TARGET in settings["data"]:
        refuse_other_workload(changed, resolved(changed))
    data = build(changed.datamodule, "datamodule")
    if _is_other(folder, data, settings):
        data.without_training()
    data.check()
    check_metrics({**own, "metrics": settings["metrics"]}, data.dataset_info())


def _requested(config: DictConfig) -> tuple[Path, dict[str, Any]]:
    """Return the run's folder, and the settings that replace its own; no data are built.

    Raises:
        UserError: the run is missing or not complete, or a setting is invalid.
    """
    if OmegaConf.is_missing(config, "run"):
        raise UserError(
            "run is not set. Use the folder of a trained run: run=outputs/<study>/<run>."
        )
    settings = resolved(config)
    trust_named(settings)
    _drop_unused_root(settings["data"])
    trainer = validated(EvaluationSettings, settings).trainer
    if not starts_on_other_machines(config):
        check_devices(trainer)
    check_settings_targets(settings)
    check_logger(settings["logger"])
    folder = Path(settings.pop("run")).absolute()
    own = trained_settings(folder)
    _refuse_another_held_out(own, settings["partitions"])
    if settings["test"] is None:
        settings["test"] = [*own["test"], *settings["partitions"]]
    return folder, settings


def _refuse_another_held_out(own: dict[str, Any], added: dict[str, Any]) -> None:
    """Refuse to redefine the held-out partition, which training excluded and figures use."""
    name = own["held_out"]
    if name in added and added[name] != own["partitions"][name]:
        raise UserError(
            f"partitions.{name} is the held-out partition of this run and cannot be redefined. "
            "Use another name."
        )


def retest_point(config: DictConfig) -> Outcome:
    """Test the run, on other data as a run of its own, and print its metrics."""
    try:
        folder, changes = _requested(config)
        other = _on_other_data(folder, changes)
    except UserError as error:  # the run has changed since it was checked
        return Outcome(Path(config.run).absolute(), record.FAILED, str(error), is_users=True)
    if other is None:
        outcome = retest(folder, changes)
    else:
        print(f"{folder.name} is tested on other data than those of its training: {other.folder}")
        outcome = execute(other, keep_refused=False)
        if outcome.cause is None and writes_here():
            studies = " ".join(shlex.quote(str(one)) for one in (folder.parent, other.study))
            print(f"Both side by side: python -m saibench report {studies}")
        folder = other.folder
    if outcome.cause is None and writes_here():
        _print_metrics(folder, changes["test"], changes["metrics"])
        _print_single_classes(folder, changes["test"])
        if changes["trust"] is not None:
            keep_trust(folder, changes["test"], changes["trust"])
    return outcome


def _on_other_data(folder: Path, changes: dict[str, Any]) -> Point | None:
    """The run on other data than those of the training; None if they are the same."""
    if not _names_data(changes):
        return None
    own = load_point(folder).settings
    changed = _changed(own, changes)
    data = build(changed.datamodule, "datamodule")
    return on_other_data(folder, own, changed, data) if _is_other(folder, data, changes) else None


def _is_other(folder: Path, data: StructuralDataModule, changes: dict[str, Any]) -> bool:
    """Whether an evaluation names data, and they are not those of the training."""
    if not _names_data(changes):
        return False
    before = (record.read_record(folder).get("data") or {}).get("hash")
    return before not in (None, data.describe_data()["hash"])


def _names_data(changes: dict[str, Any]) -> bool:
    return any(value is not None for value in changes["data"].values())


def _drop_unused_root(data: dict[str, Any]) -> None:
    """Remove the empty `root` of `conf/evaluate.yaml` from data without such an option."""
    if TARGET in data and data.get("root") is None:
        options = options_of(data[TARGET])
        if options is not None and "root" not in options:
            data.pop("root", None)


def lacks(
    folder: Path, changes: dict[str, Any], settings: dict[str, Any] | None = None
) -> list[str]:
    """Return the partitions of `changes` that the run's evidence lacks.

    Args:
        folder: of the run.
        changes: as of `saibench.runs.execute.retest`.
        settings: of the run; default: those frozen in its folder.

    Raises:
        UserError: the data have changed since training.
    """
    config = _changed(load_point(folder).settings if settings is None else settings, changes)
    data = build(config.datamodule, "datamodule")
    check_data(folder, data)
    return missing_tests(folder, data, added_metrics(config.metrics))


def test_again(folder: Path, changes: dict[str, Any]) -> None:
    """Test a trained run on the partitions of `changes` that its evidence lacks, on every rank.

    Args:
        folder: of the run.
        changes: as of `saibench.runs.execute.retest`.
    """
    config = _changed(load_point(folder).settings, changes)
    config.datamodule.test = lacks(folder, changes)
    with rank_of(folder, config, "evaluate") as rank:
        rank.test()


def _changed(settings: dict[str, Any], changes: dict[str, Any]) -> DictConfig:
    """A run's settings, replaced by those of an evaluation."""
    config = OmegaConf.create(_with_data(settings, changes.get("data") or {}))
    OmegaConf.update(config, "trainer", {"num_nodes": 1, **changes["trainer"]}, merge=True)
    config.logger = changes["logger"]
    config.metrics = changes.get("metrics") or {}
    config.datamodule.test = changes["test"]
    config.datamodule.partitions = {**config.datamodule.partitions, **changes["partitions"]}
    parameters = inspect.signature(get_class(config.datamodule["_target_"])).parameters
    if "save_samples" in parameters:
        config.datamodule.save_samples = changes.get("save_samples")
    elif changes.get("save_samples") is not None:
        raise UserError(
            f"save_samples={changes['save_samples']}: workload={settings['workload']['name']} "
            "does not save samples. Use save_samples=null."
        )
    return config


def _with_data(settings: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A run's settings with its data in another folder, or with other data."""
    if TARGET not in data:
        return with_root(settings, data.get("root"))
    return {
        **settings,
        "data": data,
        "datamodule": {**settings["datamodule"], "source": data},
    }


def _print_metrics(folder: Path, test: list[str], added: Iterable[str] = ()) -> None:
    """Print the metrics of each partition; of more than `MAX_PRINTED`, headline and added ones."""
    metrics = record.read_metrics(folder)
    names = [*(record.read_record(folder).get("headline") or []), *added]
    for partition in test:
        print(f"{partition}:")
        every = metrics[partition]
        preferred = dict.fromkeys(name.rpartition("/")[2] for name in names)
        chosen = {name: every[name] for name in preferred if name in every}
        printed = chosen if chosen and len(every) > MAX_PRINTED else every
        for name, entry in printed.items():
            per = entry.get("per") and f"per {entry['per']}"
            unit = ", ".join(part for part in (entry.get("unit"), per) if part)
            value = entry.get("value")
            value = "undefined" if value is None else f"{value:.4g} {unit}"
            if entry.get("above") is not None:
                value = f"> {entry['above']:.4g} {unit} (95 %)"
            print(f"  {name} = {value} (n = {entry.get('count', 0)})")
        if len(printed) < len(every):
            print(f"  and {len(every) - len(printed)} more in {folder / record.METRICS}")


def _print_single_classes(folder: Path, test: list[str]) -> None:
    """Report partitions for which one class is predicted for every sample."""
    evidence = StudyEvidence.load(folder)
    for point in evidence.metrics:
        for partition in test:
            if (sentence := single_class(evidence, point, partition)) is not None:
                print(sentence)
