"""What a workload says of its report, and the model that is to give it: checked before training."""

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
"""What a workload names by modules."""


def check_reported(workload: dict[str, Any]) -> None:
    """Refuse figures, findings, explorers and intervals of metrics that are not there.

    Raises:
        UserError: a name is no module of such, with the closest that is.
    """
    from saibench.analysis.metric_sources import interval_function
    from saibench.figures import figure_module
    from saibench.findings.finding import find_function
    from saibench.report.viewers import explorer_module

    for name in workload.get("figures") or []:
        figure_module(name)
    for name in workload.get("findings") or []:
        find_function(name)
    for name in workload.get("explorers") or []:
        explorer_module(name)
    for name in workload.get("metric_intervals") or []:
        interval_function(name)


def check_built(settings: dict[str, Any], facts: dict[str, Any] | None, headline: bool) -> None:
    """Build the model as it will be built once the data are there.

    Args:
        settings: of a point.
        facts: what the data module foresees of its `dataset_info()`; None where it cannot.
        headline: whether every metric of the headline is to be one of the model's; a workload's
            own headline may name some that only other models have.

    Raises:
        UserError: the model cannot be built or started from its checkpoint, or has no such metric.
    """
    if facts is None:
        return
    model = settings["model"]
    target = get_object(model["_target_"])
    known = _built(target, json.dumps(model), json.dumps(facts)).metrics
    for name in (settings["workload"].get("headline") or []) if headline else []:
        partition, _, metric = name.rpartition("/")
        if partition and partition not in settings["partitions"]:
            nearest = closest(partition, settings["partitions"])
            raise UserError(f"workload.headline names the partition '{partition}': {nearest}")
        if metric not in known:
            nearest = closest(metric, known)
            raise UserError(f"workload.headline names '{metric}', no metric here: {nearest}")


def is_trained(model: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether there is anything to train in the model of these settings."""
    return _built(get_object(model["_target_"]), json.dumps(model), json.dumps(facts)).trains


def check_metrics(settings: dict[str, Any], facts: dict[str, Any] | None) -> None:
    """Build the metrics that the settings add, and try them with what the model gives to metrics.

    Args:
        settings: of a point; its targets are checked.
        facts: as in `check_built`; without them nothing is tried before the model is built.

    Raises:
        UserError: one cannot be built or updated, or has the name of a metric of the model's.
    """
    if not settings.get("metrics"):
        return
    from saibench.config.added_metrics import added_metrics
    from saibench.models.metrics import check_added

    added = added_metrics(settings["metrics"])
    for one in added:
        one.built()
    if facts is None:
        return
    model = settings["model"]
    built = _built(get_object(model["_target_"]), json.dumps(model), json.dumps(facts))
    for one in added:
        if one.name in built.metrics:
            raise UserError(f"{one.key}: the model has a metric of this name. Use another name.")
        check_added(one, built.inputs)


class _Built(NamedTuple):
    metrics: frozenset[str]
    trains: bool
    inputs: Mapping[str, MetricInputs]


@lru_cache
def _built(target: Any, model: str, facts: str) -> _Built:
    """What is known of a model once it is built; the points of a sweep mostly share it."""
    from saibench.models.contract import checked_statistics
    from saibench.models.global_state import preserved_global_state

    with preserved_global_state():
        node = OmegaConf.create(json.loads(model))
        built = build(node, "model", facts=json.loads(facts), _recursive_=False)
        statistics = checked_statistics(built)
        built.load_initial_weights()
        means = {name for statistic in statistics for name in statistic.metrics}
        metrics = {metric.name for metric in built.partition_metrics()}
        return _Built(frozenset(means | metrics), built.trains, built.metric_inputs())
