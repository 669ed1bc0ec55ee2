"""ParticleNet (Qu, Gouskos 2020, arXiv:1902.08570) of weaver-core."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from saibench.errors import UserError
from saibench.models.jet_tagging.nets.features import (
    NUM_FEATURES,
    Features,
    constituent_features,
    points,
    raw_features,
    relative_to_jet,
)
from saibench.models.jet_tagging.nets.weaver_library import weaver_class
from saibench.models.latent.space import LatentLayer
from saibench.options import Count, Share

NUM_CLASSES = 2
FAR, FAR_IN_HALF_PRECISION = 1e9, 99.0
"""weaver's coordinate of padding, far from all constituents."""


class ParticleNet(nn.Module):
    """Convolutions over the nearest neighbours of each constituent of a jet.

    The defaults are the published hyper-parameters for top tagging, 366,160 parameters.

    weaver's trimming is off, as in `ParticleTransformer`. Batches of few constituents are padded to
    the number of neighbours.

    Args:
        features: `kinematic`, `raw` (four-momenta instead of the seven features; neighbours in Δη
            and Δφ) or `raw_no_pair` (neighbours in the four-momenta too).
        neighbors: number of neighbours of each convolution.
        channels: widths of each convolution's layers.
        fc_dim, fc_dropout: of the layer before the last.
        compile: compile the net by PyTorch.
        seed: of the initial weights.
        num_classes: outputs; without `data.multiclass` two.

    Raises:
        UserError: weaver-core is not installed, or neighbors and channels differ in length.
    """

    def __init__(
        self,
        features: Features = "kinematic",
        neighbors: list[Count] | None = None,
        channels: list[list[Count]] | None = None,
        fc_dim: Count = 256,
        fc_dropout: Share = 0.1,
        compile: bool = False,
        seed: int = 0,
        num_classes: Count = NUM_CLASSES,
    ) -> None:
        super().__init__()
        neighbors = [16, 16, 16] if neighbors is None else list(neighbors)
        channels = [[64] * 3, [128] * 3, [256] * 3] if channels is None else list(channels)
        if len(neighbors) != len(channels):
            raise UserError(
                f"model.net.neighbors has {len(neighbors)} convolutions and model.net.channels "
                f"has {len(channels)}. Use lists of the same length."
            )
        self.features = features
        self.min_points = max(neighbors) + 1  # a point is its own nearest neighbour
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.mod = weaver_class("ParticleNet")(
                input_dims=NUM_FEATURES[features],
                num_classes=num_classes,
                conv_params=[(k, tuple(w)) for k, w in zip(neighbors, channels, strict=True)],
                fc_params=[(fc_dim, fc_dropout)],
                use_fusion=False,
                use_fts_bn=True,
                use_counts=True,
                trim=False,
            )
        self.compiled = compile
        if compile:
            self.mod.compile(dynamic=True)

    def latent_layers(self) -> list[LatentLayer]:
        """The pooled constituents before the classifier; none of a compiled net."""
        return [] if self.compiled else [LatentLayer(self.mod.fc)]

    def last_layer(self) -> LatentLayer:
        """The features of which the logits are linear functions."""
        return LatentLayer(self.mod.fc[-1])

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        """Logits `(B, 2)` of a top jet and of a QCD jet; with more classes `(B, num_classes)`.

        Args:
            momenta: `(B, P, 4)` E, px, py, pz in GeV.
            mask: `(B, P)`, True for constituents.
        """
        missing = max(0, self.min_points - mask.shape[1])
        if missing:
            momenta, mask = pad(momenta, (0, 0, 0, missing)), pad(mask, (0, missing))
        half = torch.is_autocast_enabled(momenta.device.type)
        self.mod.coord_shift = FAR_IN_HALF_PRECISION if half else FAR
        return self.mod(
            self._points(momenta, mask),
            constituent_features(momenta, mask, self.features),
            mask.unsqueeze(1),
        )

    def _points(self, momenta: Tensor, mask: Tensor) -> Tensor:
        if self.features == "raw_no_pair":
            return raw_features(momenta, mask)
        return points(relative_to_jet(momenta), mask)
