"""Running statistics of batch normalisation are averaged over ranks."""

from __future__ import annotations

from pathlib import Path

import torch
from process_group import found_on_ranks
from torch import Tensor, nn

from saibench.models.batch_statistics import share_batch_statistics


def net_of(rank: int) -> nn.Sequential:
    """A net after one batch of this rank."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False))
    net(torch.arange(16.0).reshape(4, 1, 2, 2) * (rank + 1))
    return net


def shared(rank: int) -> dict[str, Tensor]:
    net = net_of(rank)
    share_batch_statistics(net)
    return net.state_dict()


def test_every_rank_has_the_mean_over_ranks(tmp_path: Path) -> None:
    ranks = found_on_ranks(shared, tmp_path)
    alone = [net_of(rank).state_dict() for rank in (0, 1)]
    for name, value in alone[0].items():
        mean = (value.double() + alone[1][name].double()) / 2
        for found in ranks:
            torch.testing.assert_close(found[name].double(), mean, rtol=1e-6, atol=1e-7)
    assert not torch.equal(alone[0]["1.running_var"], alone[1]["1.running_var"])


def test_one_process_keeps_its_own() -> None:
    net, before = net_of(1), net_of(1).state_dict()
    share_batch_statistics(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
