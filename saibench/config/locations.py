"""Folders in which Hydra finds configs and studies: the shipped ones and the user's."""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path
from typing import ClassVar

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from saibench.errors import UserError
from saibench.imports.user_names import trust_folder, user_names
from saibench.shipped import conf, root

STUDIES = "sweeps"
TOOLBOX, PAPER = "toolbox.yaml", "paper.yaml"
"""Files next to the studies that describe them and are no studies."""
Names = list[str]


class _Source(FileConfigSource):
    """A folder of configs, without the files that describe studies."""

    def is_config(self, config_path: str) -> bool:
        file = Path(self._normalize_file_name(config_path))
        described = file.parts[0] == STUDIES and file.name in (TOOLBOX, PAPER)
        return not described and super().is_config(config_path)


class ShippedSource(_Source):
    """A folder of configs, each parsed once: a sweep composes every point twice."""

    _parsed: ClassVar[dict[tuple[Path, int], ConfigResult]] = {}

    @staticmethod
    def scheme() -> str:
        return "shipped"

    def load_config(self, config_path: str) -> ConfigResult:
        file = Path(self.path, self._normalize_file_name(config_path)).resolve()
        version = file.stat().st_mtime_ns if file.is_file() else 0
        if (file, version) not in self._parsed:
            self._parsed[file, version] = super().load_config(config_path)
        return copy.deepcopy(self._parsed[file, version])


class UserSource(_Source):
    """The user's folder of configs."""

    @staticmethod
    def scheme() -> str:
        return "own"

    def load_config(self, config_path: str) -> ConfigResult:
        try:
            return super().load_config(config_path)
        except UnicodeDecodeError as error:
            file = Path(self.path, self._normalize_file_name(config_path))
            raise UserError(f"{file} is not UTF-8 ({error}). Save it as UTF-8.") from error


class StudiesSource(ShippedSource):
    """The folder that holds `sweeps/`, in which Hydra sees nothing else.

    In a checkout that folder also holds the code and a virtual environment, every folder of which
    Hydra would list as a config group.
    """

    @staticmethod
    def scheme() -> str:
        return "studies"

    def list(self, config_path: str, results_filter: ObjectType | None) -> Names:
        if config_path == "":
            return [] if results_filter == ObjectType.CONFIG else [STUDIES]
        return super().list(config_path, results_filter)


class StudiesSearchPath(SearchPathPlugin):
    """Finds the shipped studies of `+sweeps=<workload>/<study>` from any folder."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("saibench", f"{StudiesSource.scheme()}://{root()}")


def register_studies() -> None:
    """Add the shipped studies to every Hydra search path of this process."""
    plugins = Plugins.instance()
    plugins.register(ShippedSource)
    plugins.register(UserSource)
    plugins.register(StudiesSource)
    plugins.register(StudiesSearchPath)


def shipped_version() -> tuple[tuple[str, int], ...]:
    """Names and times of change of the shipped configs and studies."""
    files = (path for folder in (conf(), root() / STUDIES) for path in folder.rglob("*.yaml"))
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files))


def config_folders() -> list[Path]:
    """Return the shipped `conf/` and the folders of `--config-dir`."""
    return [conf(), *map(Path, user_names().folders)]


def studies_folders() -> list[Path]:
    """Return the shipped `sweeps/` and those in the folders of `--config-dir`."""
    return [folder / STUDIES for folder in (root(), *map(Path, user_names().folders))]


def study_files() -> dict[str, Path]:
    """Return the file of every study by its name for `+sweeps=`; the user's come first."""
    return {
        str(file.relative_to(folder).with_suffix("")): file
        for folder in studies_folders()
        for file in sorted(folder.rglob("*.yaml"))
        if file.name not in (TOOLBOX, PAPER)
    }


def user_folder(config_dir: str | Path) -> Path:
    """Return the folder of `--config-dir`, whose modules can be imported from now on.

    Raises:
        UserError: it is not a folder.
    """
    folder = Path(config_dir).resolve()
    if not folder.is_dir():
        raise UserError(f"--config-dir {config_dir} is not a folder.")
    make_importable(folder)
    trust_folder(folder)
    return folder


def make_importable(folder: Path) -> None:
    """Add the folder to the import path of this process and of those that it starts."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        inherited = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{inherited}" if inherited else str(folder)
