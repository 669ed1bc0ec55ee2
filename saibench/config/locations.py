"""Where the shipped configuration is: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin


def root() -> Path:
    """The folder that holds `conf/` and `sweeps/`."""
    package = Path(__file__).resolve().parents[1]
    return package if (package / "conf").is_dir() else package.parent


def conf() -> Path:
    return root() / "conf"


class _StudiesSearchPath(SearchPathPlugin):
    """Lets `+sweeps=<workload>/<study>` find the shipped studies from any folder."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("saibench", f"file://{root()}")


def register_studies() -> None:
    """Add the folder of the studies to every Hydra search path of this process."""
    plugins = Plugins.instance()
    if _StudiesSearchPath not in plugins.discover(SearchPathPlugin):
        plugins.register(_StudiesSearchPath)
