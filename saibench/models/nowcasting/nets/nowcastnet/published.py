"""Loading of the weights that NowcastNet's authors published (doi:10.24433/CO.0832447.v1)."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from saibench.models.published import load_weights


def load_published(net: nn.Module, path: str | Path) -> None:
    """Load a checkpoint such as `mrms_model.ckpt` into a `NowcastNet()`.

    Raises:
        UserError: see `load_weights`.
    """
    load_weights(net, path, settings="base_channels")
