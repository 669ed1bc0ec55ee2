"""The techniques of the toolbox, and how each runs on the workloads."""

from __future__ import annotations

from typing import Any

from saibench.config.locations import TOOLBOX, config_folders, studies_folders
from saibench.errors import UserError, closest
from saibench.paper.described import described, mapping_in
from saibench.paper.toolbox.technique import NotApplicable, Supported, Technique
from saibench.settings import WorkloadSettings


def workloads() -> dict[str, WorkloadSettings]:
    """The settings in every workload's card, by name.

    Raises:
        UserError: an invalid card.
    """
    found = {}
    for folder in config_folders():
        for file in sorted((folder / "workload").glob("*.yaml")):
            content = mapping_in(file).get("workload")
            found[file.stem] = described(WorkloadSettings, content, f"{file}: workload")
    return found


def techniques() -> list[Technique]:
    """All techniques, in the order of table 3.

    Raises:
        UserError: an invalid file, or an unknown technique.
    """
    general: dict[str, Any] = {}
    for file in (folder / TOOLBOX for folder in studies_folders()):
        general |= mapping_in(file) if file.is_file() else {}
    on: dict[str, dict[str, Supported | NotApplicable]] = {name: {} for name in general}
    for workload, card in workloads().items():
        for name, one in _on_workload(card).items():
            if name not in on:
                raise UserError(
                    f"{card.toolbox}: '{name}' is no technique of {TOOLBOX}: "
                    f"{closest(name, general)}"
                )
            on[name][workload] = one
    return [
        described(Technique, {"name": name, **content, "on": on[name]}, f"{TOOLBOX}: {name}")
        for name, content in general.items()
    ]


def _on_workload(card: WorkloadSettings) -> dict[str, Supported | NotApplicable]:
    """How each technique runs on one workload, or why it does not apply."""
    if card.toolbox is None:
        return {}
    places = [folder.parent / card.toolbox for folder in studies_folders()]
    file = next((place for place in reversed(places) if place.is_file()), places[-1])
    return {
        name: described(_kind(content), content, f"{file}: {name}")
        for name, content in mapping_in(file).items()
    }


def _kind(content: Any) -> type[Supported] | type[NotApplicable]:
    refused = isinstance(content, dict) and "not_applicable" in content
    return NotApplicable if refused else Supported
