"""Message passing on absolute Cartesian vectors: the counter-example of the equivariance test.

Paper table 3 lists an equivariance test that NequIP passes by construction. The inputs of this net
are components of the edge vectors in the laboratory frame, so it must learn rotations from data,
and the test finds its error.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from saibench.datamodules.force_field.neighbors import neighbor_edges
from saibench.models.force_field.atoms import FlatAtoms
from saibench.models.latent.space import LatentLayer
from saibench.options import Count, Positive


class CartesianMessagePassing(nn.Module):
    """Sum of atomic energies from messages over raw edge vectors; invariant to translation only.

    Args:
        type_names: chemical symbols; position in the list is the atom type.
        avg_num_neighbors: normalisation of the sum over messages.
        force_rms: scale of the atomic energies, in eV/Å (training partition).
        dtype: `float32` or `float64`.
        seed: seed of the initial weights.
        r_max: cutoff radius in Å.
        num_layers: number of message passing layers.
        num_features: number of features of an atom.
    """

    conservative_forces = True
    mixed_molecules = True

    def __init__(
        self,
        type_names: list[str],
        avg_num_neighbors: float,
        force_rms: float,
        dtype: Literal["float32", "float64"] = "float32",
        seed: int = 0,
        r_max: Positive = 4.0,
        num_layers: Count = 3,
        num_features: Count = 64,
    ) -> None:
        super().__init__()
        self.r_max = r_max
        self.scale = force_rms
        self.norm = avg_num_neighbors**-0.5
        self.dtype = getattr(torch, dtype)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(len(type_names), num_features)
            self.messages = nn.ModuleList(
                _perceptron(2 * num_features + 4, num_features) for _ in range(num_layers)
            )
            self.updates = nn.ModuleList(
                _perceptron(2 * num_features, num_features) for _ in range(num_layers)
            )
            self.readout = _perceptron(num_features, 1)
        self.to(self.dtype)

    def latent_layers(self) -> list[LatentLayer]:
        """The features of the atoms before the readout."""
        return [LatentLayer(self.readout)]

    def forward(self, positions: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        """Energies `(B,)` in eV, minus the reference, and forces `(B, A, 3)` in eV/Å."""
        atoms = FlatAtoms.of(species, len(positions))
        center, neighbor = neighbor_edges(positions, self.r_max, atoms.is_atom)
        with torch.enable_grad():
            flat = atoms.flat(positions).to(self.dtype).detach().requires_grad_(True)
            vector = flat[neighbor] - flat[center]
            length = vector.norm(dim=-1, keepdim=True)
            cutoff = 0.5 * (1 + torch.cos(torch.pi * length / self.r_max))
            features = self.embedding(atoms.species)
            for message, update in zip(self.messages, self.updates, strict=True):
                sent = cutoff * message(
                    torch.cat((features[center], features[neighbor], vector, length), dim=-1)
                )
                received = torch.zeros_like(features).index_add(0, center, sent) * self.norm
                features = features + update(torch.cat((features, received), dim=-1))
            energy = self.scale * atoms.sum_of_frames(self.readout(features).reshape(-1))
            (gradient,) = torch.autograd.grad(
                energy.sum(), flat, create_graph=self.training and torch.is_grad_enabled()
            )
        return energy, atoms.dense(-gradient)


def _perceptron(width_in: int, width_out: int, hidden: int = 64) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, hidden), nn.SiLU(), nn.Linear(hidden, width_out))
