"""Saved jets: written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saibench.errors import UserError
from saibench.evidence.jet_tagging.saved_jets import SavedJets

FILE = SavedJets.FILE

KEPT = SavedJets(
    sample_id=np.array([5, 9]),
    label=np.array([1, 0]),
    score=np.array([0.25, 0.5]),
    why=np.array(["typical", "wrong"]),
    end=np.array([2, 3]),
    eta=np.array([0.1, 0.2, 0.3]),
    phi=np.array([0.0, 0.1, 0.2]),
    pt=np.array([3.0, 2.0, 1.0]),
)


def test_jets_are_read_again_with_their_own_constituents(tmp_path: Path) -> None:
    KEPT.write(tmp_path / FILE)
    first, second = SavedJets.read(tmp_path / FILE)
    assert (first.sample_id, first.label, first.score, first.why) == (5, 1, 0.25, "typical")
    assert first.pt.tolist() == [3.0, 2.0] and second.eta.tolist() == [0.3]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("content", [b"", b"not a zip", "other", "short"])
def test_damaged_file_is_named(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / FILE
    if content == "other":
        np.savez(path, sample_id=np.zeros(1))
    elif content == "short":
        np.savez(path, **{**vars(KEPT), "pt": np.zeros(1)})
    else:
        path.write_bytes(content)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"jets\.npz"):
        SavedJets.read(path)
