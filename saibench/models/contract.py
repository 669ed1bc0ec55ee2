"""Whether a LightningModule is what `BenchmarkModule` asks for, before it is trained."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from saibench.errors import UserError
from saibench.evidence.statistic import Statistic
from saibench.models.base import BenchmarkModule


def refuse_other_class(model: Any, name: str) -> None:
    """Refuse what is no class of `BenchmarkModule`s.

    Args:
        model: what the settings name.
        name: what the settings call it.

    Raises:
        UserError: it is none.
    """
    if not (isinstance(model, type) and issubclass(model, BenchmarkModule)):
        base = f"{BenchmarkModule.__module__}.{BenchmarkModule.__name__}"
        raise UserError(
            f"{name} is no subclass of {base}, which says what a model needs; a net alone is given "
            "to a shipped model, by model.net._target_."
        )


def checked_statistics(model: Any) -> list[Statistic]:
    """What a model says that it reports, if it is as `BenchmarkModule` asks.

    Raises:
        UserError: it is not.
    """
    kind = type(model).__name__
    refuse_other_class(type(model), kind)
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
    if isinstance(value, dict):
        return all(_is_builtin(part) for part in [*value, *value.values()])
    if type(value) in (list, tuple, set):
        return all(_is_builtin(part) for part in value)
    return value is None or isinstance(value, str | int | float | complex | bytes | Tensor)
