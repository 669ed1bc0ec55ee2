"""Mistakes in the files of --config-dir are reported with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Ended, train

MODULE = """
from saibench.models.jet_tagging.module import JetTaggingModule

class {name}(JetTaggingModule):
    @classmethod
    def check(cls, settings, max_steps):
        {body}
"""


def refused(folder: Path, model: str, *arguments: str) -> Ended:
    (folder / "own" / "model").mkdir(parents=True, exist_ok=True)
    (folder / "own" / "model" / "mine.yaml").write_text(model)
    here = folder / "here"
    here.mkdir()
    own = (f"--config-dir={folder / 'own'}", "workload=jet_tagging", "model=mine")
    ended = train(here, *own, *arguments)
    assert ended.status == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert not list(here.iterdir())
    return ended


@pytest.mark.parametrize("show", [(), ("--cfg", "job")], ids=["run", "show"])
@pytest.mark.parametrize(
    ("text", "place"),
    [("name: a\nnet: {a: 1\nfoo: [\n", "line 3, column 4"), ("a: 1\n\tb: 2\n", "line 2, column 1")],
)
def test_invalid_yaml_is_reported_with_its_place(
    text: str, place: str, show: tuple[str, ...], tmp_path: Path
) -> None:
    err = refused(tmp_path, text, *show).err
    assert f"mine.yaml, {place}" in err


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("FaultyCheck", '{}["wavelength"]', "KeyError: 'wavelength' (mine_FaultyCheck.py, line 7)"),
        ("MissingKey", 'settings["wavelength"]', "model.wavelength"),
        ("MissingInside", 'settings["net"]["width"]', "model.net.width"),
    ],
)
def test_error_of_a_users_check_differs_from_a_missing_key(
    name: str, body: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / f"mine_{name}.py").write_text(MODULE.format(name=name, body=body))
    shipped = "saibench.models.jet_tagging.nets.particle_net.ParticleNet"
    model = (
        f"_target_: mine_{name}.{name}\nname: x\nnet: {{_target_: {shipped}}}\noptimizer: {{}}\n"
    )
    assert says in refused(tmp_path, model).err


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "mine.yaml").write_bytes(b"\xff\xfename: x")
    ended = train(tmp_path, f"--config-dir={tmp_path / 'own'}", "model=mine")
    assert ended.status == 2 and "UTF-8" in ended.err
    assert ended.err.startswith(str(tmp_path / "own" / "model" / "mine.yaml"))


def test_unknown_default_is_reported_with_its_file(tmp_path: Path) -> None:
    err = refused(tmp_path, "defaults: [particle_nett]\n").err
    assert err.startswith("model/mine.yaml") and "'particle_net'" in err


def test_net_in_place_of_a_model_is_refused(tmp_path: Path) -> None:
    err = refused(tmp_path, "_target_: torch.nn.Identity\nname: x\n").err
    assert "model._target_=torch.nn.Identity" in err
    assert "BenchmarkModule" in err and "model.net._target_" in err
