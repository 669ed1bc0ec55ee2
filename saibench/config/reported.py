"""What a workload says of its report, and the model that is to give it: checked before training."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra.utils import get_object
from omegaconf import OmegaConf

from saibench.config.targets import build
from saibench.errors import UserError, closest

if TYPE_CHECKING:
    from saibench.evidence.statistic import Statistic


def check_reported(workload: dict[str, Any]) -> None:
    """Refuse figures, findings and explorers that are not there.

    Raises:
        UserError: a name is no module of such, with the closest that is.
    """
    from saibench.figures import figure_module
    from saibench.interpretation.finding import find_function
    from saibench.report.explorers import explorer_module

    for name in workload.get("figures") or []:
        figure_module(name)
    for name in workload.get("findings") or []:
        find_function(name)
    for name in workload.get("explorers") or []:
        explorer_module(name)


def check_built(settings: dict[str, Any], facts: dict[str, Any] | None, headline: bool) -> None:
    """Build the model as it will be built once the data are there.

    Args:
        settings: of a point.
        facts: what the data module foresees of its `facts()`; None where it cannot.
        headline: whether every metric of the headline is to be one of the model's; a workload's
            own headline may name some that only other models have.

    Raises:
        UserError: the model cannot be built or started from its checkpoint, or has no such metric.
    """
    if facts is None:
        return
    model = settings["model"]
    target = get_object(model["_target_"])
    known = _metric_names(target, json.dumps(model), json.dumps(facts))
    for name in (settings["workload"].get("headline") or []) if headline else []:
        partition, _, metric = name.rpartition("/")
        if partition and partition not in settings["partitions"]:
            nearest = closest(partition, settings["partitions"])
            raise UserError(f"workload.headline names the partition '{partition}': {nearest}")
        if metric not in known:
            nearest = closest(metric, known)
            raise UserError(f"workload.headline names '{metric}', no metric here: {nearest}")


@lru_cache
def _metric_names(target: Any, model: str, facts: str) -> frozenset[str]:
    """Metrics of a model of this class; the points of a sweep mostly share it."""
    from saibench.models.global_state import preserved_global_state

    with preserved_global_state():
        node = OmegaConf.create(json.loads(model))
        built = build(node, "model", facts=json.loads(facts), _recursive_=False)
        statistics = _statistics_of(built)
        built.load_initial_weights()
        means = {name for statistic in statistics for name in statistic.metrics}
        return frozenset(means | {metric.name for metric in built.partition_metrics()})


def _statistics_of(model: Any) -> list[Statistic]:
    """What a model says that it reports, if it is as `BenchmarkModule` asks.

    Raises:
        UserError: it is not.
    """
    from lightning.pytorch.utilities.model_helpers import is_overridden

    from saibench.evidence.statistic import Statistic
    from saibench.models.base import BenchmarkModule

    kind = type(model).__name__
    if not isinstance(model, BenchmarkModule):
        base = f"{BenchmarkModule.__module__}.{BenchmarkModule.__name__}"
        raise UserError(f"{kind} is no subclass of {base}, which says what a model needs.")
    if model.trains and not is_overridden("validation_step", model):
        raise UserError(
            f"{kind} has no validation_step, where val/loss is to be logged, by whose smallest "
            "value its best weights are chosen."
        )
    for name, value in model.hparams.items():
        if not _is_builtin(value):
            raise UserError(
                f"{kind}.hparams holds a {type(value).__name__} as '{name}', and a checkpoint "
                "holds tensors and builtins alone: save_hyperparameters(ignore=['"
                f"{name}']) would leave it out."
            )
    try:
        found = model.statistics()
    except NotImplementedError as error:
        raise UserError(
            f"{kind} has no statistics(); one that returns a list of "
            "saibench.evidence.statistic.Statistic would work."
        ) from error
    except ValueError as error:
        raise UserError(f"{kind}.statistics(): {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, Statistic) for one in found):
        raise UserError(
            f"{kind}.statistics() is no list of saibench.evidence.statistic.Statistic; "
            "[Statistic(…)] would be one."
        )
    keys = [statistic.key for statistic in found]
    if not any(statistic.summaries for statistic in found) or len(set(keys)) < len(keys):
        raise UserError(
            f"{kind}.statistics() lists no statistic with summaries, or one twice: "
            f"{', '.join(keys) or 'none'}."
        )
    return found


def _is_builtin(value: Any) -> bool:
    from torch import Tensor

    if isinstance(value, dict):
        return all(_is_builtin(part) for part in [*value, *value.values()])
    if type(value) in (list, tuple, set):
        return all(_is_builtin(part) for part in value)
    return value is None or isinstance(value, str | int | float | complex | bytes | Tensor)
