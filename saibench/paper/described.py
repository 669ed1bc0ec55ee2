"""What YAML beside the studies says of them, as records that are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

from saibench.errors import UserError, first_line
from saibench.settings import validated


class Described(BaseModel):
    """A record of such a file: no key beside its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Record = TypeVar("Record", bound=BaseModel)


def mapping_in(file: Path) -> dict[str, Any]:
    """The keys and values of a file.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{file} cannot be read: {first_line(error)}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{file} holds no keys. Give each entry as `name: …`.")
    return {str(key): value for key, value in content.items()}


def described(kind: type[Record], content: Any, where: str) -> Record:
    """The record of this content.

    Args:
        where: the file, with the key below which the content stands.

    Raises:
        UserError: a missing or unknown key, or a value that it may not take.
    """
    try:
        return validated(kind, content)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
