"""NequIP's layers with contiguous channels equal nequip's own layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from saibench.datamodules.force_field.neighbors import neighbor_edges
from saibench.models.force_field.nets.component_major import Convolution, make_component_major
from saibench.models.force_field.nets.global_state import nequip_global_state

NUM_FRAMES, NUM_ATOMS = 3, 9

NETS = [
    pytest.param({"l_max": 1, "parity": False, "num_features": 8}, id="l1"),
    pytest.param({"l_max": 2, "parity": True, "num_features": 8}, id="l2-both-parities"),
    pytest.param({"l_max": 2, "parity": True, "num_features": [12, 8, 4]}, id="l2-fewer-vectors"),
    pytest.param({"l_max": 3, "parity": True, "num_features": 4}, id="l3-as-published"),
]


def nequip(**arguments: Any) -> nn.Module:
    with nequip_global_state():
        from nequip.model import NequIPGNNModel

        return NequIPGNNModel(
            **{"seed": 0, "model_dtype": "float64", "num_layers": 3} | arguments,
            type_names=["C", "H", "O"],
            r_max=4.0,
            radial_mlp_depth=1,
            radial_mlp_width=16,
            avg_num_neighbors=8.0,
            per_type_energy_shifts=0.0,
            per_type_energy_scales=1.0,
        ).train()


def outputs_and_gradients(net: nn.Module) -> dict[str, Tensor]:
    positions = 1.5 * torch.randn(
        NUM_FRAMES, NUM_ATOMS, 3, generator=torch.Generator().manual_seed(1)
    )
    found = net(
        {
            "pos": positions.reshape(-1, 3).double(),
            "edge_index": neighbor_edges(positions, 4.0),
            "atom_types": torch.arange(NUM_FRAMES * NUM_ATOMS) % 3,
            "batch": torch.arange(NUM_FRAMES).repeat_interleave(NUM_ATOMS),
            "num_atoms": torch.full((NUM_FRAMES,), NUM_ATOMS),
        }
    )
    energy, forces = found["total_energy"], found["forces"]
    (energy.square().mean() + forces.square().mean()).backward()
    gradients = {name: weight.grad for name, weight in net.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    return {"energy": energy.detach(), "forces": forces.detach(), **gradients}


@pytest.mark.parametrize("arguments", NETS)
def test_energies_forces_and_gradients_are_those_of_nequip(arguments: dict[str, Any]) -> None:
    theirs, ours = nequip(**arguments), nequip(**arguments)
    make_component_major(ours)
    expected, found = outputs_and_gradients(theirs), outputs_and_gradients(ours)
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=1e-10, atol=1e-12 * float(value.abs().max()), msg=name
        )


@pytest.mark.parametrize("arguments", NETS)
def test_checkpoints_are_exchanged_with_nequip(arguments: dict[str, Any]) -> None:
    theirs, ours = nequip(seed=1, **arguments), nequip(**arguments)
    make_component_major(ours)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    energies = [outputs_and_gradients(net)["energy"] for net in (theirs, ours)]
    torch.testing.assert_close(*energies, rtol=1e-10, atol=0.0)


def test_these_nets_use_both_one_matrix_and_several() -> None:
    """One matrix of all blocks if it is small, else one per block."""

    def products(**arguments: Any) -> list[int]:
        net = nequip(**arguments)
        make_component_major(net)
        return [len(m.products) for m in net.modules() if isinstance(m, Convolution)]

    assert products(l_max=1, parity=False, num_features=8) == [1, 1, 1]
    assert products(l_max=2, parity=True, num_features=[12, 8, 4]) == [1, 3, 3]
