"""Check all settings of a run before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from hydra.utils import get_class, get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from saibench.config.launchers import starts_on_other_machines
from saibench.config.other_workload import refuse_other_workload
from saibench.config.reported import (
    REPORTED_MODULES,
    check_built,
    check_metrics,
    check_reported,
    is_trained,
)
from saibench.config.required import Required
from saibench.config.typed import is_typed, typed_key
from saibench.errors import InsufficientData, UserError, closest, first_line
from saibench.files.frozen_config import refuse_resolvers
from saibench.identity import slug
from saibench.imports.allow_list import targets
from saibench.imports.targets import build, check_targets, fault
from saibench.imports.user_names import name_caches, name_targets
from saibench.settings import Devices, MetricSettings, PointSettings, TrainerSettings, validated

_GPU = ("gpu", "cuda")
"""Names of a GPU as an accelerator."""


def check_point(config: DictConfig) -> None:
    """Check all settings of a run, and build its data module and model.

    Raises:
        UserError: a missing or unknown key, a value of the wrong type, a device, login or figure
            that does not exist, a window that overlaps the test, data or a model of another
            workload, or a model that cannot be built.
        InsufficientData: a subset larger than its window.
    """
    settings = resolved(config)
    trust_named(settings)
    trainer = validated(PointSettings, settings).trainer
    _check_budget(config, trainer)
    if not starts_on_other_machines(config):
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
    info = data.preview_dataset_info()
    check_built(settings, info, is_typed(config, "workload.headline"))
    check_metrics(settings, info)
    if info is not None and not is_trained(settings["model"], info):
        data.without_training()
    data.check()


def check_settings_targets(settings: dict[str, Any], typed: Callable[[str], str] = str) -> None:
    """Check every node with a `_target_`; of a metric, without the keys of its reporting.

    Raises:
        UserError: as `check_targets`, or a setting without a default is not set.
    """
    if missing := next(_missing(settings), None):
        key = typed(missing)
        raise UserError(f"{key} is not set, and has no default. Use {key}=<value>.")
    reporting = MetricSettings.model_fields.keys() - {"target"}
    metrics = {
        name: {key: value for key, value in node.items() if key not in reporting}
        for name, node in (settings.get("metrics") or {}).items()
    }
    check_targets({**settings, "metrics": metrics}, typed)


def refuse_if_no_point_has_enough_data(
    points: int, insufficient: Sequence[InsufficientData]
) -> None:
    """Refuse a command if the data of none of its runs are large enough.

    Raises:
        InsufficientData: the error of the only run, or one that names a count for all.
    """
    if not insufficient or len(insufficient) < points:
        return
    if points == 1:
        raise insufficient[0]
    counts = [error.largest for error in insufficient if error.largest is not None]
    advice = f" Use subset.count={min(counts)} for all." if len(counts) == points else ""
    raise InsufficientData(
        f"The data are too small for all {points} runs: {first_line(insufficient[0])}.{advice}"
    )


def resolved(config: DictConfig) -> dict[str, Any]:
    """Return the settings as builtins, without Hydra's own, with all interpolations resolved.

    Raises:
        UserError: a setting does not resolve, or still contains `${…}`.
    """
    try:
        settings = {str(key): _value(config, key) for key in config if key != "hydra"}
    except OmegaConfBaseException as error:
        raise UserError(_unresolved(config, first_line(error))) from error
    refuse_resolvers(settings, "the settings")
    return settings


def trust_named(settings: dict[str, Any]) -> None:
    """Allow what the settings of a command line name to be imported for files that are read.

    Args:
        settings: resolved, of a run or an evaluation.
    """
    named = [node["_target_"] for _, node in targets(settings)]
    workload = settings.get("workload")
    if isinstance(workload, dict):
        named += [name for part in REPORTED_MODULES for name in workload.get(part) or ()]
    name_targets(name for name in named if isinstance(name, str))
    data = settings.get("datamodule")
    cache = data.get("cache") if isinstance(data, dict) else None
    name_caches([cache] if isinstance(cache, str) else [])


def _unresolved(config: DictConfig, reason: str) -> str:
    """Explain OmegaConf's reason why settings do not resolve."""
    if found := re.search(r"trying to access (\S+): node `(\S+)` is not a container", reason):
        key, replaced = found.groups()
        value = OmegaConf.select(config, replaced)
        given = f"{replaced}={'null' if value is None else value}"
        return f"{given} removes '{key}', to which other settings refer."
    return f"The settings do not resolve: {reason}."


def _missing(node: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of the settings that are `???`."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _missing(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _missing(value, f"{path}[{number}]")
    elif node == "???":
        yield path


def _value(config: DictConfig, key: Any) -> Any:
    if OmegaConf.is_missing(config, key):
        return "???"
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def check_devices(requested: Devices) -> None:
    """Refuse devices that this machine does not have."""
    import torch

    gpus = torch.cuda.device_count()
    if requested.accelerator in _GPU and not gpus:
        raise UserError(
            f"trainer.accelerator={requested.accelerator}, but PyTorch finds no GPU. "
            "Use trainer.accelerator=cpu."
        )
    if gpus and requested.accelerator != "cpu" and requested.devices > gpus:
        raise UserError(
            f"trainer.devices={requested.devices} is more than the {gpus} GPUs of this machine. "
            f"Use trainer.devices={gpus}."
        )


def check_logger(node: dict[str, Any] | None) -> None:
    """Call the class method `check` of the logger, if it has one."""
    check = getattr(get_object(node["_target_"]), "check", None) if node else None
    if check is not None:
        check(node)


def _check_budget(config: DictConfig, trainer: TrainerSettings) -> None:
    if trainer.max_steps is None:
        if trainer.max_time is None:
            raise UserError(
                "trainer.max_steps=null and trainer.max_time=null: training would never end. "
                "Set one of them."
            )
        if "${trainer.max_steps}" in str(config._get_node("lr_schedule")):
            raise UserError(
                "lr_schedule needs trainer.max_steps, which is null. "
                "Use lr_schedule=plateau or lr_schedule=constant."
            )


def _check_class(model: dict[str, Any]) -> None:
    """Refuse a model without a class, or of a class that is no benchmark model."""
    from saibench.models.contract import refuse_other_class

    if "_target_" not in model:
        raise UserError("model has no _target_. Set model._target_ to the name of a model class.")
    refuse_other_class(get_object(model["_target_"]), f"model._target_={model['_target_']}")


def _check_precision(model: dict[str, Any], trainer: TrainerSettings) -> None:
    """Refuse a precision that the model does not support or Lightning would replace."""
    known = getattr(get_class(model["_target_"]), "precisions", (trainer.precision,))
    if trainer.precision not in known:
        raise UserError(
            f"trainer.precision={trainer.precision} is not supported by {model['_target_']}. "
            f"Use trainer.precision={' or '.join(known)}."
        )
    if trainer.precision == "16-mixed" and not _on_gpu(trainer):
        raise UserError("trainer.precision=16-mixed needs a GPU. Use trainer.precision=bf16-mixed.")


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
    """Refuse a schedule that monitors a value that the model does not log."""
    monitor = (settings.get("lr_schedule") or {}).get("monitor")
    known = getattr(get_class(settings["model"]["_target_"]), "validated", ())
    if monitor is not None and known and monitor not in known:
        raise UserError(
            f"lr_schedule.monitor={monitor} is not logged in validation by "
            f"{settings['model']['_target_']}: {closest(monitor, known)}"
        )


def _on_gpu(trainer: TrainerSettings) -> bool:
    import torch

    if trainer.accelerator in _GPU:  # of this machine, or of a node of SLURM
        return True
    return trainer.accelerator != "cpu" and torch.cuda.is_available()


def _check_rounds(datamodule: dict[str, Any], trainer: TrainerSettings) -> None:
    """Refuse more devices than samples per batch, and two validation intervals."""
    batch_size, steps = datamodule.get("batch_size"), datamodule.get("steps_per_round")
    nodes = trainer.num_nodes
    if isinstance(batch_size, int) and 0 < batch_size < trainer.devices * nodes:
        on_nodes = f" on each of trainer.num_nodes={nodes}" if nodes > 1 else ""
        advice = f"trainer.devices={batch_size // nodes}" if nodes <= batch_size else "fewer nodes"
        raise UserError(
            f"trainer.devices={trainer.devices}{on_nodes} is more than "
            f"datamodule.batch_size={batch_size}, the batch of all devices together. Use {advice} "
            "at most."
        )
    if steps not in (None, trainer.val_every):
        raise UserError(
            f"datamodule.steps_per_round={steps} differs from "
            f"trainer.val_every={trainer.val_every}. Set trainer.val_every={steps} alone."
        )


def _check_callbacks(trainer: TrainerSettings) -> None:
    from lightning import Callback

    for name, node in trainer.callbacks.items():
        built = build(node, f"trainer.callbacks.{name}")
        if not isinstance(built, Callback):
            raise UserError(
                f"trainer.callbacks.{name} is a {type(built).__name__}, not a Lightning callback. "
                "Use {_target_: lightning.pytorch.callbacks.LearningRateMonitor}, for example."
            )
