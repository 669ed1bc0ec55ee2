"""e3nn's generated code without work whose result nobody reads.

e3nn writes the forward pass of its tensor products and linear layers as torch.fx graphs meant for
TorchScript, whose compiler drops what is not used. Since PyTorch 2.10 they run as plain Python,
and the unused outer products are computed, the largest tensors of the net among them. Slices are
costly too: the gradient of each is a tensor of zeros as large as what it was cut from. Both go;
energies and forces stay the same, and gradients of the weights to the rounding of float32.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from typing import Any

import torch
from e3nn.nn._extract import Extract
from torch import fx, nn

Node = Any
"""A `torch.fx.Node`, whose arguments fx types as a union that no check narrows."""


def lean_graphs(model: nn.Module) -> None:
    """Rewrite, in place, all code that e3nn generated for the modules of `model`."""
    for module in list(model.modules()):
        if isinstance(module, Extract) and _cuts_all_in_order(module):
            sizes = [irreps.dim for irreps in module.irreps_outs]
            module._compiled_forward = _split_module(sizes)
    for module in model.modules():
        if isinstance(module, fx.GraphModule):
            _drop_unused_products(module.graph)
            _split_instead_of_slicing(module.graph)
            module.recompile()


def _split_module(sizes: list[int]) -> fx.GraphModule:
    graph = fx.Graph()
    features = graph.placeholder("features")
    graph.output(graph.call_function(torch.split, (features, sizes), {"dim": -1}))
    return fx.GraphModule(nn.Module(), graph)


def _cuts_all_in_order(module: Extract) -> bool:
    taken = [number for instruction in module.instructions for number in instruction]
    return taken == list(range(len(module.irreps_in)))


def _drop_unused_products(graph: fx.Graph) -> None:
    """fx's own dead code elimination would also drop e3nn's in-place copies."""
    for node in reversed(graph.nodes):
        if node.target is torch.functional.einsum and not node.users:
            graph.erase_node(node)


def _split_instead_of_slicing(graph: fx.Graph) -> None:
    slices: dict[Node, list[tuple[int, int, Node]]] = defaultdict(list)
    for node in graph.nodes:
        if (bounds := _slice_of_last_dim(node)) is not None:
            slices[node.args[0]].append((*bounds, node))
    for source, parts in slices.items():
        parts.sort(key=lambda part: part[0])
        starts = [start for start, _, _ in parts]
        stops = [stop for _, stop, _ in parts]
        if len(parts) < 2 or [0, *stops] != [*starts, _last_dim(source)]:
            continue
        with graph.inserting_after(source):
            sizes = [stop - start for start, stop, _ in parts]
            split = graph.call_function(torch.split, (source, sizes), {"dim": -1})
        with graph.inserting_after(split):
            for number, (_, _, node) in enumerate(parts):
                node.replace_all_uses_with(graph.call_function(operator.getitem, (split, number)))
                graph.erase_node(node)


def _slice_of_last_dim(node: Node) -> tuple[int, int] | None:
    """Bounds of `x[:, start:stop]` or `x.narrow(-1, start, length)`."""
    if node.op == "call_method" and node.target == "narrow" and node.args[1] == -1:
        _, _, start, length = node.args
        return start, start + length
    if node.target is operator.getitem and isinstance(node.args[1], tuple):
        match node.args[1]:
            case (slice(start=None, stop=None), slice(start=int(start), stop=int(stop), step=None)):
                return start, stop
    return None


def _last_dim(source: Node) -> int | None:
    """The size that `source`, a `reshape(-1, size)`, has in its last dimension."""
    if source.op == "call_method" and source.target == "reshape" and len(source.args) == 3:
        return source.args[2] if isinstance(source.args[2], int) else None
    return None
