"""NequIP's layers with contiguous channels: fewer and larger operations.

e3nn stores a block of `mul` vectors of dimension `d` as `(mul, d)` and computes each tensor product
path by path. With blocks `(d, mul)`, a linear layer is one matrix product per block, and the tensor
product of an edge is one small matrix, computed from its spherical harmonics, times the features
of the sending node. The weights keep their names, shapes and meaning; energies and forces equal
those of nequip up to rounding. Only the order within a block of hidden features differs, which
has no effect outside the convolutions, because they begin and end with scalars.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from math import prod, sqrt
from typing import Any, NamedTuple

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from torch import Tensor, nn

Irreps = Any
"""An `e3nn.o3.Irreps`: e3nn is not typed."""


def make_component_major(model: nn.Module) -> None:
    """Replace every equivariant layer of a NequIP `model` in place; the weights are shared."""
    from nequip.nn._tp_scatter_base import TensorProductScatter

    replacements = {
        o3.Linear: Linear,
        o3.FullyConnectedTensorProduct: SelfConnection,
        TensorProductScatter: Convolution,
        e3nn_nn.Gate: Gate,
    }
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) in replacements:
                setattr(parent, name, replacements[type(child)](child))


def _blocks(irreps: Irreps) -> list[tuple[int, int]]:
    """Number of channels and dimension of every block."""
    return [(mul, ir.dim) for mul, ir in irreps]


def _split(features: Tensor, blocks: list[tuple[int, int]]) -> list[Tensor]:
    """Blocks `(N, dim, mul)` of features `(N, sum of dim * mul)`."""
    parts = features.split([dim * mul for mul, dim in blocks], dim=1)
    return [part.view(-1, dim, mul) for part, (mul, dim) in zip(parts, blocks, strict=True)]


def _join(sums: dict[int, Tensor], blocks: list[tuple[int, int]], like: Tensor) -> Tensor:
    """Features `(N, sum of dim * mul)` of blocks `(N, dim, mul)`; missing blocks are zero."""
    parts = [
        sums[i].flatten(1) if i in sums else like.new_zeros(like.shape[0], dim * mul)
        for i, (mul, dim) in enumerate(blocks)
    ]
    return _cat(parts, dim=1)


def _cat(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def _accumulate(sums: dict[int, Tensor], block: int, term: Tensor) -> None:
    sums[block] = sums[block] + term if block in sums else term


class Linear(nn.Module):
    """`e3nn.o3.Linear` without biases: features `(N, irreps_in.dim)` → `(N, irreps_out.dim)`."""

    weight: nn.Parameter
    path_weights: Tensor

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.weight = layer.weight
        self.register_buffer("bias", layer.bias)
        self.register_buffer("output_mask", layer.output_mask)
        self.blocks_in, self.blocks_out = _blocks(layer.irreps_in), _blocks(layer.irreps_out)
        self.paths = [(path.i_in, path.i_out, path.path_shape) for path in layer.instructions]
        scales = [
            torch.full((prod(path.path_shape),), path.path_weight, dtype=torch.float64)
            for path in layer.instructions
        ]
        self.register_buffer("path_weights", torch.cat(scales).to(layer.weight), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        blocks = _split(features, self.blocks_in)
        sizes = [prod(shape) for _, _, shape in self.paths]
        weights = (self.weight * self.path_weights).split(sizes)
        sums: dict[int, Tensor] = {}
        for (i_in, i_out, shape), weight in zip(self.paths, weights, strict=True):
            _accumulate(sums, i_out, blocks[i_in] @ weight.view(shape))
        return _join(sums, self.blocks_out, features)


class SelfConnection(nn.Module):
    """`FullyConnectedTensorProduct` with scalar attributes `(N, V)` of the nodes.

    The weights `(U, V, W)` of a path and the attributes of a node give the matrix `(U, W)` that
    multiplies this node's features.
    """

    weight: nn.Parameter

    def __init__(self, product: Any) -> None:
        super().__init__()
        self.weight = product.weight
        self.register_buffer("output_mask", product.output_mask)
        self.blocks_in, self.blocks_out = _blocks(product.irreps_in1), _blocks(product.irreps_out)
        if any(ir.l != 0 or ir.p != 1 for _, ir in product.irreps_in2):
            raise ValueError(f"node attributes must be scalars, not {product.irreps_in2}")
        self.paths = [
            # Wigner's symbols (l 0 l) are the unit matrix over sqrt(2 l + 1).
            (path.i_in1, path.i_out, path.path_shape, path.path_weight / sqrt(dim))
            for path in product.instructions
            for _, dim in [self.blocks_out[path.i_out]]
        ]

    def forward(self, features: Tensor, attributes: Tensor) -> Tensor:
        blocks = _split(features, self.blocks_in)
        weights = self.weight.split([prod(shape) for _, _, shape, _ in self.paths])
        sums: dict[int, Tensor] = {}
        for (i_in, i_out, shape, scale), weight in zip(self.paths, weights, strict=True):
            u, v, w = shape
            by_attribute = weight.view(shape).transpose(0, 1).reshape(v, u * w)
            of_node = (attributes * scale) @ by_attribute
            _accumulate(sums, i_out, blocks[i_in] @ of_node.view(-1, u, w))
        return _join(sums, self.blocks_out, features)


class Convolution(nn.Module):
    """`TensorProductScatter`: messages along edges, summed over the edges of a receiving node.

    A path maps block `i` of the features and the harmonics `Y` of an edge to an irrep of the
    message. The paths of several blocks with the same number of channels are one matrix per edge,
    `M[(k, p), m] = sum_n C_p[m, n, k] Y_p[n]`, with `C_p` the Wigner 3j symbols of path p: one
    matrix of all blocks if it is small, else one per block, because most of the large matrix would
    be zero.
    """

    coupling: Tensor

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.tp = layer.tp  # the buffers that checkpoints hold
        self.weight_sizes = [prod(path.path_shape) for path in layer.tp.instructions]
        products = [EdgeProduct.of(layer, blocks) for blocks in _block_groups(layer)]
        self.products = [product for product in products if product.fans]
        coupling = torch.cat([product.coupling(layer) for product in self.products]).T
        self.register_buffer(
            "coupling", coupling.contiguous().to(layer.model_dtype), persistent=False
        )

    def forward(
        self,
        x: Tensor,
        edge_attr: Tensor,
        edge_weight: Tensor,
        edge_dst: Tensor,
        edge_src: Tensor,
    ) -> Tensor:
        """Sums of messages `(N, irreps_mid.dim)`; nequip names the arguments.

        Args:
            x: `(N, feature_irreps_in.dim)`.
            edge_attr: `(E, irreps_edge_attr.dim)`.
            edge_weight: `(E, weight_numel)`.
            edge_dst: receiving nodes `(E,)`.
            edge_src: sending nodes `(E,)`.
        """
        sent = x.index_select(0, edge_src)
        weights = edge_weight.split(self.weight_sizes, dim=1)
        matrices = (edge_attr @ self.coupling).split([p.rows * p.columns for p in self.products], 1)
        messages: dict[int, list[Tensor]] = defaultdict(list)
        for product, matrix in zip(self.products, matrices, strict=True):
            for fan, part in zip(product.fans, product(sent, matrix), strict=True):
                weight = _cat([weights[number] for number in fan.paths], dim=1)
                messages[fan.output].append(part * weight.unsqueeze(1))
        received = []
        for _, parts in sorted(messages.items()):
            of_edges = _cat(parts, dim=2).flatten(1)
            sums = x.new_zeros(x.shape[0], of_edges.shape[1])
            received.append(sums.index_add(0, edge_dst, of_edges))
        return _cat(received, dim=1)


class Fan(NamedTuple):
    """Paths of one product to one output.

    Args:
        output: index of the irrep in the message.
        dim: its dimension.
        paths: indices of the paths, in the order of the channels of the message.
    """

    output: int
    dim: int
    paths: list[int]


class EdgeProduct(NamedTuple):
    """The matrix of every edge times blocks of the features of its sending node.

    Args:
        start: offset of the blocks in the features.
        mul: number of channels of every block.
        columns: total dimension of all blocks.
        offsets: block → its offset in the columns.
        fans: in the order of the rows.
    """

    start: int
    mul: int
    columns: int
    offsets: dict[int, int]
    fans: list[Fan]

    @classmethod
    def of(cls, layer: Any, blocks: list[int]) -> EdgeProduct:
        irreps, paths = layer.feature_irreps_in, layer.tp.instructions
        outputs = _outputs(layer)
        by_output: dict[int, list[int]] = defaultdict(list)
        for number in sorted(range(len(paths)), key=lambda number: paths[number].i_out):
            if paths[number].i_in1 in blocks:
                ir_out = layer.irreps_mid[paths[number].i_out].ir
                by_output[outputs.index(ir_out)].append(number)
        starts = accumulate((irreps[block].ir.dim for block in blocks), initial=0)
        *offsets, columns = starts
        return cls(
            start=irreps.slices()[blocks[0]].start,
            mul=irreps[blocks[0]].mul,
            columns=columns,
            offsets=dict(zip(blocks, offsets, strict=True)),
            fans=[Fan(out, outputs[out].dim, by_output[out]) for out in sorted(by_output)],
        )

    @property
    def rows(self) -> int:
        return sum(fan.dim * len(fan.paths) for fan in self.fans)

    def coupling(self, layer: Any) -> Tensor:
        """The map `(rows * columns, edge_attr.dim)` from harmonics to the matrix, in float64."""
        irreps_edge = layer.irreps_edge_attr
        of_fans = []
        for fan in self.fans:
            of_fan = torch.zeros(
                fan.dim, len(fan.paths), self.columns, irreps_edge.dim, dtype=torch.float64
            )
            for position, number in enumerate(fan.paths):
                path = layer.tp.instructions[number]
                ir_in, ir_edge = layer.feature_irreps_in[path.i_in1].ir, irreps_edge[path.i_in2].ir
                ir_out = layer.irreps_mid[path.i_out].ir
                symbols = o3.wigner_3j(ir_in.l, ir_edge.l, ir_out.l, dtype=torch.float64)
                first = self.offsets[path.i_in1]
                of_path = of_fan[:, position, first : first + ir_in.dim]
                of_path[:, :, irreps_edge.slices()[path.i_in2]] = (
                    path.path_weight * symbols.permute(2, 0, 1)
                )
            of_fans.append(of_fan.flatten(0, 2))
        return torch.cat(of_fans)

    def __call__(self, sent: Tensor, matrix: Tensor) -> list[Tensor]:
        """Products `(E, dim, paths * mul)` of each fan.

        Args:
            sent: features `(E, feature_irreps_in.dim)` of the sending nodes.
            matrix: `(E, rows * columns)`.
        """
        features = sent.narrow(1, self.start, self.columns * self.mul)
        features = features.reshape(-1, self.columns, self.mul)
        matrix = matrix.reshape(-1, self.rows, self.columns)
        products = matrix * features if self.columns == 1 else torch.bmm(matrix, features)
        parts = products.split([fan.dim * len(fan.paths) for fan in self.fans], dim=1)
        return [
            part.reshape(-1, fan.dim, len(fan.paths) * self.mul)
            for fan, part in zip(self.fans, parts, strict=True)
        ]


MAX_MATRIX_SIZE = 512
"""Maximum number of elements of one matrix of all blocks, zeros included. Up to this size, one
product of matrices that are mostly zeros was measured to be faster than many small ones."""


def _block_groups(layer: Any) -> list[list[int]]:
    """Blocks of the features by product."""
    irreps = layer.feature_irreps_in
    blocks = list(range(len(irreps)))
    if len({mul for mul, _ in irreps}) == 1:
        whole = EdgeProduct.of(layer, blocks)
        if whole.rows * whole.columns <= MAX_MATRIX_SIZE:
            return [blocks]
    return [[block] for block in blocks]


def _outputs(layer: Any) -> list[Any]:
    """The unique irreps of the message, in order."""
    return list(dict.fromkeys(ir for _, ir in layer.irreps_mid))


class Gate(nn.Module):
    """`e3nn.nn.Gate`: activated scalars, and vectors times activated scalars."""

    def __init__(self, gate: Any) -> None:
        super().__init__()
        self.act_scalars, self.act_gates = gate.act_scalars, gate.act_gates
        self.mul = gate.mul  # the buffers that checkpoints hold
        cut = gate.sc.cut
        self.sizes = [block.dim for block in cut.irreps_in]
        self.scalars, self.gates, self.gated = map(list, cut.instructions)
        self.gated_shape = [(mul, ir.dim) for mul, ir in gate.irreps_gated]

    def forward(self, features: Tensor) -> Tensor:
        parts = features.split(self.sizes, dim=1)
        scalars = self.act_scalars(_cat([parts[i] for i in self.scalars], dim=1))
        if not self.gated:
            return scalars
        gates = self.act_gates(_cat([parts[i] for i in self.gates], dim=1))
        by_block = gates.split([mul for mul, _ in self.gated_shape], dim=1)
        gated = [
            (parts[i].view(-1, dim, mul) * gate.unsqueeze(1)).flatten(1)
            for i, gate, (mul, dim) in zip(self.gated, by_block, self.gated_shape, strict=True)
        ]
        return torch.cat([scalars, *gated], dim=1)
