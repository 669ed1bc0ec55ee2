"""Import of weaver-core (github.com/hqucms/weaver-core)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from saibench.errors import UserError


def weaver_class(name: str) -> Any:
    """A net of weaver-core: `ParticleTransformer` or `ParticleNet`.

    Raises:
        UserError: weaver-core is not installed.
    """
    try:
        return getattr(import_module(f"weaver.nn.model.{name}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "weaver":
            raise
        raise UserError(
            f"{name} needs weaver-core, which is not installed. Use pip install 'saibench[jets]'."
        ) from error
