"""Loading of the weights that the authors of the Particle Transformer released.

github.com/jet-universe/particle_transformer, folder models, saved by an older weaver.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from saibench.errors import UserError
from saibench.models.published import load_weights

SETTINGS = "model.net settings (features, widths, layers)"
MOD = "mod."
"""Prefix of the names in a released file, and in our nets."""


def load_released(net: nn.Module, path: str | Path, fresh_head: bool) -> None:
    """Load a checkpoint into a `ParticleTransformer` or `ParticleNet`.

    Args:
        net: of `saibench.models.jet_tagging.nets`.
        path: the checkpoint's file: released, of weaver, or of saibench.
        fresh_head: keep the net's last layer, to fine-tune a net of other classes (those released
            for JetClass have ten).

    Raises:
        UserError: see `load_weights`.
    """
    is_weavers = any(name.startswith(MOD) for name in net.state_dict())
    fresh = _head(net) if fresh_head else None
    load_weights(net, path, SETTINGS, rename=current_name if is_weavers else str, fresh=fresh)


def _head(net: nn.Module) -> str:
    """Prefix of the names of the last layer."""
    layers = [name for name in net.state_dict() if name.startswith(f"{MOD}fc.")]
    if not layers:
        raise UserError(
            f"model.fresh_head=true needs a last layer named {MOD}fc, as in weaver's nets; "
            f"{type(net).__name__} has none. Use model.fresh_head=false."
        )
    return f"{layers[-1].rpartition('.')[0]}."


def current_name(name: str) -> str:
    """Name in our nets of a tensor of a released file.

    >>> current_name("mod.blocks.0.attn.in_proj_weight")
    'mod.blocks.0.attn.in_proj.weight'
    """
    name = MOD + name.removeprefix(MOD)
    for old in ("in_proj_weight", "in_proj_bias"):
        if name.endswith(f"attn.{old}"):
            return name.replace(old, old.replace("proj_", "proj."))
    return name
