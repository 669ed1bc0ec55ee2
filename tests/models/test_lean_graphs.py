"""e3nn's code without its unused products computes what nequip's own net computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from saibench.datamodules.force_field.neighbors import neighbor_edges
from saibench.models.global_state import preserved_global_state
from saibench.models.nets.lean_graphs import lean_graphs

NUM_FRAMES, NUM_ATOMS = 3, 9


def nequip(l_max: int, parity: bool) -> nn.Module:
    with preserved_global_state():
        from nequip.model import NequIPGNNModel
        from nequip.utils.global_state import set_global_state

        set_global_state(allow_tf32=False)
        return NequIPGNNModel(
            seed=0,
            model_dtype="float32",
            type_names=["C", "H", "O"],
            r_max=4.0,
            num_layers=2,
            l_max=l_max,
            parity=parity,
            num_features=8,
            radial_mlp_depth=1,
            radial_mlp_width=16,
            avg_num_neighbors=8.0,
            per_type_energy_shifts=0.0,
            per_type_energy_scales=1.0,
        ).train()


def outputs_and_gradients(net: nn.Module) -> list[Tensor]:
    positions = 1.5 * torch.randn(
        NUM_FRAMES, NUM_ATOMS, 3, generator=torch.Generator().manual_seed(1)
    )
    found = net(
        {
            "pos": positions.reshape(-1, 3),
            "edge_index": neighbor_edges(positions, 4.0),
            "atom_types": torch.arange(NUM_FRAMES * NUM_ATOMS) % 3,
            "batch": torch.arange(NUM_FRAMES).repeat_interleave(NUM_ATOMS),
            "num_atoms": torch.full((NUM_FRAMES,), NUM_ATOMS),
        }
    )
    energy, forces = found["total_energy"], found["forces"]
    (energy.square().mean() + forces.square().mean()).backward()
    gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
    return [energy.detach(), forces.detach(), *gradients]


@pytest.mark.parametrize(("l_max", "parity"), [(1, False), (2, True), (3, True)])
def test_energies_forces_and_gradients_are_those_of_nequip(l_max: int, parity: bool) -> None:
    plain, lean = nequip(l_max, parity), nequip(l_max, parity)
    lean_graphs(lean)
    assert list(lean.state_dict()) == list(plain.state_dict())
    for ours, theirs in zip(outputs_and_gradients(lean), outputs_and_gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6 * float(theirs.abs().max()))


def test_products_that_nobody_reads_are_gone() -> None:
    def unread(net: nn.Module) -> int:
        return sum(
            node.target is torch.functional.einsum and not node.users
            for module in net.modules()
            if isinstance(module, fx.GraphModule)
            for node in module.graph.nodes
        )

    net = nequip(2, False)
    before = unread(net)
    lean_graphs(net)
    assert before > 0 == unread(net)
