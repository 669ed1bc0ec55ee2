"""Run folders from others: their configs cannot execute code or read secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import QUIET, REPOSITORY, evaluate, saibench, train

from saibench.datamodules.cache_root import cache_root
from saibench.errors import UserError
from saibench.runs.force_field import TrainedForceField

Config = dict[str, Any]


@pytest.fixture
def run(trained: Path, copied: Callable[[Path], Path]) -> Path:
    """A copy of a complete run, to be changed."""
    return copied(trained)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file that code named by a config creates if it runs."""
    return tmp_path / "trace"


def rewrite(run: Path, change: Callable[[Config], None]) -> None:
    """Change the frozen config and remove all hashes, as a sender of the folder could."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    change(config)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    record = json.loads((run / "run.json").read_text())
    kept = {name: record[name] for name in record if name not in ("files", "digest")}
    (run / "run.json").write_text(json.dumps(kept))


def attack(trace: Path) -> dict[str, str]:
    """A library function that executes any code."""
    code = f"open({str(trace)!r}, 'w')"
    return {"_target_": "numpy.testing.measure", "code_str": code}


def in_partitions(config: Config, trace: Path) -> None:
    for where in (config, config["datamodule"]):
        where["partitions"]["x"] = {"samplers": [attack(trace)]}


def in_a_transform(config: Config, trace: Path) -> None:
    config["datamodule"]["partitions"]["x"] = {"samplers": [], "transform": attack(trace)}


def in_positional_arguments(config: Config, trace: Path) -> None:
    sampler = {"_target_": "saibench.datamodules.samplers.Tail", "_args_": [attack(trace)]}
    config["datamodule"]["partitions"]["x"] = {"samplers": [sampler]}


def through_a_module(config: Config, trace: Path) -> None:
    path = {"_target_": "saibench.files.atomic.Path", "_args_": [str(trace)]}
    write = {"_target_": "saibench.files.atomic.Path.write_text", "_args_": [path, "x"]}
    config["datamodule"]["partitions"]["x"] = {"samplers": [write]}


PLACES = (in_partitions, in_a_transform, in_positional_arguments, through_a_module)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_code_in_a_config_is_refused_by_its_key(
    place: Callable[[Config, Path], None], run: Path, trace: Path, tmp_path: Path
) -> None:
    rewrite(run, lambda config: place(config, trace))
    ended = evaluate(tmp_path, f"run={run}", *QUIET)
    assert ended.status == 2
    assert "partitions.x" in ended.err and "config.yaml" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not trace.exists()


def test_no_other_command_executes_code_of_a_config(run: Path, trace: Path, tmp_path: Path) -> None:
    rewrite(run, lambda config: in_partitions(config, trace))
    ended = saibench(tmp_path, "audit", str(run))
    assert ended.status == 2 and "partitions.x" in ended.err
    with pytest.raises(UserError, match=r"partitions\.x"):
        TrainedForceField.load(run)
    assert saibench(tmp_path, "report", str(run)).status == 0
    assert not trace.exists()


def test_callback_of_a_config_is_refused(run: Path, trace: Path, tmp_path: Path) -> None:
    rewrite(run, lambda config: config["trainer"].update(callbacks={"x": attack(trace)}))
    ended = evaluate(tmp_path, f"run={run}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 2
    assert "trainer.callbacks.x._target_=numpy.testing.measure" in ended.err
    assert not trace.exists()


def test_logger_of_a_config_is_not_imported(
    run: Path, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The logger comes from the command line."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "evil_logger.py").write_text(f"open({str(trace)!r}, 'w')\nLogger = object\n")
    monkeypatch.syspath_prepend(folder)
    rewrite(run, lambda config: config.update(logger={"_target_": "evil_logger.Logger"}))
    assert evaluate(tmp_path, f"run={run}", *QUIET).status == 0
    assert saibench(tmp_path, "audit", str(run)).status == 0
    assert not trace.exists()


def test_module_trusted_on_the_command_line_may_be_used(
    run: Path, trace: Path, tmp_path: Path
) -> None:
    """For that command only."""
    rewrite(run, lambda config: in_partitions(config, trace))
    ended = saibench(tmp_path, "audit", str(run), "--trust-module", "numpy.testing")
    assert trace.exists(), ended
    trace.unlink()
    assert saibench(tmp_path, "audit", str(run)).status == 2, "trust ends with its command"
    unknown = saibench(tmp_path, "audit", str(run), "--trust-module", "nowhere_at_all")
    assert unknown.status == 2 and "nowhere_at_all" in unknown.err
    assert not trace.exists()


def test_resolver_in_a_config_is_refused_and_reveals_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "open sesame")
    rewrite(run, lambda config: config["window"].update(start="${oc.env:A_SECRET}"))
    for ended in (
        saibench(tmp_path, "report", str(run.parent)),
        saibench(tmp_path, "audit", str(run)),
        evaluate(tmp_path, f"run={run}", *QUIET),
    ):
        assert ended.status == 2
        assert "window.start" in ended.err
        assert "open sesame" not in ended.out + ended.err
    assert not (run.parent / "report.html").exists()


def test_cache_folder_of_a_config_is_not_written(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    rewrite(run, lambda config: config["datamodule"].update(cache=str(elsewhere)))
    ended = saibench(tmp_path, "audit", str(run))
    assert ended.status == 0, ended.err
    assert not elsewhere.exists()


def test_existing_cache_of_a_config_is_read(run: Path, tmp_path: Path) -> None:
    """It has a manifest; the default cache stays empty."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for kept in cache_root().iterdir():
        (elsewhere / kept.name).symlink_to(kept)
    rewrite(run, lambda config: config["datamodule"].update(cache=str(elsewhere)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAIBENCH_CACHE_DIR", str(tmp_path / "empty"))
        assert saibench(tmp_path, "audit", str(run)).status == 0
    assert not (tmp_path / "empty").exists()


def test_modules_of_the_current_folder_do_not_replace_libraries(
    run: Path, trace: Path, tmp_path: Path
) -> None:
    """`python -m` and Hydra's plugin search look there first."""
    (run / "hydra_plugins").mkdir()
    for file in (run / "polars.py", run / "hydra_plugins" / "plugin.py"):
        file.write_text(f"open({str(trace)!r}, 'w')\n")
    ended = subprocess.run(
        [sys.executable, "-m", "saibench", "audit", "."],
        cwd=run,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not trace.exists()


def test_train_refuses_a_resolver_in_a_setting(tmp_path: Path) -> None:
    ended = train(tmp_path, r"study='\${oc.env:HOME}'", *QUIET)
    assert ended.status == 2
    assert "study" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".unfinished", "logs", "guard"])
def test_linked_subfolder_is_refused_before_anything_is_written(
    name: str, run: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run / name).symlink_to(elsewhere)
    ended = evaluate(tmp_path, f"run={run}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 2 and name in ended.err
    assert not list(elsewhere.iterdir())


def test_linked_evidence_folder_is_refused(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "by_mistake.parquet").write_text("mine")
    (run.parent / "evidence").symlink_to(elsewhere)
    ended = saibench(tmp_path, "report", str(run.parent))
    assert ended.status == 2 and "evidence" in ended.err
    assert [path.name for path in elsewhere.iterdir()] == ["by_mistake.parquet"]
