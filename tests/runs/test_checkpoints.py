"""Checkpoints hold tensors and builtins; damaged ones are refused."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from command_line import QUIET, TINY, evaluate, only_point, train
from lightning import LightningModule
from process_group import found_on_ranks

from saibench.errors import UserError
from saibench.evidence.run_record import read_record, update_record
from saibench.identity import point_hash
from saibench.runs.checkpoints import save_untrained
from saibench.runs.divergence import DivergenceGuard
from saibench.runs.point import load_point

pytestmark = pytest.mark.usefixtures("without_page")

Copied = Callable[[Path], Path]
BUILTINS = (dict, list, tuple, str, bool, int, float, type(None))


def assert_builtins(value: Any) -> None:
    assert type(value) in BUILTINS, type(value)
    for part in value.values() if isinstance(value, dict) else value if type(value) is list else ():
        assert_builtins(part)


@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_checkpoint_holds_tensors_and_builtins_only(trained: Path, name: str) -> None:
    checkpoint = torch.load(trained / name, weights_only=True)
    assert_builtins(checkpoint["hyper_parameters"])
    assert checkpoint["hyper_parameters"]["net"]["num_features"] == 8
    assert checkpoint["hyper_parameters"]["dataset_info"]["type_names"] == ["C", "H", "O"]
    assert all(isinstance(value, torch.Tensor) for value in checkpoint["state_dict"].values())


def test_module_is_rebuilt_from_its_checkpoint_alone(trained: Path) -> None:
    from saibench.models.force_field.module import ForceFieldModule

    module = ForceFieldModule.load_from_checkpoint(trained / "best.ckpt", weights_only=True)
    kept = torch.load(trained / "best.ckpt", weights_only=True)["state_dict"]
    torch.testing.assert_close(dict(module.state_dict()), dict(kept))


def test_best_checkpoint_is_that_of_the_smallest_validation_loss(tmp_path: Path) -> None:
    """The reference is the log of the CSV logger."""
    ended = train(tmp_path, *TINY, "logger=csv", "trainer.max_steps=12", "model.optimizer.lr=0.1")
    assert ended.status == 0, ended
    point = only_point(tmp_path)
    (log,) = point.rglob("metrics.csv")
    header, *rows = [line.split(",") for line in log.read_text().splitlines()]
    losses = {
        int(row[header.index("step")]): float(value)
        for row in rows
        if (value := row[header.index("val/loss")])
    }
    assert len(losses) == 6
    best = min(losses, key=losses.__getitem__)
    assert torch.load(point / "best.ckpt", weights_only=True)["global_step"] == best + 1
    assert torch.load(point / "last.ckpt", weights_only=True)["global_step"] == 12


def test_frozen_config_gives_the_hash_of_the_folder(trained: Path) -> None:
    assert trained.name.endswith(point_hash(load_point(trained).settings))


def test_failure_while_writing_a_checkpoint_keeps_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is written in the same folder, never through another file system."""
    moved: list[str] = []
    replace = os.replace

    def ending(source: str | Path, target: str | Path) -> None:
        if Path(target).suffix == ".ckpt":
            assert Path(source).parent == Path(target).parent
            torch.load(source, weights_only=True)
            moved.append(Path(target).name)
            if moved.count("last.ckpt") == 2:
                raise RuntimeError("the end")
        replace(source, target)

    monkeypatch.setattr(os, "replace", ending)
    ended = train(tmp_path, *TINY)
    assert "RuntimeError: the end" in ended.out
    assert set(moved) == {"best.ckpt", "last.ckpt"}
    point = only_point(tmp_path)
    assert torch.load(point / "last.ckpt", weights_only=True)["global_step"] == 2
    assert not list(point.glob(".*.ckpt"))


def test_untrained_checkpoint_has_the_same_bytes_on_all_ranks(tmp_path: Path) -> None:
    """Each rank writes the file, and the record has one SHA-256."""
    module = LightningModule()
    module.layer = torch.nn.Linear(2, 1)

    def written(rank: int) -> str:
        path = tmp_path / str(rank) / "best.ckpt"
        path.parent.mkdir()
        save_untrained(module, path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    first, second = found_on_ranks(written, tmp_path)
    assert first == second
    kept = torch.load(tmp_path / "1" / "best.ckpt", weights_only=True)["state_dict"]
    torch.testing.assert_close(dict(module.state_dict()), dict(kept))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": Path("/")}))


def of_another_model(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["state_dict"] = {"layers.weight": torch.zeros(3)}
    torch.save(checkpoint, path)


def of_another_size(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    name = next(iter(checkpoint["state_dict"]))
    checkpoint["state_dict"][name] = torch.zeros(2, 2)
    torch.save(checkpoint, path)


def legacy(path: Path) -> None:
    """Undamaged, but in PyTorch's old format, with an object that is no tensor or builtin."""
    torch.save({"state_dict": Path("/")}, path, _use_new_zipfile_serialization=False)


DAMAGE = {
    (cut, True): "damaged",
    (cut, False): "damaged",
    (empty, False): "damaged",
    (pickled, True): "damaged",
    (pickled, False): "damaged",
    (legacy, False): "damaged",
    (of_another_model, True): "damaged",
    (of_another_model, False): "another model",
    (of_another_size, False): "another model",
    (Path.unlink, True): "missing",
}


@pytest.mark.parametrize(
    ("damage", "is_recorded"), DAMAGE, ids=[f"{damage.__name__}-{kept}" for damage, kept in DAMAGE]
)
def test_damaged_checkpoint_is_named_in_one_line(
    damage: Callable[[Path], None], is_recorded: bool, trained: Path, copied: Copied
) -> None:
    """With its SHA-256 in the record, and without, as in older records."""
    point = copied(trained)
    if not is_recorded:
        update_record(point, files={})
    before = {path.name: path.read_bytes() for path in point.iterdir() if path.name != "best.ckpt"}
    damage(point / "best.ckpt")
    ended = evaluate(point, f"run={point}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 2
    assert f"{point / 'best.ckpt'} " in ended.err and DAMAGE[damage, is_recorded] in ended.err
    assert ended.err.count("\n") == 1
    after = {path.name: path.read_bytes() for path in point.iterdir() if path.name != "best.ckpt"}
    assert after == before


def test_damaged_checkpoint_of_an_unfinished_run_is_named(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    update_record(point, state="running")
    cut(point / "last.ckpt")
    ended = train(tmp_path, *TINY)
    assert ended.status == 2
    assert f"{point / 'last.ckpt'} is damaged" in ended.err


def test_model_without_a_validation_loss_is_refused() -> None:
    trainer = SimpleNamespace(callback_metrics={}, global_step=2)
    with pytest.raises(UserError, match=r'Linear .*val/loss.*self\.log\("val/loss"'):
        DivergenceGuard().on_validation_end(trainer, torch.nn.Linear(1, 1))


@pytest.mark.parametrize("value", ["nan", "1e30"])
def test_diverged_training_fails_and_keeps_the_checkpoint_before(
    value: str, tmp_path: Path
) -> None:
    poison = "{_target_: interruptions.Poison, step: 3, value: " + value + "}"
    ended = train(tmp_path, *TINY, f"+trainer.callbacks.poison={poison}")
    assert ended.status == 2
    assert "diverged" in ended.err
    point = only_point(tmp_path)
    record = read_record(point)
    assert record["state"] == "failed"
    assert "diverged" in record["failure"]["cause"]
    assert not (point / "metrics.json").exists()
    last = torch.load(point / "last.ckpt", weights_only=True)
    assert last["global_step"] == 2, "the checkpoint before"
    assert all(value.isfinite().all() for value in last["state_dict"].values())
