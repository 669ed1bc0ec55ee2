"""The subcommands of `python -m saibench`: each module adds its parser and says what to run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType


def commands() -> list[ModuleType]:
    """The modules here and in the rooms of workloads that add a parser, in alphabetical order."""
    here = Path(__file__).parent
    found = [
        import_module(".".join((__name__, *file.relative_to(here).with_suffix("").parts)))
        for file in here.rglob("[a-z]*.py")
    ]
    parsers = [module for module in found if hasattr(module, "add_parser")]
    return sorted(parsers, key=lambda module: module.__name__.rpartition(".")[2])
