"""Trained runs for all tests; a test that changes one uses a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import QUIET, TINY, TRAJECTORY, no_page, only_point, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run; read only."""
    return _trained(tmp_path_factory.mktemp("trained"), *TINY)


@pytest.fixture(scope="session")
def trained_nequip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run of a small NequIP; read only."""
    small = ("model=nequip_small", "model.net.num_features=4", "model.net.num_layers=2")
    budget = ("subset.count=20", "trainer.max_steps=2", "trainer.val_every=2")
    with no_page():
        return _trained(tmp_path_factory.mktemp("nequip"), *TRAJECTORY, *QUIET, *small, *budget)


def _trained(folder: Path, *arguments: str) -> Path:
    ended = train(folder, *arguments)
    assert ended.status == 0, ended
    return only_point(folder)


@pytest.fixture
def without_page() -> Iterator[None]:
    """Evidence is joined, but no report is written."""
    with no_page():
        yield


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a run into a study of this test, and return its folder."""

    def copy(point: Path) -> Path:
        return Path(shutil.copytree(point, tmp_path / "outputs" / "force_field" / point.name))

    return copy
