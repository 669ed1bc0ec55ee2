"""nequip's global settings while a net is built.

nequip seeds every generator with 123, sets float64 as default dtype, and changes the sharing
strategy of multiprocessing and e3nn's defaults of code generation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import e3nn

from saibench.models.global_state import preserved_global_state


@contextmanager
def nequip_global_state() -> Iterator[None]:
    """Set nequip's global state, without TF32, and restore the state of the process on exit."""
    e3nn_defaults = e3nn.get_optimization_defaults()
    try:
        with preserved_global_state():
            from nequip.utils.global_state import set_global_state

            set_global_state(allow_tf32=False)
            yield
    finally:
        e3nn.set_optimization_defaults(**e3nn_defaults)
