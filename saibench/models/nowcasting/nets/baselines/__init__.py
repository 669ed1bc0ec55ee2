"""Baselines without training, with the interface of a net."""

from saibench.models.nowcasting.nets.baselines.extrapolation import LagrangianExtrapolation
from saibench.models.nowcasting.nets.baselines.persistence import Persistence
from saibench.models.nowcasting.nets.baselines.steps import Steps

__all__ = ["LagrangianExtrapolation", "Persistence", "Steps"]
