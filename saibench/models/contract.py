"""Checks of a LightningModule against `BenchmarkModule`, before it is trained."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from saibench.errors import UserError
from saibench.evidence.statistic import Statistic
from saibench.models.base import BenchmarkModule


def refuse_other_class(model: Any, name: str) -> None:
    """Raise `UserError` unless `model`, called `name` in the settings, is a model class."""
    if not (isinstance(model, type) and issubclass(model, BenchmarkModule)):
        base = f"{BenchmarkModule.__module__}.{BenchmarkModule.__name__}"
        raise UserError(
            f"{name} is not a subclass of {base}. Use a subclass, or set a net of a shipped model "
            "by model.net._target_."
        )


def checked_statistics(model: Any) -> list[Statistic]:
    """The statistics of a model that fulfils the requirements of `BenchmarkModule`.

    Raises:
        UserError: it does not.
    """
    kind = type(model).__name__
    refuse_other_class(type(model), kind)
    if model.trains and not is_overridden("validation_step", model):
        raise UserError(
            f"{kind} has no validation_step. Log val/loss there; the weights with its smallest "
            "value are tested."
        )
    for name, value in model.hparams.items():
        if not _is_builtin(value):
            raise UserError(
                f"{kind}.hparams['{name}'] is a {type(value).__name__}, but checkpoints hold only "
                f"tensors and builtins. Use save_hyperparameters(ignore=['{name}'])."
            )
    try:
        statistics = model.statistics()
    except NotImplementedError as error:
        raise UserError(
            f"{kind} has no statistics(). Return a list of saibench.evidence.statistic.Statistic."
        ) from error
    except ValueError as error:
        raise UserError(f"{kind}.statistics(): {error}") from error
    if not isinstance(statistics, list) or not all(isinstance(s, Statistic) for s in statistics):
        raise UserError(
            f"{kind}.statistics() must return a list of saibench.evidence.statistic.Statistic."
        )
    keys = [statistic.key for statistic in statistics]
    if not any(statistic.summaries for statistic in statistics) or len(set(keys)) < len(keys):
        raise UserError(
            f"{kind}.statistics() has no statistic with summaries, or one twice: "
            f"{', '.join(keys) or 'none'}."
        )
    return statistics


def _is_builtin(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_builtin(part) for part in [*value, *value.values()])
    if type(value) in (list, tuple, set):
        return all(_is_builtin(part) for part in value)
    return value is None or isinstance(value, str | int | float | complex | bytes | Tensor)
