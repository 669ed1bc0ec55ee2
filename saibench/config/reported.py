"""Check the report that a workload describes, and the model behind it, before training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.utils import get_object
from omegaconf import OmegaConf

from saibench.errors import UserError, closest
from saibench.imports.targets import build

if TYPE_CHECKING:
    from saibench.models.metrics import MetricInputs

REPORTED_MODULES = ("findings", "figures", "explorers", "metric_intervals")
"""Keys of a workload that list modules."""


def check_reported(workload: dict[str, Any]) -> None:
    """Check that figures, findings, explorers and metric intervals exist.

    Raises:
        UserError: a name is not such a module; with the closest that is.
    """
    from saibench.analysis.metric_sources import interval_function
    from saibench.figures import figure_module
    from saibench.findings.finding import find_function
    from saibench.report.viewers import explorer_module

    load = (find_function, figure_module, explorer_module, interval_function)
    for part, function in zip(REPORTED_MODULES, load, strict=True):
        for name in workload.get(part) or []:
            function(name)


def check_built(settings: dict[str, Any], info: dict[str, Any] | None, headline: bool) -> None:
    """Build the model as it will be built once the data are there.

    Args:
        settings: of a run.
        info: the `dataset_info()` that the data module predicts; None if it cannot.
        headline: whether the model must have every metric of the headline; a workload's default
            headline may name metrics that only other models have.

    Raises:
        UserError: the model cannot be built or loaded from its checkpoint, or lacks the metric.
    """
    if info is None:
        return
    known = _built(settings["model"], info).metrics
    for name in (settings["workload"].get("headline") or []) if headline else []:
        partition, _, metric = name.rpartition("/")
        if partition and partition not in settings["partitions"]:
            nearest = closest(partition, settings["partitions"])
            raise UserError(f"workload.headline: unknown partition '{partition}', {nearest}")
        if metric not in known:
            nearest = closest(metric, known)
            raise UserError(f"workload.headline: unknown metric '{metric}', {nearest}")


def is_trained(model: dict[str, Any], info: dict[str, Any]) -> bool:
    """Whether the model of these settings has anything to train."""
    return _built(model, info).trains


def check_metrics(settings: dict[str, Any], info: dict[str, Any] | None) -> None:
    """Build the metrics that the settings add, and update them with inputs as the model's.

    Args:
        settings: of a run; its targets are checked.
        info: as in `check_built`; without it the metrics are built, and not updated.

    Raises:
        UserError: a metric cannot be built or updated, or the model has one of its name.
    """
    if not settings.get("metrics"):
        return
    from saibench.config.added_metrics import added_metrics
    from saibench.models.metrics import check_added

    added = added_metrics(settings["metrics"])
    if info is None:
        for one in added:
            one.built()
        return
    built = _built(settings["model"], info)
    for one in added:
        if repr(one) in built.accepted:
            continue
        if one.name in built.metrics:
            raise UserError(f"{one.key}: the model has a metric of this name. Use another name.")
        check_added(one, built.inputs)
        built.accepted.add(repr(one))


class _Built(NamedTuple):
    metrics: frozenset[str]
    trains: bool
    inputs: Mapping[str, MetricInputs]
    accepted: set[str]
    """Added metrics that were updated with these inputs, for another run of a sweep."""


def _built(model: dict[str, Any], info: dict[str, Any]) -> _Built:
    target = get_object(model["_target_"])  # a class that is defined anew is another model
    return _cached(target, json.dumps(model), json.dumps(info))


@lru_cache
def _cached(target: Any, model: str, info: str) -> _Built:
    """Build a model and describe it; most runs of a sweep share it."""
    from saibench.models.contract import checked_statistics
    from saibench.models.global_state import preserved_global_state

    with preserved_global_state():
        node = OmegaConf.create(json.loads(model))
        built = build(node, "model", dataset_info=json.loads(info), _recursive_=False)
        statistics = checked_statistics(built)
        built.load_initial_weights()
        means = {name for statistic in statistics for name in statistic.metrics}
        along = [(one, one.axis.labels) for one in statistics if one.axis is not None]
        means |= {
            f"{name}_{at}" for one, labels in along for name in one.summaries for at in labels
        }
        metrics = {metric.name for metric in built.partition_metrics()}
        return _Built(frozenset(means | metrics), built.trains, built.metric_inputs(), set())
