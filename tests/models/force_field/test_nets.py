"""Nets of force fields: edges, forces, symmetry, and the global state."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from functools import partial

import e3nn
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list
from torch import Tensor, nn

from saibench.config.compose import compose_command
from saibench.datamodules.force_field.neighbors import mean_num_neighbors, neighbor_edges
from saibench.datamodules.force_field.transforms import RandomRotation
from saibench.models.force_field.nets.cartesian import CartesianMessagePassing
from saibench.models.force_field.nets.nequip import NequIP

SPECIES = torch.tensor([0, 0, 2, 1, 1, 1, 1])
FACTS = {"type_names": ["C", "H", "O"], "avg_num_neighbors": 6.0, "force_rms": 0.9}
SMALL = {"num_layers": 2, "l_max": 2, "parity": True, "num_features": 4, "radial_mlp_width": 8}


def nequip(**settings: object) -> NequIP:
    return NequIP(**{**FACTS, **SMALL, **settings})


def cartesian(**settings: object) -> CartesianMessagePassing:
    return CartesianMessagePassing(**{**FACTS, "num_layers": 2, "num_features": 8, **settings})


NETS = {"nequip": nequip, "cartesian": cartesian}
Build = Callable[..., nn.Module]


def molecules(frames: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random molecules of seven atoms with a minimum distance."""
    generator = torch.Generator().manual_seed(seed)
    lattice = torch.tensor([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])[:7]
    noise = torch.rand(frames, 7, 3, generator=generator, dtype=torch.float64)
    return (1.6 * lattice + 0.8 * noise).to(dtype)


@pytest.mark.parametrize("r_max", [1.5, 2.5, 4.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_edges_are_those_of_ase(r_max: float, seed: int) -> None:
    positions = molecules(4, seed)
    found = {tuple(edge) for edge in neighbor_edges(positions, r_max).T.tolist()}
    expected = set()
    for frame, atoms in enumerate(positions.numpy()):
        first, second = neighbor_list("ij", Atoms("H7", atoms), r_max)
        expected |= {(7 * frame + i, 7 * frame + j) for i, j in zip(first, second, strict=True)}
    assert found == expected
    assert neighbor_edges(positions, r_max).shape[1] == len(found), "edges are unique"
    assert mean_num_neighbors(positions, r_max) == pytest.approx(len(expected) / 28)


def test_lone_atoms_have_no_edges() -> None:
    far = torch.tensor([[[0.0, 0, 0], [0, 0, 9.0]]])
    assert neighbor_edges(far, 4.0).shape == (2, 0)


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_forces_are_the_negative_gradient_of_the_energy(build: Build) -> None:
    """By central differences, in float64."""
    net, positions, step = build(dtype="float64").eval(), molecules(1), 1e-4
    forces = net(positions, SPECIES)[1][0].detach().numpy()
    numeric = np.zeros_like(forces)
    for atom in range(7):
        for axis in range(3):
            moved = positions.repeat(2, 1, 1)
            moved[0, atom, axis] += step
            moved[1, atom, axis] -= step
            up, down = net(moved, SPECIES)[0].tolist()
            numeric[atom, axis] = -(up - down) / (2 * step)
    assert np.abs(forces).max() > 1e-3
    np.testing.assert_allclose(forces, numeric, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_molecules_of_a_batch_are_independent(build: Build) -> None:
    net, positions = build(dtype="float64").eval(), molecules(3)
    energy, forces = net(positions, SPECIES)
    for frame in range(3):
        alone, alone_forces = net(positions[frame : frame + 1], SPECIES)
        torch.testing.assert_close(alone[0], energy[frame])
        torch.testing.assert_close(alone_forces[0], forces[frame])


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_order_of_atoms_of_one_species_does_not_matter(build: Build) -> None:
    net, positions = build(dtype="float64").eval(), molecules(2)
    order = torch.tensor([1, 0, 2, 6, 4, 5, 3])  # permutes carbons and hydrogens
    energy, forces = net(positions, SPECIES)
    permuted, permuted_forces = net(positions[:, order], SPECIES)
    torch.testing.assert_close(permuted, energy)
    torch.testing.assert_close(permuted_forces, forces[:, order])


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_energy_and_forces_are_translation_invariant(build: Build) -> None:
    net, positions = build(dtype="float64").eval(), molecules(2)
    energy, forces = net(positions, SPECIES)
    moved, moved_forces = net(positions + torch.tensor([3.0, -2.0, 5.0]), SPECIES)
    torch.testing.assert_close(moved, energy)
    torch.testing.assert_close(moved_forces, forces)


def equivariance_error(net: nn.Module, positions: Tensor) -> float:
    """Maximum difference, in meV/Å, of rotated forces and forces of the rotated molecule."""
    rotation, ids = RandomRotation(seed=3), torch.arange(len(positions))
    found = net.eval()(rotation.positions(positions, ids), SPECIES)[1]
    expected = rotation.forces(net(positions, SPECIES)[1], ids)
    return 1000 * float((found - expected).abs().max())


def test_nequip_is_equivariant() -> None:
    assert equivariance_error(nequip(dtype="float64"), molecules(8)) < 1e-9
    single = equivariance_error(nequip(), molecules(8, dtype=torch.float32))
    assert single < 1e-1, "rounding of float32"


def test_cartesian_net_of_the_shipped_size_is_not_equivariant() -> None:
    (config,) = compose_command("train", ["model=cartesian"]).points
    size = {name: config.model.net[name] for name in ("r_max", "num_layers", "num_features")}
    assert equivariance_error(cartesian(dtype="float64", **size), molecules(8)) > 1


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_weights_depend_only_on_the_seed(build: Build) -> None:
    one = build(seed=5).state_dict()
    torch.rand(17), np.random.rand(3), random.random()
    again, other = build(seed=5).state_dict(), build(seed=6).state_dict()
    torch.testing.assert_close(dict(one), dict(again), rtol=0, atol=0)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_dtype_is_that_of_the_weights_and_forces(build: Build) -> None:
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        net = build(dtype=name).eval()
        energy, forces = net(molecules(2, dtype=dtype), SPECIES)
        assert {weight.dtype for weight in net.parameters()} == {dtype}
        assert forces.dtype == dtype
        assert energy.dtype in (dtype, torch.float64), "nequip sums atoms in float64"


def global_state() -> tuple:
    return (
        torch.get_default_dtype(),
        e3nn.get_optimization_defaults(),
        torch.multiprocessing.get_sharing_strategy(),
        torch.get_float32_matmul_precision(),
    )


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_building_a_net_restores_the_global_state(build: Build) -> None:
    torch.manual_seed(11), np.random.seed(11), random.seed(11)
    expected = (torch.rand(1).item(), np.random.rand(), random.random())
    torch.manual_seed(11), np.random.seed(11), random.seed(11)
    before = global_state()
    build()
    assert global_state() == before
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected


def losses(net: nn.Module, steps: int) -> list[float]:
    positions = molecules(3, dtype=torch.float32)
    target = torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.Adam(net.train().parameters(), lr=0.01)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        energy, forces = net(positions, SPECIES)
        loss = energy.square().sum() + (forces - target).square().sum()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


INDUCTOR_RUNS = (
    "SAIBENCH_TEST_INDUCTOR" in os.environ
    and shutil.which("g++") is not None
    and " " not in torch.__file__  # PyTorch 2.13 does not quote it for the compiler
)


def test_compiled_nequip_trains_like_the_eager_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With inductor if available (a minute of a C++ compiler), else only its tracing."""
    backend = "inductor" if INDUCTOR_RUNS else "aot_eager"
    smaller = {"num_layers": 1, "l_max": 0, "parity": False, "num_features": 2}
    eager = losses(nequip(**smaller), 2)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    compiled = losses(nequip(compile=True, **smaller), 2)
    assert eager[1] < eager[0]
    assert compiled == pytest.approx(eager, rel=1e-4)
