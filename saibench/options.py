"""Numbers that an option may be, beyond its type: written in a signature, checked before a run.

`num_layers: Count = 3` lets `model.net.num_layers=0` be refused wherever a `_target_` names the
function.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
Degree = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]
"""Of `sample_keys`, which take it as an unsigned integer of 64 bits."""
Decay = Annotated[float, Field(ge=0, lt=1)]
"""Of a moving average: 1 would never move."""
Share = Annotated[float, Field(ge=0, lt=1)]
"""Of something, never all of it: a dropout of 1 would leave nothing."""
