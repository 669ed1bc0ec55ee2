"""The running statistics of batch normalisation, the same on all ranks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def share_batch_statistics(module: nn.Module) -> None:
    """Give every rank the mean over ranks of the running means and variances in `module`.

    DDP sends those of the first rank around before each forward, but not under Lightning's manual
    optimisation. Every rank then normalises by what it has seen alone, in validation too, and a
    resumed training, which reads the first rank's, is not the one that was stopped.
    """
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    kept = [part for norm in norms for part in (norm.running_mean, norm.running_var)]
    buffers = [buffer for buffer in kept if buffer is not None]
    if not buffers:
        return
    with torch.no_grad():
        flat = torch.cat([buffer.flatten() for buffer in buffers])
        torch.distributed.all_reduce(flat)
        flat /= torch.distributed.get_world_size()
        for buffer, mean in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
            buffer.copy_(mean.view_as(buffer))
