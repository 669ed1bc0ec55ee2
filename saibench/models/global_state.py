"""What a third party's net does to global state is undone when the net is built.

nequip seeds every generator with 123, makes float64 the default dtype, changes the sharing
strategy of multiprocessing and e3nn's code generation defaults. Points of one sweep share a
process, so without this one point would change the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import e3nn
import torch
from lightning.pytorch.utilities.seed import isolate_rng


@contextmanager
def preserved_global_state() -> Iterator[None]:
    """Restore dtype, random states, sharing strategy, e3nn and TF32 settings on the way out."""
    dtype = torch.get_default_dtype()
    sharing = torch.multiprocessing.get_sharing_strategy()
    e3nn_defaults = e3nn.get_optimization_defaults()
    float32_matmul = torch.get_float32_matmul_precision()
    try:
        with isolate_rng():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.multiprocessing.set_sharing_strategy(sharing)
        e3nn.set_optimization_defaults(**e3nn_defaults)
        torch.set_float32_matmul_precision(float32_matmul)
