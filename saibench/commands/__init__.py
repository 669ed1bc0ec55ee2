"""The subcommands of `python -m saibench`, one module each."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType


def commands() -> list[ModuleType]:
    """Return the modules here and in the folders of workloads that add a parser, by name."""
    here = Path(__file__).parent
    found = [
        import_module(".".join((__name__, *file.relative_to(here).with_suffix("").parts)))
        for file in here.rglob("[a-z]*.py")
    ]
    parsers = [module for module in found if hasattr(module, "add_parser")]
    return sorted(parsers, key=lambda module: module.__name__.rpartition(".")[2])
