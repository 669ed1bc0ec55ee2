"""Fits by sums over two ranks, killed and resumed, equal the fit of all samples at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from process_group import found_on_ranks

from saibench.models.field_dynamics.nets.echo_state import EchoStateNetwork
from saibench.models.field_dynamics.nets.linear import LinearPropagator

NETS = {
    "linear": partial(LinearPropagator, grid=(8,)),
    "echo_state": partial(EchoStateNetwork, units=12, grid=(8,), ridge=1e-3),
}
ROUNDS = ([[0, 1, 2], [3, 4]], [[5], [6, 7, 8]], [list(range(9, 29)), [29]])
"""Samples of each rank in each of three rounds."""


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    return draw(30, 1, 1, 8), draw(30, 1, 8)


def new_net(name: str) -> Any:
    """In double precision, so that the size of a batch has no rounding."""
    return NETS[name]().double()


def add(net: Any, rows: list[int]) -> None:
    fields, frame = samples()
    net.accumulate(fields[rows], torch.empty(len(rows), 0), frame[rows])


@pytest.mark.parametrize("name", NETS)
def test_a_fit_resumed_from_the_checkpoint_of_one_rank_has_the_samples_of_all(
    name: str, tmp_path: Path
) -> None:
    saved = tmp_path / "last.ckpt"

    def resumed(rank: int) -> dict[str, torch.Tensor]:
        killed = new_net(name)
        add(killed, ROUNDS[0][rank])
        if rank == 0:
            torch.save(killed.state_dict(), saved)
        torch.distributed.barrier()
        net = new_net(name)
        net.load_state_dict(torch.load(saved, weights_only=True))
        for ranks in ROUNDS[1:]:
            add(net, ranks[rank])
        net.solve()
        return net.state_dict()

    expected = new_net(name)
    add(expected, list(range(30)))
    expected.solve()
    for found in found_on_ranks(resumed, tmp_path):
        torch.testing.assert_close(found, dict(expected.state_dict()), rtol=1e-9, atol=1e-12)
