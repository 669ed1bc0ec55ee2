"""A machine without a Weights & Biases login, and a run's folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from made_point import make_point  # noqa: E402


@pytest.fixture(autouse=True, scope="session")
def no_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.delenv("NETRC", raising=False)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def point(tmp_path: Path) -> Path:
    """A tested run of 400 frames with its frozen config."""
    return make_point(tmp_path / "study" / "start0.15-abc")
