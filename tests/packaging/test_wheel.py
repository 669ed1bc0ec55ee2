"""The wheel works without the checkout, and declares all imported packages."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from command_line import TINY

ROOT = Path(__file__).resolve().parents[2]
IMPORT_NAMES = {"hydra-core": "hydra", "pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn"}
"""Where a distribution is imported by another name than its own."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    (built,) = folder.glob("saibench-*.whl")
    return built


def test_configs_and_studies_are_inside_the_wheel(wheel: Path) -> None:
    shipped = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("conf", "sweeps"):
        wanted = {f"saibench/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*.yaml")}
        assert wanted and wanted <= shipped


def test_installed_wheel_trains_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """A new environment with the wheel, and the dependencies of this environment."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    install = ["--python", str(environment), "install", "--quiet", "--no-deps", "--no-compile"]
    subprocess.run([sys.executable, "-m", "pip", *install, str(wheel)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    # a folder that a .pth names is searched, but its own .pth files, such as that of an
    # editable saibench, are not read
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")

    empty = tmp_path / "empty"
    empty.mkdir()
    trained = subprocess.run(
        [
            str(environment / "bin" / "saibench-train"),
            "+sweeps=force_field/sample_efficiency_mini",
            *TINY,
        ],
        cwd=empty,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr
    (report,) = empty.glob("outputs/*/report.html")
    assert "force MAE" in report.read_text()


def test_everything_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    declared = {_import_name(entry) for entry in [*project["dependencies"], *extras]}
    imported = {
        module
        for path in (ROOT / "saibench").rglob("*.py")
        for module in _imports(ast.parse(path.read_text()))
    }
    assert imported - declared - set(sys.stdlib_module_names) == {"saibench"}


def _import_name(requirement: str) -> str:
    name = requirement.partition(">")[0].partition("=")[0].partition("[")[0].strip().lower()
    return IMPORT_NAMES.get(name, name).replace("-", "_")


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
