"""The residual of the equation as a statistic of a forecast, where the data state the equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.errors import UserError, closest
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Statistic
from saibench.metrics.field_dynamics.functional.equations import EQUATIONS
from saibench.metrics.field_dynamics.functional.pde_residual import RESIDUAL_FRAMES, pde_residual

NAME = "pde_residual"


def has_residual(info: Mapping[str, Any]) -> bool:
    """Whether the equation is known, and a forecast has the frames for its residual."""
    return info.get("equation") is not None and info["leads"] >= 2


def residual_statistic(info: Mapping[str, Any]) -> Statistic:
    """Declares the residual; arguments as in `field_statistics`.

    Raises:
        UserError: the data state an equation that is not known here.
    """
    if (name := info["equation"]["name"]) not in EQUATIONS:
        raise UserError(f"the data state the equation '{name}', {closest(name, EQUATIONS)}")
    last = min(RESIDUAL_FRAMES, info["leads"] - 1)
    describe = (
        f"residual of the equation at the predicted frames 1 to {last}, relative to its terms"
    )
    title = "residual of the equation"
    return Statistic(NAME, "", "forecast", describe, failures=True, known=BEFORE, title=title)


def residual_of(predicted: Tensor, batch: FieldBatch, info: Mapping[str, Any]) -> dict[str, Tensor]:
    """Its values.

    Args:
        predicted: `(B, L, C, *grid)` in the unit of the data.
        batch: of these forecasts.
        info: `dataset_info` of the data module.
    """
    settings = dict(info["equation"])
    parameters = dict(zip(info["parameters"], batch.parameters.unbind(dim=1), strict=True))
    build = EQUATIONS[settings.pop("name")]
    equation = build(info["grid"], info["lengths"], parameters, **settings)
    frames = torch.cat([batch.observed[:, -1:], predicted], dim=1)
    return {NAME: pde_residual(frames, equation, info["time_step"])}
