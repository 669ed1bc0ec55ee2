"""Trained points to look at; a test that changes one takes a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import QUIET, TINY, TRAJECTORY, no_page, only_point, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete point, not to be changed."""
    return _trained(tmp_path_factory.mktemp("trained"), *TINY)


@pytest.fixture(scope="session")
def trained_nequip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete point of a small NequIP, not to be changed."""
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
    """Evidence is joined, but no figure is drawn: for tests that look at points alone."""
    with no_page():
        yield


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copies a point into a study of this test; the copy's folder below it."""

    def copy(point: Path) -> Path:
        return Path(shutil.copytree(point, tmp_path / "outputs" / "force_field" / point.name))

    return copy
