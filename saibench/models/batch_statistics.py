"""The running statistics of batch normalisation, averaged over ranks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def share_batch_statistics(module: nn.Module) -> None:
    """Set the running means and variances in `module` to their mean over ranks.

    DDP broadcasts the buffers of the first rank before each forward, but not with Lightning's
    manual optimisation. Every rank would then normalise by its own batches, in validation too, and
    a resumed training would start from the first rank's statistics.
    """
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    statistics = [part for norm in norms for part in (norm.running_mean, norm.running_var)]
    buffers = [buffer for buffer in statistics if buffer is not None]
    if not buffers:
        return
    with torch.no_grad():
        flat = torch.cat([buffer.flatten() for buffer in buffers])
        torch.distributed.all_reduce(flat)
        flat /= torch.distributed.get_world_size()
        for buffer, mean in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
            buffer.copy_(mean.view_as(buffer))
