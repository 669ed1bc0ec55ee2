"""The Particle Transformer (Qu et al. 2022, arXiv:2202.03772) of weaver-core."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saibench.models.jet_tagging.nets.features import (
    NUM_FEATURES,
    Features,
    constituent_features,
    vectors,
)
from saibench.models.jet_tagging.nets.weaver_library import weaver_class
from saibench.models.latent.space import LatentLayer
from saibench.options import Count, Degree, Share

NUM_CLASSES = 2
PAIR_FEATURES = 4
"""ln kT, ln z, ln Δ and ln m² of two constituents, which weaver computes from their momenta."""


class ParticleTransformer(nn.Module):
    """Attention among the constituents of a jet, biased by features of pairs.

    The defaults are the published hyper-parameters for top tagging, 2,141,134 parameters.

    weaver's trimming is off: in training it cuts every batch at a random length and permutes the
    constituents. Batches are trimmed to their longest jet, which changes no result.

    Args:
        features: `kinematic`, `raw` (four-momenta instead of the seven features of a constituent,
            with the pair branch) or `raw_no_pair`.
        embed_dims: widths of the embedding of a constituent; the last is that of the attention.
        pair_embed_dims: widths of the embedding of a pair.
        num_heads, num_layers, num_cls_layers: of the particle and the class attention blocks.
        dropout: of the particle attention blocks (output, attention and activation).
        compile: compile the net by PyTorch.
        seed: of the initial weights.
        num_classes: outputs; without `data.multiclass` two.

    Raises:
        UserError: weaver-core is not installed.
    """

    def __init__(
        self,
        features: Features = "kinematic",
        embed_dims: list[Count] | None = None,
        pair_embed_dims: list[Count] | None = None,
        num_heads: Count = 8,
        num_layers: Count = 8,
        num_cls_layers: Degree = 2,
        dropout: Share = 0.1,
        compile: bool = False,
        seed: int = 0,
        num_classes: Count = NUM_CLASSES,
    ) -> None:
        super().__init__()
        self.features = features
        self.pairs = features != "raw_no_pair"
        widths = [64, 64, 64] if pair_embed_dims is None else list(pair_embed_dims)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.mod = weaver_class("ParticleTransformer")(
                input_dim=NUM_FEATURES[features],
                num_classes=num_classes,
                pair_input_dim=PAIR_FEATURES,
                use_pre_activation_pair=False,
                embed_dims=[128, 512, 128] if embed_dims is None else list(embed_dims),
                pair_embed_dims=widths if self.pairs else None,
                # only pairs of constituents, no padding, in training and test, compiled or not
                pair_embed_sparse_eval=(True, True),
                num_heads=num_heads,
                num_layers=num_layers,
                num_cls_layers=num_cls_layers,
                block_params=dict.fromkeys(
                    ("dropout", "attn_dropout", "activation_dropout"), dropout
                ),
                fc_params=[],
                trim=False,
            )
        self.compiled = compile
        if compile:
            self.mod.compile(dynamic=True)

    def latent_layers(self) -> list[LatentLayer]:
        """The class token before the classifier; none of a compiled net."""
        return [] if self.compiled else [LatentLayer(self.mod.fc)]

    def last_layer(self) -> LatentLayer:
        """The features of which the logits are linear functions."""
        return LatentLayer(self.mod.fc[-1])

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        """Logits `(B, 2)` of a top jet and of a QCD jet, in the order of the released weights.

        With more classes `(B, num_classes)`.

        Args:
            momenta: `(B, P, 4)` E, px, py, pz in GeV.
            mask: `(B, P)`, True for constituents.
        """
        return self.mod(
            constituent_features(momenta, mask, self.features),
            v=vectors(momenta) if self.pairs else None,
            mask=mask.unsqueeze(1),
        )
