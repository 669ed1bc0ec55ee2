"""Predictions of NequIP for periodic frames, compared with finite differences of its energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from crystal_files import crystal_frames
from torch import Tensor, nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.loader import FrameTensors, frame_loader
from saibench.datamodules.force_field.transforms import RandomRotation
from saibench.datamodules.stream import EvaluationBatches, Ranks
from saibench.errors import UserError
from saibench.models.force_field.calculator_module import CalculatorModule
from saibench.models.force_field.module import ForceFieldModule
from saibench.models.force_field.nets.nequip import NequIP

NET = {
    "_target_": f"{NequIP.__module__}.{NequIP.__qualname__}",
    **{"dtype": "float64", "r_max": 4.0, "num_layers": 2, "l_max": 1, "num_features": 4},
    **{"radial_mlp_width": 8},
}
INFO: dict[str, Any] = {
    "type_names": ["Cu"], "species": [0] * 8, "avg_num_neighbors": 18.0, "force_rms": 1.0,
    "energy_mean": 0.0, "periodic": True, "stress": True,
}  # fmt: skip
ADAM = {"_target_": "torch.optim.Adam", "lr": 0.01}
LOSS = {"energy": 2.0, "forces": 30.0}
STEP = 1e-4


@pytest.fixture(scope="module")
def module() -> ForceFieldModule:
    return ForceFieldModule(NET, ADAM, INFO, LOSS, seed=2, stress_weight=100.0).eval()


def tensors(images: list[Atoms]) -> FrameTensors:
    def stacked(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values))

    return FrameTensors(
        torch.arange(len(images)),
        stacked([atoms.positions for atoms in images]),
        torch.zeros(len(images[0]), dtype=torch.int64),
        torch.tensor([atoms.get_potential_energy() for atoms in images], dtype=torch.float64),
        stacked([atoms.get_forces() for atoms in images]),
        cells=stacked([atoms.cell.array for atoms in images]),
        stress=stacked([atoms.get_stress(voigt=False) for atoms in images]),
        has_stress=torch.ones(len(images), dtype=torch.bool),
    )


@pytest.fixture(scope="module")
def batch() -> MoleculeBatch:
    return tensors(crystal_frames(3, seed=7)).batch(torch.arange(3))


def energies(module: ForceFieldModule, positions: Tensor, cells: Tensor) -> Tensor:
    species = torch.zeros(positions.shape[1], dtype=torch.int64)
    return module.net(positions, species, cells)[0].detach()


def test_forces_are_the_gradient_of_the_energy(
    module: ForceFieldModule, batch: MoleculeBatch
) -> None:
    assert batch.cells is not None
    forces = module.predicted(batch).forces
    for atom, axis in ((0, 0), (3, 1), (7, 2)):
        ahead, behind = batch.positions.clone(), batch.positions.clone()
        ahead[:, atom, axis] += STEP
        behind[:, atom, axis] -= STEP
        difference = energies(module, behind, batch.cells) - energies(module, ahead, batch.cells)
        torch.testing.assert_close(
            forces[:, atom, axis], difference / (2 * STEP), rtol=1e-6, atol=1e-8
        )


def test_stress_is_the_derivative_with_respect_to_strain(
    module: ForceFieldModule, batch: MoleculeBatch
) -> None:
    assert batch.cells is not None
    stress = module.predicted(batch).stress
    assert stress is not None
    volume = torch.linalg.det(batch.cells).abs()
    for first in range(3):
        for second in range(3):
            found = []
            for sign in (1, -1):
                strain = torch.eye(3, dtype=torch.float64)
                strain[first, second] += sign * STEP / 2
                strain[second, first] += sign * STEP / 2
                found.append(energies(module, batch.positions @ strain, batch.cells @ strain))
            expected = (found[0] - found[1]) / (2 * STEP) / volume
            torch.testing.assert_close(stress[:, first, second], expected, rtol=1e-6, atol=1e-9)


def test_images_are_the_same_frame(module: ForceFieldModule, batch: MoleculeBatch) -> None:
    """Atoms in another cell, and two cells side by side."""
    assert batch.cells is not None
    plain = module.net(batch.positions, batch.species, batch.cells)
    moved = batch.positions.clone()
    moved[:, 2] += 2 * batch.cells[:, 0] - batch.cells[:, 1]
    for one, other in zip(plain, module.net(moved, batch.species, batch.cells), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    twice = torch.cat([batch.positions, batch.positions + batch.cells[:, 2:]], dim=1)
    cells = batch.cells * torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)[:, None]
    doubled = module.net(twice, batch.species.repeat(2), cells)
    torch.testing.assert_close(doubled[0], 2 * plain[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(doubled[1][:, 8:], plain[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(doubled[2], plain[2], rtol=1e-9, atol=1e-9)


def test_a_molecule_in_a_batch_with_cells_is_as_alone(
    module: ForceFieldModule, batch: MoleculeBatch
) -> None:
    assert batch.cells is not None
    cells = batch.cells.clone()
    cells[1] = 0
    energy, forces, stress = module.net(batch.positions, batch.species, cells)
    alone = module.net(batch.positions[1:2], batch.species)
    torch.testing.assert_close(energy[1:2], alone[0])
    torch.testing.assert_close(forces[1:2], alone[1])
    assert stress[1].isnan().all() and stress[[0, 2]].isfinite().all()


def test_statistic_metric_and_loss_are_those_of_numpy(
    module: ForceFieldModule, batch: MoleculeBatch
) -> None:
    energy, forces, stress = module.predicted(batch)
    found = module.test_step(batch, 0)
    assert stress is not None and batch.stress is not None
    error = (stress - batch.stress).detach().numpy()
    np.testing.assert_allclose(found["stress_mae"], 1000 * np.abs(error).mean(axis=(1, 2)))
    plain = module.frame_losses(energy, forces, batch)
    with_stress = module.frame_losses(energy, forces, batch, stress)
    expected = 100 * np.square(error).mean(axis=(1, 2))
    np.testing.assert_allclose((with_stress - plain).detach(), expected)


def test_the_calculator_that_made_the_frames_has_no_error(batch: MoleculeBatch) -> None:
    found = CalculatorModule("emt", INFO).test_step(batch, 0)
    for name in ("energy_error", "force_mae", "stress_mae"):
        assert float(found[name].abs().max()) < 1e-6, name


def test_an_unknown_stress_has_no_gradient(batch: MoleculeBatch) -> None:
    module = ForceFieldModule(NET, ADAM, INFO, LOSS, seed=2, stress_weight=100.0).train()
    assert batch.cells is not None and batch.has_stress is not None
    frames = tensors(crystal_frames(3, seed=7))
    assert frames.cells is not None and frames.has_stress is not None
    frames.cells[1] = 0
    frames.has_stress[1] = False
    module.training_step(frames.batch(torch.arange(3), 1 / 3), 1).backward()
    gradients = [one.grad for one in module.net.parameters() if one.grad is not None]
    assert gradients and all(bool(one.isfinite().all()) for one in gradients)


def test_rotated_frames_have_rotated_predictions(module: ForceFieldModule) -> None:
    frames = tensors(crystal_frames(3, seed=7))
    batches = EvaluationBatches(np.arange(3), 3, Ranks())
    (batch,) = frame_loader(frames, batches, RandomRotation(1))
    found = module.test_step(batch, 0)
    assert float(found["equivariance_error"].max()) < 1e-6
    plain = module.test_step(frames.batch(torch.arange(3)), 0)
    # a norm of the stress error that does not depend on the axes
    rotated, straight = (
        (module.predicted(one).stress - one.stress).square().sum()  # type: ignore[operator]
        for one in (batch, frames.batch(torch.arange(3)))
    )
    assert float(rotated) == pytest.approx(float(straight))
    torch.testing.assert_close(found["energy_error"], plain["energy_error"])


class MoleculesAlone(nn.Module):
    """A net that does not declare `periodic_cells`."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, positions: Any, species: Any) -> Any:
        raise AssertionError("never called")


class WithoutStress(nn.Module):
    """A net of periodic frames that predicts no stress."""

    periodic_cells = True
    predicts_stress = False

    def __init__(self) -> None:
        super().__init__()

    def forward(self, positions: Tensor, species: Tensor, cells: Tensor) -> Any:
        return positions.new_zeros(len(positions)), torch.zeros_like(positions)


def node(net: type[nn.Module]) -> dict[str, Any]:
    return {"_target_": f"{net.__module__}.{net.__qualname__}"}


def test_a_net_of_molecules_is_refused() -> None:
    with pytest.raises(UserError, match="periodic_cells"):
        ForceFieldModule(node(MoleculesAlone), ADAM, INFO, LOSS)


def test_without_a_stress_it_is_not_scored(
    batch: MoleculeBatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = ForceFieldModule(node(WithoutStress), ADAM, INFO, LOSS)
    assert "no stress" in caplog.text
    assert "stress_mae" not in module.test_step(batch, 0)
    assert "stress_mae" not in {one.name for one in module.statistics()}
    with pytest.raises(UserError, match="stress_weight=3"):
        ForceFieldModule(node(WithoutStress), ADAM, INFO, LOSS, stress_weight=3.0)
