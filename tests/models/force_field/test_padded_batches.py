"""Batches of molecules of different size, compared with each molecule alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from molecule_files import spring_frames
from torch import nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.neighbors import mean_num_neighbors
from saibench.errors import UserError
from saibench.imports.targets import build
from saibench.models.force_field.module import ForceFieldModule
from saibench.models.latent.features import LatentFeatures
from saibench.models.latent.fitting import fitted_features
from saibench.models.latent.space import LatentCapture

TYPES = ["C", "H", "O"]
NETS = "saibench.models.force_field.nets"
NODES = {
    "nequip": {
        "_target_": f"{NETS}.nequip.NequIP",
        **{"dtype": "float64", "num_layers": 2, "l_max": 1, "num_features": 4},
        **{"radial_mlp_width": 8},
    },
    "cartesian": {
        "_target_": f"{NETS}.cartesian.CartesianMessagePassing",
        **{"dtype": "float64", "num_layers": 1, "num_features": 8},
    },
}
FACTS: dict[str, Any] = {
    "type_names": TYPES, "species": None, "avg_num_neighbors": 4.0, "force_rms": 1.0,
    "atomic_energies": [0.0, 0.0, 0.0],
}  # fmt: skip
ADAM = {"_target_": "torch.optim.Adam", "lr": 0.01}
LOSS = {"energy": 2.0, "forces": 30.0}


def padded(count: int, seed: int = 0) -> MoleculeBatch:
    images = spring_frames(count, seed=seed)
    longest = max(len(atoms) for atoms in images)
    species = torch.full((count, longest), -1)
    positions = torch.zeros(count, longest, 3, dtype=torch.float64)
    forces = torch.zeros_like(positions)
    for row, atoms in enumerate(images):
        size = len(atoms)
        symbols = atoms.get_chemical_symbols()
        species[row, :size] = torch.tensor([TYPES.index(symbol) for symbol in symbols])
        positions[row, :size] = torch.from_numpy(atoms.positions)
        forces[row, :size] = torch.from_numpy(atoms.get_forces())
    energy = torch.linspace(-1, 1, count, dtype=torch.float64)
    return MoleculeBatch(torch.arange(count), positions, species, energy, forces, 1 / count)


def alone(batch: MoleculeBatch, row: int) -> MoleculeBatch:
    """One molecule without padding, as a batch of one molecule."""
    size = int((batch.species[row] >= 0).sum())
    own = slice(row, row + 1)
    return MoleculeBatch(
        batch.sample_id[own], batch.positions[own, :size], batch.species[row, :size],
        batch.energy[own], batch.forces[own, :size], 1.0,
    )  # fmt: skip


@pytest.fixture(scope="module", params=NODES)
def net(request: pytest.FixtureRequest) -> nn.Module:
    facts = {"type_names": TYPES, "avg_num_neighbors": 4.0, "force_rms": 1.0, "seed": 3}
    return build(NODES[request.param], "model.net", **facts).eval()


def test_a_net_predicts_the_same_for_a_molecule_alone(net: nn.Module) -> None:
    batch = padded(7)
    energies, forces = net(batch.positions, batch.species)
    assert forces.shape == batch.positions.shape
    assert not forces[batch.species < 0].any()
    for row in range(7):
        one = alone(batch, row)
        energy, own = net(one.positions, one.species)
        torch.testing.assert_close(energies[row], energy[0], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(forces[row, : own.shape[1]], own[0], rtol=1e-9, atol=1e-9)


def test_neighbours_are_counted_without_padding() -> None:
    batch = padded(6)
    edges = atoms = 0.0
    for row in range(6):
        one = alone(batch, row)
        atoms += len(one.species)
        edges += mean_num_neighbors(one.positions, 1.7) * len(one.species)
    found = mean_num_neighbors(batch.positions, 1.7, batch.species >= 0)
    assert found == pytest.approx(edges / atoms)


@pytest.mark.parametrize("loss_of", ["squared", "absolute"])
def test_statistics_are_those_of_each_molecule_alone(loss_of: Any) -> None:
    module = ForceFieldModule(NODES["cartesian"], ADAM, FACTS, LOSS, loss_of).eval()
    batch = padded(6)
    found = module.test_step(batch, 0)
    losses = module.frame_losses(*module(batch), batch)
    declared = {one.key for one in module.statistics()} - {"equivariance_error"}
    defined = {one.defined_key for one in module.statistics() if one.partial}
    assert found.keys() == declared | defined
    assert not any(key.startswith("atom/") for key in found)
    for row in range(6):
        one = alone(batch, row)
        for key, values in module.test_step(one, 0).items():
            if key.startswith("atom/"):
                continue
            expected = values[0]
            if key.startswith("species/") and key.endswith(".defined"):
                present = [kind in one.species.tolist() for kind in range(3)]
                expected = torch.tensor(present)
            torch.testing.assert_close(found[key][row], expected, equal_nan=True)
        counts = torch.bincount(one.species, minlength=3)
        assert found["species/num_atoms"][row].tolist() == counts.tolist()
        torch.testing.assert_close(losses[row], module.frame_losses(*module(one), one)[0])


def values(module: ForceFieldModule, fitted: LatentFeatures, batch: MoleculeBatch) -> Any:
    with LatentCapture(fitted.space) as capture:
        module(batch)
        return fitted.values(capture.read(len(batch.sample_id), module.latent_groups(batch)))


@pytest.mark.parametrize("name", NODES)
def test_latent_distances_do_not_see_padding(name: str) -> None:
    module = ForceFieldModule(NODES[name], ADAM, FACTS, LOSS).eval()
    fitted = fitted_features(module, [padded(30), padded(2, seed=1)])
    assert fitted is not None
    batch = padded(9, seed=5)
    found = values(module, fitted, batch)
    assert {one.key for one in fitted.statistics()} <= found.keys()
    for row in range(9):
        one = padded_row(batch, row)
        for key, value in values(module, fitted, one).items():
            torch.testing.assert_close(
                found[key][row], value[0], equal_nan=True, rtol=1e-6, atol=1e-6
            )
    for key in ("latent_distance", "latent_mahalanobis_max"):
        assert np.isfinite(found[key].numpy()).all()


def padded_row(batch: MoleculeBatch, row: int) -> MoleculeBatch:
    """One molecule as a batch of several, without padding."""
    one = alone(batch, row)
    return MoleculeBatch(
        one.sample_id, one.positions, one.species[None], one.energy, one.forces, 1.0
    )


class OneMolecule(nn.Module):
    """A net that does not declare `mixed_molecules`."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, positions: Any, species: Any) -> Any:
        raise AssertionError("never called")


def test_a_net_of_one_molecule_is_refused() -> None:
    node = {"_target_": f"{OneMolecule.__module__}.{OneMolecule.__qualname__}"}
    with pytest.raises(UserError, match="mixed_molecules"):
        ForceFieldModule(node, ADAM, FACTS, LOSS)
