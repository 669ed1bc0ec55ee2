"""Nowcasts without learning, called as a net is: what a net has to beat."""

from saibench.models.nets.rain_baselines.extrapolation import LagrangianExtrapolation
from saibench.models.nets.rain_baselines.persistence import Persistence
from saibench.models.nets.rain_baselines.steps import Steps

__all__ = ["LagrangianExtrapolation", "Persistence", "Steps"]
