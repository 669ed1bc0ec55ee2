"""Restores global state that a third party's net changes when it is built.

Runs of one sweep share a process, so one run would otherwise change the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch.utilities.seed import isolate_rng


@contextmanager
def preserved_global_state() -> Iterator[None]:
    """Restore default dtype, random states, sharing strategy and TF32 on exit."""
    dtype = torch.get_default_dtype()
    sharing = torch.multiprocessing.get_sharing_strategy()
    float32_matmul = torch.get_float32_matmul_precision()
    try:
        with isolate_rng():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.multiprocessing.set_sharing_strategy(sharing)
        torch.set_float32_matmul_precision(float32_matmul)
