"""NequIP (Batzner et al. 2022, doi:10.1038/s41467-022-29939-5), built by nequip."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from saibench.datamodules.force_field.neighbors import neighbor_edges
from saibench.datamodules.force_field.periodic_neighbors import periodic_edges
from saibench.models.force_field.atoms import FlatAtoms
from saibench.models.force_field.nets.component_major import make_component_major
from saibench.models.force_field.nets.global_state import nequip_global_state
from saibench.models.latent.space import LatentLayer
from saibench.options import Count, Degree, Positive


class NequIP(nn.Module):
    """E(3)-equivariant graph network: energies, and forces and stress as their gradients.

    Converts dense batches to nequip's flat graph. The arguments after `seed` are
    those of `nequip.model.NequIPGNNModel`.

    Args:
        type_names: chemical symbols; position in the list is the atom type.
        avg_num_neighbors: mean neighbours of an atom within `r_max` in the training partition.
        force_rms: root mean square of a force component in the training partition, in eV/Å;
            the scale of the atomic energies.
        dtype: `float32` or `float64`.
        compile: trace the net and its gradient by nequip, and compile it by inductor.
        seed: seed of the initial weights.
    """

    conservative_forces = True
    mixed_molecules = True
    periodic_cells = True

    def __init__(
        self,
        type_names: list[str],
        avg_num_neighbors: float,
        force_rms: float,
        dtype: Literal["float32", "float64"] = "float32",
        compile: bool = False,
        seed: int = 0,
        r_max: Positive = 4.0,
        num_layers: Count = 4,
        l_max: Degree = 1,
        parity: bool = True,
        num_features: Count | list[Count] = 32,
        radial_mlp_depth: Degree = 1,
        radial_mlp_width: Count = 128,
        num_bessels: Count = 8,
        bessel_trainable: bool = False,
        polynomial_cutoff_p: Annotated[int, Field(ge=2)] = 6,
    ) -> None:
        super().__init__()
        self.r_max = r_max
        self.compile_graph = compile
        self.dtype = getattr(torch, dtype)
        with nequip_global_state():
            from nequip.model import NequIPGNNModel

            self.graph_model = NequIPGNNModel(
                seed=seed,
                model_dtype=dtype,
                type_names=list(type_names),
                compile_mode="compile" if compile else "eager",
                r_max=r_max,
                num_layers=num_layers,
                l_max=l_max,
                parity=parity,
                num_features=num_features,
                radial_mlp_depth=radial_mlp_depth,
                radial_mlp_width=radial_mlp_width,
                num_bessels=num_bessels,
                bessel_trainable=bessel_trainable,
                polynomial_cutoff_p=polynomial_cutoff_p,
                avg_num_neighbors=avg_num_neighbors,
                per_type_energy_scales=force_rms,
                per_type_energy_shifts=0.0,
            )
        make_component_major(self.graph_model)

    def latent_layers(self) -> list[LatentLayer]:
        """Invariants of the atoms' features after each layer; none of a compiled graph."""
        if self.compile_graph:
            return []
        layers = [
            module
            for name, module in self.graph_model.named_modules()
            if name.endswith(("_convnet", ".per_atom_energy_readout"))
        ]
        return [
            LatentLayer(module, partial(_invariants, module.irreps_in["node_features"]))
            for module in layers[1:]  # the first gets the species alone
        ]

    def last_layer(self) -> LatentLayer | None:
        """What the readout gets, of which an atom's energy is a linear function."""
        layers = self.latent_layers()
        return layers[-1] if layers else None

    def forward(
        self, positions: Tensor, species: Tensor, cells: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]:
        """Energies `(B,)` in eV, minus the reference, and forces `(B, A, 3)` in eV/Å.

        With cells also the stress `(B, 3, 3)` in eV/Å³, positive under tension; NaN for frames that
        are not periodic in all directions.

        Args:
            positions: `(B, A, 3)` in Å.
            species: `(A,)` atom types, the same for all frames of the batch; or `(B, A)`, with -1
                where a smaller frame has no atom.
            cells: `(B, 3, 3)` in Å, zeros along directions that are not periodic.
        """
        atoms = FlatAtoms.of(species, len(positions))
        graph = {
            "pos": atoms.flat(positions).to(self.dtype),
            "atom_types": atoms.species,
            "batch": atoms.frame,
            "num_atoms": atoms.num_atoms,
        }
        if cells is None:
            graph["edge_index"] = neighbor_edges(positions, self.r_max, atoms.is_atom)
        else:
            edges, shifts = periodic_edges(positions, cells, self.r_max, atoms.is_atom)
            of_cells = {"cell": cells.to(self.dtype), "edge_cell_shift": shifts.to(self.dtype)}
            graph |= {"edge_index": edges, **of_cells}
        with torch.enable_grad():
            found = self.graph_model(graph)
        energy, forces = found["total_energy"].reshape(-1), atoms.dense(found["forces"])
        return (energy, forces) if cells is None else (energy, forces, found["stress"])


def _invariants(irreps: Any, graph: dict[str, Tensor]) -> Tensor:
    """`(N, D)` even scalars of the nodes, and norms of their other features."""
    found = []
    blocks = graph["node_features"].split([mul * ir.dim for mul, ir in irreps], dim=1)
    for block, (mul, ir) in zip(blocks, irreps, strict=True):
        is_scalar = ir.l == 0 and ir.p == 1
        # component-major, see `make_component_major`
        found.append(block if is_scalar else block.view(-1, ir.dim, mul).norm(dim=1))
    return torch.cat(found, dim=1)
