"""Faulty jets are refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saibench.datamodules.jet_tagging.checks import check_jets
from saibench.datamodules.jet_tagging.jets import Jets, JetWriter
from saibench.errors import UserError


def padded() -> np.ndarray:
    """(5, 4, 4) massless constituents; jet i has 1 + i % 4 of them."""
    p = np.random.default_rng(0).normal(size=(5, 4, 3)) * 100
    momenta = np.concatenate([np.linalg.norm(p, axis=2, keepdims=True), p], axis=2)
    momenta[np.arange(4) > np.arange(5)[:, None] % 4] = 0
    return momenta


LABEL = np.array([0, 1, 1, 0, 1])


def written(folder: Path, momenta: np.ndarray, label: np.ndarray = LABEL) -> Jets:
    writer = JetWriter(folder)
    writer.append(padded(), LABEL, 0)
    writer.append(momenta, label, 1)
    return Jets(data_hash="x", **writer.closed())


def with_set(where: Any, value: float) -> np.ndarray:
    momenta = padded()
    momenta[where] = value
    return momenta


FAULTS = {
    "NaN": (with_set((2, 0, 2), np.nan), LABEL, "sample_id 7 .*NaN"),
    "Inf": (with_set((2, 0, 0), np.inf), LABEL, "sample_id 7 .*NaN"),
    "a negative energy": (with_set((3, 1, 0), -1.0), LABEL, "sample_id 8 .*negative energy"),
    "E below |p|": (with_set((3, 1, 0), 0.5), LABEL, "sample_id 8 .*energy"),
    "another order": (padded()[..., [1, 2, 3, 0]], LABEL, "E, px, py, pz"),
    "no constituents": (with_set(4, 0.0), LABEL, "sample_id 9 .*no constituents"),
    "another label": (padded(), 2 * LABEL - 1, "label -1"),
}


@pytest.mark.parametrize(("momenta", "label", "says"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_jet_is_named_as_it_is_read(
    momenta: np.ndarray, label: np.ndarray, says: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=says) as refused:
        written(tmp_path, momenta, label)
    assert str(refused.value).startswith("val, jet of sample_id ")


def test_faulty_jets_of_a_source_that_writes_its_own_arrays_are_named(tmp_path: Path) -> None:
    jets = written(tmp_path, padded())
    check_jets(jets, "mine")
    momenta = np.array(jets.momenta)
    momenta[jets.end[6] - 1, 1] = np.nan
    with pytest.raises(UserError, match="mine, jet of sample_id 6 "):
        check_jets(replace(jets, momenta=momenta), "mine")
    with pytest.raises(UserError, match="GeV"):
        check_jets(replace(jets, jet_energy=jets.jet_energy * 1000), "mine")


def test_rounded_momenta_are_not_refused(tmp_path: Path) -> None:
    written(tmp_path, np.round(padded(), 3))
