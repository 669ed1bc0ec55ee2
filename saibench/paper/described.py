"""Validated records from the YAML files that describe studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

from saibench.errors import UserError, first_line
from saibench.settings import validated


class Described(BaseModel):
    """A record of such a file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Record = TypeVar("Record", bound=BaseModel)


def mapping_in(file: Path) -> dict[str, Any]:
    """The content of a YAML file.

    Raises:
        UserError: the file cannot be read, or is not a mapping.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{file} cannot be read: {first_line(error)}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{file} is not a mapping. Write each entry as `name: …`.")
    return {str(key): value for key, value in content.items()}


def described(kind: type[Record], content: Any, where: str) -> Record:
    """Validate the content of a record.

    Args:
        where: the file, and the key of the content.

    Raises:
        UserError: a missing or unknown key, or an invalid value.
    """
    try:
        return validated(kind, content)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
