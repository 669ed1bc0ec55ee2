"""Refusing data and models that were written for another workload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from saibench.config.locations import config_folders
from saibench.config.typed import is_typed
from saibench.errors import UserError
from saibench.imports.allow_list import PACKAGE, TARGET


def refuse_other_workload(config: DictConfig, settings: dict[str, Any]) -> None:
    """Refuse data or a model of another workload than the data module's.

    A class belongs to a workload if that names a package on its dotted path. A data module from
    outside saibench may combine classes of any workload.

    Args:
        config: of a point, with Hydra's own node.
        settings: the same, resolved.

    Raises:
        UserError: the setting, its workload, and what to use.
    """
    cards = {
        file.stem: file
        for folder in config_folders()
        for file in sorted((folder / "workload").glob("*.yaml"))
    }
    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    name = settings["workload"]["name"]
    chosen = choices.get("workload", name)
    datamodule = str(settings["datamodule"].get(TARGET))
    expected = _workload_of(datamodule, cards)
    if expected is None or not datamodule.startswith(f"{PACKAGE}."):
        return
    for key in ("data", "model"):
        node = settings.get(key)
        target = node.get(TARGET) if isinstance(node, dict) else None
        other = _workload_of(str(target), cards)
        if other in (None, expected, name, chosen):
            continue
        is_option = key in choices and not is_typed(config, f"{key}.{TARGET}")
        setting = f"{key}={choices[key]}" if is_option else f"{key}.{TARGET}={target}"
        default = _default(cards.get(chosen), key)
        fitting = f"{key}={default} or " if default else ""
        raise UserError(
            f"{setting} is of workload={other}, and this run is of workload={chosen}. "
            f"Use {fitting}workload={other}."
        )


def _workload_of(target: str, cards: dict[str, Path]) -> str | None:
    parts = target.split(".")[:-1]
    packages = parts[2:] if parts[:1] == [PACKAGE] else parts  # saibench.models.<workload>
    return next((part for part in packages if part in cards), None)


def _default(card: Path | None, key: str) -> str | None:
    """The option of a config group that a workload's card names."""
    content = yaml.safe_load(card.read_text(encoding="utf-8")) if card is not None else {}
    entries = [one for one in content.get("defaults") or [] if isinstance(one, dict)]
    return next((one[f"/{key}"] for one in entries if f"/{key}" in one), None)
