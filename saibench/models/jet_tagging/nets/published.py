"""Loading the weights that the authors of the Particle Transformer released.

github.com/jet-universe/particle_transformer, folder models. They were saved by an older weaver.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from saibench.errors import UserError
from saibench.models.published import load_weights

SETTINGS = "model.net settings (features, widths, layers)"
MOD = "mod."
"""What the names begin with in a released file, and in our nets."""


def load_released(net: nn.Module, path: str | Path, fresh_head: bool) -> None:
    """Load a checkpoint into a `ParticleTransformer` or `ParticleNet`.

    Args:
        net: of `saibench.models.jet_tagging.nets`.
        path: the checkpoint's file: released, weaver's, or saibench's own.
        fresh_head: leave the last layer as it is, to fine-tune a net that told other classes
            apart (those released for JetClass tell ten).

    Raises:
        UserError: see `load_weights`.
    """
    is_weavers = any(name.startswith(MOD) for name in net.state_dict())
    fresh = _head(net) if fresh_head else None
    load_weights(net, path, SETTINGS, rename=current_name if is_weavers else str, fresh=fresh)


def _head(net: nn.Module) -> str:
    """What the names of the last layer begin with."""
    layers = [name for name in net.state_dict() if name.startswith(f"{MOD}fc.")]
    if not layers:
        raise UserError(
            f"model.fresh_head=true is for nets whose last layers are named {MOD}fc, as weaver's; "
            f"{type(net).__name__} has none. Use model.fresh_head=false."
        )
    return f"{layers[-1].rpartition('.')[0]}."


def current_name(name: str) -> str:
    """The name that our nets give to a tensor of a released file.

    >>> current_name("mod.blocks.0.attn.in_proj_weight")
    'mod.blocks.0.attn.in_proj.weight'
    """
    name = MOD + name.removeprefix(MOD)
    for old in ("in_proj_weight", "in_proj_bias"):
        if name.endswith(f"attn.{old}"):
            return name.replace(old, old.replace("proj_", "proj."))
    return name
