"""Metrics over two real gloo processes equal one process, however samples are distributed."""

from __future__ import annotations

import pytest
import torch
from process_group import (
    SEVEN_ON_TWO_RANKS,
    assert_equal_to_one_process,
    found_on_ranks,
    values_on,
)
from torch import Tensor

from saibench.metrics import StrictMetric
from saibench.metrics.force_field import EnergyError, PerAtomEnergyError, PerAtomForceError
from saibench.metrics.jet_tagging import BinnedROC, TaggingAccuracy

NUM_FRAMES = 7
NUM_ATOMS = 5
NUM_SPECIES = 3


def metrics_of(frames: list[int]) -> dict[str, StrictMetric]:
    """Each metric after one update per frame."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    forces, forces_target = random(2, NUM_FRAMES, NUM_ATOMS, 3)
    energies, energies_target = random(2, NUM_FRAMES, 1)
    species = torch.tensor([0, 0, 2, 0, 2])
    component = PerAtomForceError(NUM_SPECIES)
    norm = PerAtomForceError(NUM_SPECIES, kind="norm")
    energy_of_atom, energy_of_frame = PerAtomEnergyError(), EnergyError()
    logits, labels = random(NUM_FRAMES), torch.tensor([0, 1, 1, 0, 1, 0, 0])
    accuracy, roc = TaggingAccuracy(), BinnedROC(bits=3)
    for frame in frames:
        component.update(forces[frame], forces_target[frame], species)
        norm.update(forces[frame], forces_target[frame], species)
        energy_of_atom.update(energies[frame], energies_target[frame], NUM_ATOMS + frame)
        energy_of_frame.update(energies[frame], energies_target[frame])
        for tagging in (accuracy, roc):
            tagging.update(logits[frame : frame + 1], labels[frame : frame + 1])
    return {
        "component": component,
        "norm": norm,
        "energy_of_atom": energy_of_atom,
        "energy_of_frame": energy_of_frame,
        "accuracy": accuracy,
        "roc": roc,
    }


def refusal_of_another_rank(rank: int) -> str:
    """Error of `compute` on a rank after one accelerator has counted a NaN."""
    metric = PerAtomForceError(NUM_SPECIES)
    metric.update(torch.zeros(1, 3), torch.zeros(1, 3), torch.tensor([0]))
    if rank == 1:
        metric.refused += torch.tensor([1, 0, 0])
    try:
        return f"computed {metric.compute()}"
    except ValueError as error:
        return str(error)


def found_on(rank: int) -> dict:
    return {"values": values_on(rank, metrics_of), "refusal": refusal_of_another_rank(rank)}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Results of two processes."""
    return found_on_ranks(found_on, tmp_path_factory.mktemp("ranks"))


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")  # without frames
@pytest.mark.parametrize("case", SEVEN_ON_TWO_RANKS)
def test_every_rank_has_the_value_of_one_process(ranks, case):
    for rank in ranks:
        assert_equal_to_one_process(rank["values"], case, metrics_of)


def test_seven_frames_on_two_ranks_count_as_seven(ranks):
    for rank in ranks:
        found = rank["values"]["both_have_some"]
        assert found["energy_of_frame"]["count"] == NUM_FRAMES
        assert found["component"]["count"] == NUM_FRAMES * NUM_ATOMS
        assert found["component"]["counts"].tolist() == [21, 0, 14]


def test_a_value_refused_on_one_rank_stops_every_rank(ranks):
    for rank in ranks:
        assert "predicted force" in rank["refusal"] and "(1 found)" in rank["refusal"]
