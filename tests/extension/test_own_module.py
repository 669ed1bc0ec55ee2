"""A user's LightningModule outside the checkout: train, evaluate, report."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import (
    QUIET,
    TRAJECTORY,
    Ended,
    evaluate,
    no_page,
    only_point,
    saibench,
    separate_imports,
    train,
)
from docs_pages import DOCS, files_of_my_project, write_my_project

from saibench.evidence.reader import StudyEvidence

SMALL = (*TRAJECTORY, *QUIET, "subset.count=40", "trainer.max_steps=10", "trainer.val_every=5")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the two files that the documentation shows."""
    page = DOCS / "how-to" / "lightning-module.md"
    assert list(files_of_my_project(page)) == ["springs.py", "model/springs.yaml"]
    return write_my_project(page, tmp_path_factory.mktemp("extension"))


@pytest.fixture(autouse=True)
def own_imports(point: Path) -> Iterator[None]:
    with separate_imports("springs"):
        yield


@pytest.fixture(scope="module")
def point(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the module on one device."""
    folder = tmp_path_factory.mktemp("one_device")
    with separate_imports("springs"), no_page():
        ended = train(folder, f"--config-dir={project}", "model=springs", *SMALL)
    assert ended.status == 0, ended.err
    return only_point(folder)


def metrics_of(point: Path) -> dict:
    return json.loads((point / "metrics.json").read_text())


def test_documentation_shows_the_extension_in_under_40_lines(project: Path) -> None:
    files = [*project.rglob("*.py"), *project.rglob("*.yaml")]
    lines = sum(len(path.read_text().splitlines()) for path in files)
    assert len(files) == 2
    assert lines < 40


def test_users_module_trains_evaluates_and_reports_without_an_edit_to_the_core(
    project: Path, point: Path
) -> None:
    assert metrics_of(point)["last_tenth"]["force_mae"]["count"] == 30
    assert metrics_of(point)["last_tenth"]["force_mae"]["unit"] == "meV/Å"

    again = (f"run={point}", "test=[whole_trajectory]", *QUIET)
    with no_page():
        evaluated = evaluate(point.parent, f"--config-dir={project}", *again)
    assert evaluated.status == 0, evaluated.err
    assert metrics_of(point)["whole_trajectory"]["force_mae"]["count"] == 300

    reported = saibench(point.parent, "report", str(point.parent))
    assert reported.status == 0, reported.err
    assert "force MAE" in (point.parent / "report.html").read_text()


def test_module_that_is_not_found_is_named(point: Path) -> None:
    lost = evaluate(point.parent, f"run={point}", *QUIET)
    assert lost.status == 2
    assert lost.err.count("\n") == 1
    assert "model._target_=springs.Springs" in lost.err and "--config-dir" in lost.err


def test_module_that_can_be_imported_anyway_is_named(
    project: Path, point: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of an installed package, which has no folder of configs."""
    monkeypatch.syspath_prepend(project)
    again = (f"run={point}", "test=[last_tenth]", *QUIET)
    with no_page():
        assert evaluate(point.parent, *again).status == 2
        named = evaluate(point.parent, *again, "--trust-module", "springs")
        assert named.status == 0, named.err
        shown = evaluate(point.parent, "--cfg", "job", "--trust-module=springs", *again)
    assert shown.status == 0, shown.err


def test_audit_finds_the_module_where_it_is_told_that_it_is(project: Path, point: Path) -> None:
    lost = saibench(point.parent, "audit", str(point))
    assert lost.status == 0, "an audit builds the data, and they are saibench's own"
    found = saibench(point.parent, "audit", str(point), "--config-dir", str(project))
    assert (found.status, found.out) == (0, lost.out)
    nowhere = saibench(point.parent, "audit", str(point), "--config-dir", "nowhere")
    assert nowhere.status == 2
    assert "--config-dir nowhere" in nowhere.err


def test_code_that_changed_is_trained_anew_and_the_old_run_is_left_alone(
    project: Path, point: Path, tmp_path: Path
) -> None:
    mine = Path(shutil.copytree(project, tmp_path / "mine"))
    outputs = Path(shutil.copytree(point.parents[1], tmp_path / "outputs"))
    (old,) = outputs.glob("*/*/run.json")
    code = mine / "springs.py"
    run = (f"--config-dir={mine}", "model=springs", *SMALL)
    code.write_text(code.read_text().replace("import torch", "import torch  # of springs", 1))
    with separate_imports("springs"), no_page():
        assert train(tmp_path, *run).status == 0
    assert list(outputs.glob("*/*/run.json")) == [old], "a comment changes no result"

    code.write_text(code.read_text().replace("(kinds, kinds), 1.5", "(kinds, kinds), 1.4"))
    with separate_imports("springs"):
        retested = evaluate(
            tmp_path, f"run={old.parent}", run[0], "test=[whole_trajectory]", *QUIET
        )
    assert retested.status == 2 and retested.err.startswith("springs.py ")
    with separate_imports("springs"), no_page():
        ended = train(tmp_path, *run)
    assert ended.status == 0, ended.err
    assert "springs.py" in ended.out and point.name in ended.out
    assert len(list(outputs.glob("*/*/run.json"))) == 2


MISTAKES = {
    "another base": (
        "(BenchmarkModule)",
        "(__import__('lightning').LightningModule)",
        "subclass of saibench.models.base.BenchmarkModule",
    ),
    "no validation": ("def validation_step", "def validate", "has no validation_step"),
    "no statistics": ("def statistics", "def statistic", "has no statistics()"),
    "no list": ("return [Statistic(", "return 3 or [Statistic(", "list of saibench"),
    "names for statistics": (
        "return [Statistic(",
        'return ["x"] or [Statistic(',
        "list of saibench",
    ),
    "an unknown summary": ('"mean"}', '"median"}', "'median'"),
    "what no checkpoint holds": (
        "self.save_hyperparameters()",
        'self.save_hyperparameters(); self.hparams["x"] = object()',
        "Springs.hparams['x']",
    ),
}


def train_changed(project: Path, folder: Path, right: str, wrong: str) -> tuple[Ended, Path]:
    """Train the documented module with a change; return how it ended, and where."""
    mine, here = Path(shutil.copytree(project, folder / "mine")), folder / "here"
    here.mkdir()
    code = (mine / "springs.py").read_text()
    assert right in code
    (mine / "springs.py").write_text(code.replace(right, wrong))
    with no_page():
        return train(here, f"--config-dir={mine}", "model=springs", *SMALL), here


@pytest.mark.parametrize(("right", "wrong", "says"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_of_a_users_module_is_refused_before_training(
    right: str, wrong: str, says: str, project: Path, tmp_path: Path
) -> None:
    ended, here = train_changed(project, tmp_path, right, wrong)
    assert ended.status == 2
    assert says in ended.err and len(ended.err.strip().splitlines()) == 1
    assert not list(here.iterdir())


TWO_AXES = """return [
            Statistic("force_mae", "meV/Å", "component", "", summaries={"force_mae": "mean"}),
            Statistic("size", "meV/Å", "component", "", crossed(
                Axis("atom", tuple(range(9))), Axis("component", ("x", "y", "z"))
            ), {"rms": "root_mean_square"}),
        ]"""


def test_a_statistic_may_have_two_axes(project: Path, tmp_path: Path) -> None:
    """Its mean over both is the statistic without an axis; its sums are those of the table."""
    mine = Path(shutil.copytree(project, tmp_path / "mine"))
    code = (mine / "springs.py").read_text()
    plain = '{"force_mae": 1000 * self.error(batch).detach().abs().mean((1, 2))}'
    both = '{"force_mae": 1000 * (e := self.error(batch).detach().abs()).mean((1, 2)), '
    for right, wrong in (
        ("import Statistic", "import Axis, Statistic, crossed"),
        (re.search(r"return \[Statistic.*\]", code)[0], TWO_AXES),  # type: ignore[index]
        (plain, both + '"atom_component/size": 1000 * e}'),
    ):
        assert right in code
        code = code.replace(right, wrong)
    (mine / "springs.py").write_text(code)
    with no_page():
        ended = train(tmp_path, f"--config-dir={mine}", "model=springs", *SMALL)
    assert ended.status == 0, ended.err
    evidence = StudyEvidence.load(only_point(tmp_path))
    samples = evidence.samples.filter(partition="last_tenth").sort("sample_id")
    sizes = (
        evidence.table("by_atom_component")
        .filter(partition="last_tenth")
        .sort("sample_id", "atom", "component")
    )
    found = sizes["size"].to_numpy().astype(float).reshape(samples.height, 9, 3)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), samples["force_mae"], rtol=1e-5)
    recorded = metrics_of(only_point(tmp_path))["last_tenth"]["rms_2_y"]
    assert recorded["value"] == pytest.approx(np.sqrt(np.mean(found[:, 2, 1] ** 2)), rel=1e-5)


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ('{"mae": 1000 * self.error(batch).detach().abs().mean((1, 2))}', "'mae'"),
        ('{"force_mae": self.error(batch).detach().abs().mean()}', "'force_mae'"),
        ("[1.0]", "test_step"),
    ],
    ids=["another key", "one number", "a list"],
)
def test_wrong_value_of_a_test_step_is_refused(
    returned: str, says: str, project: Path, tmp_path: Path
) -> None:
    right = '{"force_mae": 1000 * self.error(batch).detach().abs().mean((1, 2))}'
    ended, _ = train_changed(project, tmp_path, right, returned)
    assert ended.status == 2
    assert says in ended.err


NETS = """import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, positions, species):
        energy = self.scale * positions.square().sum((1, 2))
        return energy, self.scale * positions

class Broken(Net):
    def forward(self, positions, species):
        return {}["wavelength"]

class Detached(Net):
    def forward(self, positions, species):
        return tuple(part.detach() for part in super().forward(positions, species))

class Fixed(torch.nn.Module):
    def forward(self, positions, species):
        return positions.square().sum((1, 2)), positions
"""


def train_net(folder: Path, net: str, *arguments: str) -> Ended:
    """Train a shipped model with a user's net."""
    module = f"nets_{folder.name}"
    (folder / f"{module}.py").write_text(NETS)
    target = f"model.net._target_={module}.{net}"
    with no_page():
        return train(
            folder, f"--config-dir={folder}", "model=cartesian", target, *SMALL, *arguments
        )


@pytest.mark.parametrize(
    ("net", "status", "says", "line"),
    [
        ("Broken", 1, "KeyError: 'wavelength'", 14),
        ("Detached", 2, "train", 17),
        ("Fixed", 2, "train", 21),
    ],
)
def test_error_of_a_users_net_is_reported_with_its_line(
    net: str, status: int, says: str, line: int, tmp_path: Path
) -> None:
    ended = train_net(tmp_path, net)
    assert ended.status == status, ended
    printed = ended.out + ended.err
    assert says in printed and f"nets_{tmp_path.name}.py, line {line})" in printed


def test_a_net_that_cannot_be_trained_is_tested_as_it_is(tmp_path: Path) -> None:
    ended = train_net(tmp_path, "Fixed", "trainer.max_steps=0")
    assert ended.status == 0, ended


@pytest.mark.slow
def test_users_module_trains_on_two_devices_what_it_trains_on_one(
    project: Path, point: Path, tmp_path: Path
) -> None:
    """A batch of 5 is dealt as 3 and 2; the ranks are processes, which find the module too."""
    own = (f"--config-dir={project}", "model=springs")
    with no_page():
        ended = train(tmp_path, *own, *SMALL, "trainer.devices=2")
    assert ended.status == 0, ended.err
    one, two = (
        torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
        for folder in (point, only_point(tmp_path))
    )
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-6)
