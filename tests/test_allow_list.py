"""Names allowed in configs and records from files: shipped ones and the user's."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from saibench.config.check import resolved
from saibench.config.compose import compose_command
from saibench.config.reported import REPORTED_MODULES
from saibench.errors import UserError
from saibench.files.frozen_config import read_frozen
from saibench.imports.allow_list import refuse_module, refuse_targets, targets
from saibench.imports.user_names import (
    name_targets,
    names_of_one_command,
    trust_folder,
    trust_modules,
)
from saibench.shipped import conf, root

PROGRAM = "saibench.models.external.torch_file.TorchFile"
FROZEN = sorted(root().glob("docs/results/**/config.yaml"))


@pytest.fixture(autouse=True)
def separate_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget names and imports of a test after it."""
    known = set(sys.modules)
    with names_of_one_command():
        yield
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in ("mine", "theirs", "my_package"):
            del sys.modules[name]


def node(target: object) -> dict[str, object]:
    return {"partitions": {"x": {"samplers": [{"_target_": target}]}}}


def shipped_nodes() -> Iterator[tuple[str, str]]:
    """Yield the shipped config files with each class that they name."""
    files = [*conf().rglob("*.yaml"), *(root() / "sweeps").rglob("*.yaml")]
    for file in (one for one in files if one.parent.name not in ("logger", "metrics")):
        for _, found in targets(yaml.safe_load(file.read_text())):
            if found["_target_"][0] not in "?$":  # which the user or the workload sets
                yield file.name, found["_target_"]


def test_every_class_that_shipped_configs_name_is_allowed() -> None:
    named = list(shipped_nodes())
    assert len(named) > 50
    for file, target in named:
        if target != PROGRAM:
            refuse_targets(node(target), file)


def test_a_file_of_a_program_is_opened_only_if_the_user_names_it() -> None:
    with pytest.raises(UserError, match=f"--trust-module {PROGRAM.rpartition('.')[0]}"):
        refuse_targets(node(PROGRAM), "config.yaml")
    name_targets([PROGRAM])
    refuse_targets(node(PROGRAM), "config.yaml")


def test_a_module_of_programs_can_be_trusted() -> None:
    trust_modules([PROGRAM.rpartition(".")[0]])
    refuse_targets(node(PROGRAM), "config.yaml")


def test_modules_that_shipped_workloads_name_are_allowed() -> None:
    for file in (conf() / "workload").glob("*.yaml"):
        workload = yaml.safe_load(file.read_text())["workload"]
        for part in REPORTED_MODULES:
            for name in workload.get(part, ()):
                refuse_module(name)


@pytest.mark.parametrize("file", FROZEN, ids=lambda file: file.parent.name[:40])
def test_config_that_was_frozen_by_an_earlier_version_is_allowed(file: Path) -> None:
    settings = read_frozen(file)
    refuse_targets({key: settings[key] for key in settings if key != "logger"}, file)


@pytest.mark.parametrize(
    "target",
    [
        "numpy.testing.measure",
        "os.system",
        "builtins.exec",
        "builtins.eval",
        "subprocess.run",
        "functools.partial",
        "pathlib.Path",
        "torch.load",
        "torch.hub.load",
        "torch.optim.adam.os.system",
        "torch.optim.Adam.__init__.__globals__",
        "hydra.utils.get_method",
        "hydra.utils.instantiate",
        "lightning.pytorch.callbacks.ModelCheckpoint",
        "lightning.pytorch.loggers.CSVLogger",
        "saibench.loggers.wandb.PointWandbLogger",
        "saibench.models.base.torch.hub.load",
        "saibench.runs.provenance.subprocess.getoutput",
        "saibench.files.atomic.atomic_write",
        "saibench.datamodules.samplers.Window.__class__",
        "saibench.imports.user_names.trust_modules",
        "saibench.__main__",
        "saibench.datamodules.samplers.Window ",
        " saibench.datamodules.samplers.Window",
        "",
        ".",
        None,
        3,
        ["saibench.datamodules.samplers.Window"],
        {"_target_": "saibench.datamodules.samplers.Window"},
    ],
    ids=str,
)
def test_anything_else_is_refused_by_its_key(target: object) -> None:
    with pytest.raises(UserError, match=r"config\.yaml: partitions\.x\.samplers\[0\]\._target_="):
        refuse_targets(node(target), "config.yaml")


def test_trust_module_is_not_suggested_for_saibench() -> None:
    with pytest.raises(UserError, match=r"saibench\.cli\.main") as refused:
        refuse_targets(node("saibench.cli.main"), "config.yaml")
    assert "--trust-module" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"a": [{"b": ({"_target_": "os.system"},)}]},
        {"_args_": [{"_target_": "os.system"}]},
        {"_target_": "torch.optim.Adam", "_partial_": True, "lr": {"_target_": "os.system"}},
        {"_target_": "torch.optim.Adam", "_recursive_": False, "net": {"_target_": "os.system"}},
        {"_target_": {"_target_": "os.system"}},
    ],
)
def test_a_class_is_found_at_any_depth(settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"os\.system"):
        refuse_targets(settings, "config.yaml")


@pytest.mark.parametrize(
    "name",
    [
        "os",
        "antigravity",
        "numpy.testing",
        "saibench.__main__",
        "saibenchmark.figures",
        "saibench/figures",
        "",
        "..figures",
        None,
    ],
    ids=str,
)
def test_module_of_a_record_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"'{name}'")):
        refuse_module(name)


def test_names_of_the_command_line_are_allowed_exactly() -> None:
    name_targets(["numpy.testing.measure"])
    refuse_targets(node("numpy.testing.measure"), "config.yaml")
    with pytest.raises(UserError, match=r"numpy\.testing\.rundocs"):
        refuse_targets(node("numpy.testing.rundocs"), "config.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of modules with somebody else's study in it."""
    files = {
        "mine.py": "import os, functools\nfrom subprocess import run\n"
        "class Net: pass\nShort = functools.partial(Net)\nTwisted = functools.partial(os.system)\n",
        "my_package/__init__.py": "from my_package.nets import Net\n",
        "my_package/nets.py": "class Net: pass\n",
        "theirs/__init__.py": "raise AssertionError('imported')\n",
        "theirs/run/run.json": "{}",
        "theirs/run/evil.py": "raise AssertionError('imported')\n",
        "my_package/data/study/evil.py": "raise AssertionError('imported')\n",
        "my_package/data/study/run/run.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


OWN = ("mine.Net", "mine.Short", "my_package.Net", "my_package.nets.Net")
NOT_OWN = ("mine.os.system", "mine.run", "mine.Twisted", "mine.functools.partial")
STRANGERS = ("theirs.Net", "theirs.run.evil.Net", "my_package.data.study.evil.Net")


@pytest.mark.parametrize("way", ["--config-dir", "--trust-module"])
def test_user_modules_are_allowed_and_their_imports_are_not(project: Path, way: str) -> None:
    for target in OWN:
        with pytest.raises(UserError, match=target):
            refuse_targets(node(target), "config.yaml")
    assert not {"mine", "my_package"} & set(sys.modules), "nothing is imported to be refused"
    if way == "--config-dir":
        trust_folder(project)
    else:
        trust_modules(["mine", "my_package"])
    for target in OWN:
        refuse_targets(node(target), "config.yaml")
    refuse_module("my_package.nets")
    for target in (*NOT_OWN, *STRANGERS):
        with pytest.raises(UserError, match=target):
            refuse_targets(node(target), "config.yaml")
    for name in ("theirs", "theirs.run.evil", "my_package.data.study.evil"):
        with pytest.raises(UserError, match=name):
            refuse_module(name)


def test_trust_in_a_part_of_a_package_is_no_trust_in_the_rest(project: Path) -> None:
    (project / "my_package" / "other.py").write_text("class Net: pass\n")
    trust_modules(["my_package.nets"])
    refuse_targets(node("my_package.nets.Net"), "config.yaml")
    for target in ("my_package.other.Net", "my_package.Other"):
        with pytest.raises(UserError, match=target):
            refuse_targets(node(target), "config.yaml")
    with pytest.raises(UserError, match="my_package"):
        refuse_module("my_package")


def test_missing_trusted_module_is_named() -> None:
    for name in ("nowhere_at_all", "nowhere_at_all.below", "os.path.below", "a b", ""):
        with pytest.raises(UserError, match=f"--trust-module {name}"):
            trust_modules([name])


def test_command_line_with_a_resolver_in_its_values_is_refused() -> None:
    (config,) = compose_command("train", [r"study='\${oc.env:HOME}'"]).points
    with pytest.raises(UserError, match=r"study .*\$\{"):
        resolved(config)
