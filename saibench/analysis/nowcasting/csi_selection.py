"""Events with a critical success index at all lead times (paper eq. 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.nowcasting.errors import RainErrors, RainModel
from saibench.errors import UserError
from saibench.metrics.nowcasting.functional.formulas import responds_everywhere

Counts = NDArray[np.int64]


def hits_and_relevant(
    errors: RainErrors, model: RainModel, threshold: str
) -> tuple[Counts, Counts]:
    """`(E, L)` numbers of pixels: hits A, and hits, misses and false alarms A + B + C.

    They are those of the model's first seed, since means over seeds are not whole numbers.
    """
    counts = [
        errors.values(model.first_seed(), f"{name}_{threshold}").round()
        for name in ("hits", "misses", "false_alarms")
    ]
    if np.isnan(counts).any():
        raise UserError(f"{model.label} has frames without pixel counts at {threshold} mm/h.")
    hits, misses, false_alarms = (count.astype(np.int64) for count in counts)
    return hits, hits + misses + false_alarms


def responding_events(
    errors: RainErrors, models: tuple[RainModel, ...], threshold: str
) -> NDArray[np.bool_]:
    """`(E,)` events with A + B + C > 0 at every lead time for each of these models.

    C depends on the model, so each model selects other events; models are compared on the
    intersection.
    """
    relevant = [hits_and_relevant(errors, model, threshold)[1] for model in models]
    responding: NDArray[np.bool_] = responds_everywhere(np.concatenate(relevant, axis=1))
    return responding
