"""The record has the version of every package that can affect a result."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from command_line import REPOSITORY

from saibench.runs.provenance import provenance
from saibench.shipped import conf

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=]", requirement)[0] for requirement in requirements}


def test_requirements_and_installed_extras_are_recorded() -> None:
    found = provenance()["versions"]
    extras = PROJECT["optional-dependencies"]
    assert names(PROJECT["dependencies"]) | names(extras["jets"] + extras["nowcasting"]) <= {*found}
    assert {"scipy", "polars", "numba", "weaver-core", "pysteps", "pythia8mc", "fastjet"} <= {
        *found
    }
    assert found["torch"] == version("torch"), "with its build"
    assert not {"pytest", "ruff", "mypy"} & {*found}


def test_libraries_of_the_workload_are_recorded() -> None:
    found = provenance({"workload": {"libraries": ["pysteps", "pandas", "not-installed"]}})
    assert names(PROJECT["dependencies"]) <= {*found["versions"]}
    assert found["versions"]["pandas"] == version("pandas")
    assert "pysteps" in found["versions"]
    assert not {"weaver-core", "pythia8mc", "not-installed"} & {*found["versions"]}


@pytest.mark.parametrize("file", sorted((conf() / "workload").glob("*.yaml")), ids=lambda f: f.stem)
def test_libraries_of_a_shipped_workload_are_declared(file: Path) -> None:
    extras = PROJECT["optional-dependencies"].values()
    declared = names([*PROJECT["dependencies"], *(one for extra in extras for one in extra)])
    libraries = yaml.safe_load(file.read_text())["workload"]["libraries"]
    assert libraries and {*libraries} <= declared


def test_package_of_a_users_model_is_recorded() -> None:
    settings = {"model": {"nets": [{"_target_": "pandas.DataFrame"}]}, "data": {"_target_": "x.Y"}}
    assert provenance(settings)["versions"]["pandas"] == version("pandas")
