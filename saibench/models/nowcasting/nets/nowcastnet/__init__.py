"""NowcastNet: evolution network, generative network and temporal discriminator."""

from saibench.models.nowcasting.nets.nowcastnet.discriminator import TemporalDiscriminator
from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import Evolution
from saibench.models.nowcasting.nets.nowcastnet.net import NowcastNet
from saibench.models.nowcasting.nets.nowcastnet.published import load_published

__all__ = ["Evolution", "NowcastNet", "TemporalDiscriminator", "load_published"]
