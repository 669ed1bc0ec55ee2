"""Forces against the slope of the energy, of fields whose part that is no gradient is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.errors import UserError
from saibench.models.force_field.calculator_module import CalculatorModule
from saibench.models.force_field.consistency import NAME, STEP, force_inconsistency
from saibench.models.force_field.module import ForceFieldModule

INFO = {
    "type_names": ["C", "H"], "species": [0, 1, 1, 1], "avg_num_neighbors": 1.0, "force_rms": 1.0,
    "energy_mean": 0.0,
}  # fmt: skip
SWIRL = 0.3
"""eV/Å² of the part of `swirl` that is no gradient."""


def frames(count: int, atoms: int = 4) -> MoleculeBatch:
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(count, atoms, 3, generator=generator)
    species = torch.tensor([0, 1, 1, 1])
    zeros = torch.zeros(count, dtype=torch.float64)
    return MoleculeBatch(torch.arange(count), positions, species, zeros, 0 * positions, 0.0)


def swirl(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Springs to the origin, whose forces also turn each atom about z."""
    x = batch["positions"].double()
    turned = SWIRL * torch.stack([-x[..., 1], x[..., 0], 0 * x[..., 2]], dim=-1)
    return {"energy": x.square().sum((1, 2)), "forces": -2 * x + turned}


def direct(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return swirl(batch)


direct.conservative_forces = False  # type: ignore[attr-defined]


class Direct:
    conservative_forces = False

    def __call__(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return swirl(batch)


class DirectNet(nn.Module):
    conservative_forces = False

    def forward(self, positions: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(swirl({"positions": positions}).values())  # type: ignore[return-value]


def module(of: Any, **settings: Any) -> ForceFieldModule:
    net: dict[str, Any] = {"_target_": f"{__name__}.{of.__name__}"}
    if not (isinstance(of, type) and issubclass(of, nn.Module)):
        target = "saibench.models.external.function.Function"
        net = {"_target_": target, "_recursive_": False, "function": net}
    return ForceFieldModule(net, None, INFO, steps=0, align_energies=False, **settings)


def test_the_residual_is_the_part_that_is_no_gradient() -> None:
    """‖F + ∇E‖² / 3A is the mean of its square over directions; springs have no further error."""
    count = 400
    batch = frames(count)
    batch = replace(batch, positions=batch.positions[:1].expand(count, -1, -1).contiguous())
    found = module(direct).test_step(batch, 0)[NAME]
    part = 1000 * SWIRL * batch.positions[0, :, :2].double().norm()
    # the square of one of the 12 components of a random unit vector
    square = stats.beta(1 / 2, 11 / 2)
    mean = (found / part).square().mean().item()
    assert mean == pytest.approx(1 / 12, abs=5 * square.std() / np.sqrt(count))

    def row(of: Tensor) -> Tensor:
        return of[7:8]

    alone = replace(
        batch,
        sample_id=row(batch.sample_id),
        positions=row(batch.positions),
        energy=row(batch.energy),
        forces=row(batch.forces),
    )
    torch.testing.assert_close(module(direct).test_step(alone, 0)[NAME], row(found))


def test_forces_that_are_the_gradient_have_the_residual_of_the_difference() -> None:
    """h²/6 |E'''| along the direction, for E = Σ x³."""

    def energies(batch: MoleculeBatch) -> Tensor:
        seen.append(batch.positions)
        return batch.positions.double().pow(3).sum((1, 2))

    seen: list[Tensor] = []
    batch = frames(20)
    batch = replace(batch, positions=batch.positions.double())
    found = force_inconsistency(energies, -3 * batch.positions.square(), batch)[NAME]
    direction = (seen[0] - seen[1]) / (2 * STEP)
    torch.testing.assert_close(direction.flatten(1).norm(dim=1), torch.ones(20).double())
    expected = 1000 * STEP**2 * direction.pow(3).sum((1, 2)).abs()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-9)


def test_padding_does_not_count() -> None:
    batch = frames(3)
    species = batch.species.expand(3, -1)
    padded = replace(
        batch,
        positions=torch.nn.functional.pad(batch.positions, (0, 0, 0, 2)),
        species=torch.nn.functional.pad(species, (0, 2), value=-1),
    )

    def energies(of: MoleculeBatch) -> Tensor:
        return swirl({"positions": of.positions})["energy"]

    own, more = (swirl({"positions": of.positions})["forces"] for of in (batch, padded))
    more[:, 4:] = torch.nan
    torch.testing.assert_close(
        force_inconsistency(energies, more, padded)[NAME],
        force_inconsistency(energies, own, batch)[NAME],
    )


@pytest.mark.parametrize("of", [swirl, direct, Direct, DirectNet])
def test_it_is_of_models_that_say_so_or_where_it_is_requested(of: Any) -> None:
    says = of is not swirl
    for wanted, expected in ((None, says), (False, False), (True, True)):
        tested = module(of, force_inconsistency=wanted)
        assert expected == (NAME in {one.name for one in tested.statistics()})
        assert expected == (NAME in tested.test_step(frames(2), 0))


def test_gradients_are_not_compared_and_files_of_predictions_cannot_be(tmp_path: Path) -> None:
    nets = "saibench.models.force_field.nets.cartesian.CartesianMessagePassing"
    of_net = ForceFieldModule({"_target_": nets}, None, INFO, steps=0)
    assert NAME not in of_net.test_step(frames(2), 0)
    path = tmp_path / "predictions.npz"
    np.savez(path, sample_id=np.arange(2), energy=np.zeros(2), forces=np.zeros((2, 4, 3)))
    target = "saibench.models.external.predictions.Predictions"
    net = {"_target_": target, "file": str(path), "name": "mine"}
    assert not ForceFieldModule(net, None, INFO, steps=0).tests_consistency
    with pytest.raises(UserError, match="force_inconsistency"):
        ForceFieldModule(net, None, INFO, steps=0, force_inconsistency=True).statistics()


def test_a_calculator_may_be_compared() -> None:
    """EMT's forces are gradients."""
    tested = CalculatorModule("emt", INFO, align_energies=False, force_inconsistency=True)
    batch = frames(2)
    spread = replace(batch, positions=1.5 * batch.positions.double())
    found = tested.test_step(spread, 0)
    slope = 1000 * tested(spread)[1].abs().amax(dim=(1, 2))
    assert (found[NAME] < 1e-3 * slope).all()
