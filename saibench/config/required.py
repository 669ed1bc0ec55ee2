"""Settings whose missing keys are user errors, not errors of the code that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from saibench.errors import UserError


class Required(dict[str, Any]):
    """A node of the settings that raises `UserError` for a missing key.

    Args:
        node: the settings.
        name: their key.
        reader: the class that reads them.
    """

    def __init__(self, node: Mapping[str, Any], name: str, reader: str) -> None:
        nested = {
            key: Required(value, f"{name}.{key}", reader) if isinstance(value, dict) else value
            for key, value in node.items()
        }
        super().__init__(nested)
        self.name = name
        self.reader = reader

    def __missing__(self, key: str) -> NoReturn:
        """Raises UserError: the key is missing."""
        raise UserError(f"{self.name}.{key} is missing. Set it: {self.reader} needs it.")
