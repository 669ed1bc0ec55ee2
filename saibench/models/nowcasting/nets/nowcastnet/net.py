"""NowcastNet (Zhang et al. 2023, doi:10.1038/s41586-023-06184-4), the whole inference network."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.models.latent.space import LatentLayer
from saibench.models.nowcasting.nets.event_noise import Noise, normal
from saibench.models.nowcasting.nets.nowcastnet.decoder import GenerativeDecoder
from saibench.models.nowcasting.nets.nowcastnet.encoder import GenerativeEncoder
from saibench.models.nowcasting.nets.nowcastnet.evolution_network import EvolutionNetwork
from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import Evolution, evolve
from saibench.models.nowcasting.nets.nowcastnet.projector import NoiseProjector
from saibench.models.nowcasting.nets.nowcastnet.spade import Guide

RAIN_SCALE = 128.0
"""mm/h; unit of the evolved rain in the generative network, where observed rain is in mm/h."""

SIZE_STEP = 32
"""Height and width are multiples of it: the noise has a 32nd of the field's size."""


class NowcastNet(nn.Module):
    """One random draw of the rain of the next `leads` frames.

    The evolution network predicts motion and intensity, by which the last observed frame evolves;
    the generative network, conditioned on the evolved rain, adds details. With the default
    arguments, names, shapes and order of the state are those of the published checkpoint
    (`load_published`); a narrower net has the same names.

    Args:
        base_channels: width, 32 as published; also the number of channels of the noise.
        observed: number of observed frames, T.
        leads: number of predicted frames, L.
        power_iteration_drifts: store the projector's power iteration in evaluation too, as in the
            published code; otherwise predictions of one event are independent draws.
        seed: seed of the initial weights.

    Raises:
        UserError: `base_channels` is below 1.
    """

    def __init__(
        self,
        base_channels: int = 32,
        observed: int = 9,
        leads: int = 20,
        power_iteration_drifts: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if base_channels < 1:
            raise UserError(f"model.net.base_channels={base_channels} must be at least 1.")
        self.observed = observed
        self.leads = leads
        self.noise_channels = base_channels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.evo_net = EvolutionNetwork(observed, leads, base_channels)
            self.gen_enc = GenerativeEncoder(observed + leads, base_channels)
            self.gen_dec = GenerativeDecoder(leads, base_channels)
            self.proj = NoiseProjector(base_channels, power_iteration_drifts)

    def latent_layers(self) -> list[LatentLayer]:
        """Means over the field of the evolution network's deepest and last features."""
        net = self.evo_net
        return [LatentLayer(layer, _mean_of_field) for layer in (net.up1, net.outc, net.outc_v)]

    def forward(self, observed: Tensor, noise: Tensor | Noise = None) -> Tensor:
        """One prediction (B, L, H, W) in mm/h; a few values are below 0.

        Args:
            observed: (B, T, H, W) in mm/h.
            noise: standard normal (B, n, H/32, W/32), or its source.

        Raises:
            UserError: the number of frames is not T, or height or width not a multiple of 32.
        """
        evolution = self.evolve(observed)
        features = self.encode(observed, evolution)
        if not isinstance(noise, Tensor):
            noise = self.draw_noise(observed, noise)
        return self.decode(features, evolution, noise)

    def draws(
        self,
        observed: Tensor,
        count: int,
        noise: Noise = None,
        evolution: Evolution | None = None,
    ) -> Iterator[Tensor]:
        """`count` predictions (B, L, H, W) in mm/h of the same events.

        Evolution, encoder and the maps of the decoder run once. Memory does not grow with
        `count` unless the caller keeps the draws.

        Args:
            observed: (B, T, H, W) in mm/h.
            count: number of predictions.
            noise: source of the noise; with an `EventNoise`, draw 0 equals `forward`.
            evolution: of these events, if already computed, for example without gradient.
        """
        evolution = self.evolve(observed) if evolution is None else evolution
        features = self.encode(observed, evolution)
        guide = Guide(evolution.fields / RAIN_SCALE, remember=True)
        for draw in range(count):
            yield self._generate(features, guide, self.draw_noise(observed, noise, draw))

    def evolve(self, observed: Tensor) -> Evolution:
        """Motion, intensity and the evolved rain, without the generative network.

        Args:
            observed: (B, T, H, W) in mm/h.
        """
        self._check(observed)
        return evolve(observed[:, -1], *self.evo_net(observed))

    def encode(self, observed: Tensor, evolution: Evolution) -> Tensor:
        """Features (B, 8n, H/8, W/8) of the observed and the evolved rain."""
        self._check(observed)
        return self.gen_enc(torch.cat((observed, evolution.fields / RAIN_SCALE), dim=1))

    def decode(self, features: Tensor, evolution: Evolution, noise: Tensor) -> Tensor:
        """Rain (B, L, H, W) in mm/h from features, evolved rain and noise (B, n, H/32, W/32)."""
        return self._generate(features, Guide(evolution.fields / RAIN_SCALE), noise)

    def draw_noise(self, observed: Tensor, noise: Noise = None, draw: int = 0) -> Tensor:
        """Standard normal noise (B, n, H/32, W/32) for the predictions of these events."""
        batch, _, height, width = observed.shape
        size = (batch, self.noise_channels, height // SIZE_STEP, width // SIZE_STEP)
        return normal(noise, size, observed.device, draw).to(observed.dtype)

    def _generate(self, features: Tensor, guide: Guide, noise: Tensor) -> Tensor:
        return self.gen_dec(torch.cat((features, self.proj(noise)), dim=1), guide)

    def _check(self, observed: Tensor) -> None:
        _, frames, height, width = observed.shape
        if frames != self.observed:
            raise UserError(
                f"NowcastNet needs {self.observed} observed frames, oldest first, not {frames}."
            )
        if height % SIZE_STEP or width % SIZE_STEP:
            raise UserError(
                f"NowcastNet can't predict fields of {height}×{width} pixels. Use multiples of "
                f"{SIZE_STEP}."
            )


def _mean_of_field(features: Tensor) -> Tensor:
    """`(B, C)` means of `(B, C, H, W)`."""
    return features.double().mean(dim=(2, 3))
