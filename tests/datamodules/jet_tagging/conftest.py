from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jet_files import random_jets, write_pytables

Write = Callable[..., Path]


@pytest.fixture
def make_jets() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    return random_jets


@pytest.fixture
def write_file() -> Write:
    pytest.importorskip("pandas")
    return write_pytables


@pytest.fixture
def dataset(tmp_path: Path, write_file: Write) -> Mapping[str, Any]:
    """A folder of three files, and what they hold."""
    jets = {
        split: random_jets(count, seed)
        for seed, (split, count) in enumerate([("train", 30), ("val", 7), ("test", 11)])
    }
    for split, (momenta, label) in jets.items():
        write_file(tmp_path / f"{split}.h5", momenta, label)
    return {"root": tmp_path, "jets": jets}
