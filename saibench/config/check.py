"""Refusing a point before anything is written: every setting is checked where it will be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hydra.utils import get_class, get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from saibench.config.other_workload import refuse_other_workload
from saibench.config.reported import (
    REPORTED_MODULES,
    check_built,
    check_metrics,
    check_reported,
    is_trained,
)
from saibench.config.required import Required
from saibench.config.typed import typed_key
from saibench.errors import InsufficientData, UserError, closest, first_line
from saibench.files.frozen_config import refuse_resolvers
from saibench.identity import slug
from saibench.imports.allow_list import targets
from saibench.imports.targets import build, check_targets, fault
from saibench.imports.user_names import name_caches, name_targets
from saibench.settings import Devices, MetricSettings, PointSettings, TrainerSettings, validated

__all__ = [
    "build",
    "check_devices",
    "check_logger",
    "check_point",
    "check_targets",
    "resolved",
    "trust_named",
]


def check_point(config: DictConfig) -> None:
    """Refuse a point that cannot work.

    Raises:
        UserError: a missing or unknown key, a value of the wrong kind, a device, a login or a
            figure that is not there, a window that reaches into the test, a model that cannot be
            built.
        InsufficientData: a subset larger than its window.
    """
    settings = resolved(config)
    trust_named(settings)
    trainer = validated(PointSettings, settings).trainer
    _check_budget(config, trainer)
    check_devices(trainer)
    check_settings_targets(settings, partial(typed_key, config))
    refuse_other_workload(config, settings)
    _check_class(settings["model"])
    _check_precision(settings["model"], trainer)
    _check_model(settings["model"], trainer)
    _check_monitor(settings)
    _check_rounds(settings["datamodule"], trainer)
    _check_callbacks(trainer)
    check_logger(settings["logger"])
    check_reported(settings["workload"])
    slug(settings)
    data = build(config.datamodule, "datamodule")
    facts = data.preview_dataset_info()
    check_built(settings, facts, _is_typed(config, "workload.headline"))
    check_metrics(settings, facts)
    if facts is not None and not is_trained(settings["model"], facts):
        data.without_training()
    data.check()


def check_settings_targets(settings: dict[str, Any], typed: Callable[[str], str] = str) -> None:
    """Check every node with a `_target_`; of a metric, without what says how it is reported.

    Raises:
        UserError: as `check_targets`.
    """
    beside = {name for name in MetricSettings.model_fields if name != "target"}
    metrics = {
        name: {key: value for key, value in node.items() if key not in beside}
        for name, node in (settings.get("metrics") or {}).items()
    }
    check_targets({**settings, "metrics": metrics}, typed)


def refuse_if_no_point_has_enough_data(
    points: int, insufficient: Sequence[InsufficientData]
) -> None:
    """Refuse a command all of whose points ask for more than their data hold.

    Raises:
        InsufficientData: the sentence of the only point, or one that names a count for all.
    """
    if not insufficient or len(insufficient) < points:
        return
    if points == 1:
        raise insufficient[0]
    counts = [error.largest for error in insufficient if error.largest is not None]
    fitting = f"; subset.count={min(counts)} would work for all" if len(counts) == points else ""
    raise InsufficientData(
        f"none of {points} points can be had: {first_line(insufficient[0])}{fitting}."
    )


def resolved(config: DictConfig) -> dict[str, Any]:
    """The settings as builtins, without Hydra's own, every interpolation replaced.

    Raises:
        UserError: a setting that does not resolve, or holds `${…}` nevertheless.
    """
    try:
        settings = {str(key): _value(config, key) for key in config if key != "hydra"}
    except OmegaConfBaseException as error:
        raise UserError(_unresolved(config, first_line(error))) from error
    refuse_resolvers(settings, "the settings")
    return settings


def trust_named(settings: dict[str, Any]) -> None:
    """Take what the settings of a command line name for the user's own word.

    What the command then reads from a folder may name it too.

    Args:
        settings: resolved, of a point or an evaluation.
    """
    named = [node["_target_"] for _, node in targets(settings)]
    workload = settings.get("workload")
    if isinstance(workload, dict):
        named += [name for part in REPORTED_MODULES for name in workload.get(part) or ()]
    name_targets(name for name in named if isinstance(name, str))
    data = settings.get("datamodule")
    cache = data.get("cache") if isinstance(data, dict) else None
    name_caches([cache] if isinstance(cache, str) else [])


def _unresolved(config: DictConfig, said: str) -> str:
    """The sentence for settings of which OmegaConf says that they do not resolve."""
    if found := re.search(r"trying to access (\S+): node `(\S+)` is not a container", said):
        wanted, replaced = found.groups()
        value = OmegaConf.select(config, replaced)
        given = f"{replaced}={'null' if value is None else value}"
        return f"{given} leaves no '{wanted}', which other settings take their value from."
    return f"the settings do not resolve: {said}."


def _value(config: DictConfig, key: Any) -> Any:
    if OmegaConf.is_missing(config, key):
        return "???"
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def check_devices(wanted: Devices) -> None:
    """Refuse devices that this machine does not have."""
    import torch

    there = torch.cuda.device_count()
    if wanted.accelerator in ("gpu", "cuda") and not there:
        raise UserError(
            f"trainer.accelerator={wanted.accelerator}, but PyTorch sees no GPU here; "
            "trainer.accelerator=cpu would work."
        )
    if there and wanted.accelerator != "cpu" and wanted.devices > there:
        raise UserError(
            f"trainer.devices={wanted.devices} is more than the GPUs that are here; "
            f"trainer.devices={there} would work."
        )


def _is_typed(config: DictConfig, key: str) -> bool:
    """Whether the command line gives a value to this very key."""
    given = OmegaConf.select(config, "hydra.overrides.task") or []
    return any(override.lstrip("+").startswith(f"{key}=") for override in given)


def check_logger(node: dict[str, Any] | None) -> None:
    """Refuse a logger that knows by its class method `check` that it cannot work."""
    check = getattr(get_object(node["_target_"]), "check", None) if node else None
    if check is not None:
        check(node)


def _check_budget(config: DictConfig, trainer: TrainerSettings) -> None:
    if trainer.max_steps is None:
        if trainer.max_time is None:
            raise UserError(
                "trainer.max_steps=null and trainer.max_time=null leave training without an end; "
                "one of them must be given."
            )
        if "${trainer.max_steps}" in str(config._get_node("lr_schedule")):
            raise UserError(
                "trainer.max_steps=null leaves this lr_schedule without an end; "
                "lr_schedule=plateau or lr_schedule=constant would work."
            )


def _check_class(model: dict[str, Any]) -> None:
    """Refuse a model that no class, or one of another kind, is named for."""
    from saibench.models.contract import refuse_other_class

    if "_target_" not in model:
        raise UserError("model has no _target_: the name of a class, as shipped models have it.")
    refuse_other_class(get_object(model["_target_"]), f"model._target_={model['_target_']}")


def _check_precision(model: dict[str, Any], trainer: TrainerSettings) -> None:
    """Refuse what the model would fail at, or Lightning would silently replace."""
    known = getattr(get_class(model["_target_"]), "precisions", (trainer.precision,))
    if trainer.precision not in known:
        raise UserError(
            f"trainer.precision={trainer.precision} is not for {model['_target_']}; "
            f"{' or '.join(known)} would work."
        )
    if trainer.precision == "16-mixed" and not _on_gpu(trainer):
        raise UserError("trainer.precision=16-mixed needs a GPU; bf16-mixed would work without.")


def _check_model(model: dict[str, Any], trainer: TrainerSettings) -> None:
    check = getattr(get_class(model["_target_"]), "check", None)
    if check is None:
        return
    try:
        check(Required(model, "model", model["_target_"]), trainer.max_steps)
    except UserError:
        raise
    except Exception as error:  # whatever a user's own check raises
        raise UserError(f"{model['_target_']}.check failed: {fault(error)}.") from error


def _check_monitor(settings: dict[str, Any]) -> None:
    """Refuse a schedule that follows what the model does not log: told after hours otherwise."""
    monitor = (settings.get("lr_schedule") or {}).get("monitor")
    known = getattr(get_class(settings["model"]["_target_"]), "validated", ())
    if monitor is not None and known and monitor not in known:
        raise UserError(
            f"lr_schedule.monitor={monitor} is not logged in validation by "
            f"{settings['model']['_target_']}: {closest(monitor, known)}"
        )


def _on_gpu(trainer: TrainerSettings) -> bool:
    import torch

    return trainer.accelerator != "cpu" and torch.cuda.is_available()


def _check_rounds(datamodule: dict[str, Any], trainer: TrainerSettings) -> None:
    """Refuse batches that leave a device without a sample, and rounds of two lengths."""
    batch_size, steps = datamodule.get("batch_size"), datamodule.get("steps_per_round")
    if isinstance(batch_size, int) and 0 < batch_size < trainer.devices:
        raise UserError(
            f"trainer.devices={trainer.devices} leaves a device without a sample, since "
            f"datamodule.batch_size={batch_size} is the batch of all devices together; "
            f"trainer.devices={batch_size} would work."
        )
    if steps not in (None, trainer.val_every):
        raise UserError(
            f"datamodule.steps_per_round={steps} is not trainer.val_every={trainer.val_every}, "
            f"the steps between two validations; trainer.val_every={steps} alone would work."
        )


def _check_callbacks(trainer: TrainerSettings) -> None:
    from lightning import Callback

    for name, node in trainer.callbacks.items():
        built = build(node, f"trainer.callbacks.{name}")
        if not isinstance(built, Callback):
            raise UserError(
                f"trainer.callbacks.{name} makes a {type(built).__name__}, which is no Lightning "
                "callback; {_target_: lightning.pytorch.callbacks.LearningRateMonitor} would work."
            )
