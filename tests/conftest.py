from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from command_line import BLANK
from skips import (  # noqa: F401  (hooks)
    pytest_runtest_setup,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

from saibench.imports.user_names import VARIABLE

REAL_TRAJECTORY = "rmd17/npz_data/rmd17_aspirin.npz"

SLOW = (
    *("studies", "docs", "runs", "loggers", "models", "config", "report"),
    *("extension", "packaging", "plugins", "paper", "test_home.py"),
)
"""Folders whose files take up to minutes; they start first, to balance the processes."""
WITHOUT_FIGURES = ("docs", "extension", "loggers", "models", "plugins", "runs", "studies")
"""Folders that test no figure; the page draws them, but writes blank images."""


gc.set_threshold(5_000, 10, 10)
"""Imports make objects that stay; Python would search them for garbage more often."""


def pytest_collection_finish() -> None:
    """Search the half million objects of imported libraries no more."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow folders first; `--no-loadscope-reorder` keeps this order."""
    items.sort(key=_start)


def _start(item: pytest.Item) -> int:
    """When a test starts: by the place of its folder below `tests` in `SLOW`."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return SLOW.index(folder) if folder in SLOW else len(SLOW)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Use one thread: small tensors are slower on several, above all on a busy machine."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of data, at first empty, of all test processes and those that they start."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAIBENCH_CACHE_DIR", str(folder))
        for name in [name for name in os.environ if name.startswith(("WANDB_", "HYDRA_"))]:
            patch.delenv(name)
        yield folder


@pytest.fixture(scope="module", autouse=True)
def names_of_one_module() -> Iterator[None]:
    """Forget names of command lines between test modules."""
    os.environ.pop(VARIABLE, None)
    yield
    os.environ.pop(VARIABLE, None)


@pytest.fixture(scope="module", autouse=True)
def blank_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave the figures of pages blank where runs are tested: they take longer than a tiny net."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.relative_to(Path(__file__).parent).parts[0] in WITHOUT_FIGURES:
            patch.setattr("saibench.report.drawn.svg", lambda figure: BLANK)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data, `SAIBENCH_DATA_DIR`, or skip the test."""
    folder = Path(os.environ.get("SAIBENCH_DATA_DIR", "."))
    if not (folder / REAL_TRAJECTORY).is_file():
        pytest.skip(f"needs SAIBENCH_DATA_DIR, a folder of real data with {REAL_TRAJECTORY}")
    return folder
