"""Samples of the nine pairs: training rows, forecasts and reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.common_task.matrices import CommonTask
from saibench.datamodules.field_dynamics.starts import END_TIME, TIME, TRAJECTORY
from saibench.errors import UserError
from saibench.evidence.schema import BEFORE, Field

PAIR, SHARE = "pair", "share_of_rows"
FORECASTS = {1: 0, 3: 1, 5: 2, 6: 3, 7: 4, 8: 8, 9: 9}
"""Pair → trajectory that is forecast after its training rows."""
RECONSTRUCTIONS = {2: 1, 4: 2}
"""Pair → trajectory whose training rows are reconstructed."""
TRAINED = 8
"""Trajectories X1 to X8 have training samples."""

PAIR_FIELDS = [
    Field(PAIR, "int64", "", "forecast", "feature", "pair of training and test; 0: training row",
          BEFORE),
    Field(SHARE, "float64", "", "forecast", "feature",
          "share of the matrix's training rows before the start", BEFORE),
]  # fmt: skip


@dataclass(frozen=True)
class PairStarts:
    """Starts of the samples: every training row, then those of the pairs.

    A training sample has `unroll` frames after it. A forecast starts at the last training row. A
    reconstruction has as many frames as a forecast, from the first row that has `history` frames
    before it; the last of them lie after the training rows, by as many rows as it has history.

    Args:
        source: the matrices.
        history: frames up to and with the start.
        leads: frames of a forecast.
        unroll: frames of a training sample.

    Raises:
        UserError: `history` or `leads` do not fit the matrices.
    """

    source: CommonTask
    history: int
    leads: int
    unroll: int

    def __post_init__(self) -> None:
        source = self.source
        if self.history + self.unroll >= source.few:
            raise UserError(
                f"datamodule.history={self.history} leaves no training sample in data.few="
                f"{source.few} rows. Use datamodule.history <= {source.few - self.unroll - 1}."
            )
        if self.leads > source.forecast or self.leads > source.rows:
            most = min(source.forecast, source.rows)
            raise UserError(
                f"datamodule.leads={self.leads} exceeds data.forecast={source.forecast} or "
                f"data.rows={source.rows}. Use datamodule.leads={most} or less."
            )

    @property
    def trajectories(self) -> int:
        """Number of trajectories."""
        return self.source.layout().trajectories

    @property
    def trajectory(self) -> np.ndarray:
        """`(samples,)` number of the trajectory."""
        return self._table[0]

    @property
    def frame(self) -> np.ndarray:
        """`(samples,)` last frame that a model is given."""
        return self._table[1]

    @property
    def pair(self) -> np.ndarray:
        """`(samples,)`, 0 for training rows."""
        return self._table[2]

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, first = self.source.training_rows, self.history - 1
        parts = [
            (number, np.arange(first, rows[number] - self.unroll), 0) for number in range(TRAINED)
        ]
        for pair in range(1, 10):
            if pair in FORECASTS:
                number = FORECASTS[pair]
                parts.append((number, np.array([rows[number] - 1]), pair))
            else:
                blocks = self.source.rows // self.leads
                blocks -= first + blocks * self.leads >= self.source.frames
                starts = first + self.leads * np.arange(blocks)
                parts.append((RECONSTRUCTIONS[pair], starts, pair))
        counts = [len(frames) for _, frames, _ in parts]
        return (
            np.repeat([number for number, _, _ in parts], counts).astype(np.int64),
            np.concatenate([frames for _, frames, _ in parts]).astype(np.int64),
            np.repeat([pair for _, _, pair in parts], counts).astype(np.int64),
        )

    def index(
        self, of_trajectories: pl.DataFrame, time_step: float, start: float = 0.0
    ) -> pl.DataFrame:
        """One row per start (see `Starts.index`), with its pair and its place in the matrix."""
        trajectory, frame = self.trajectory, self.frame
        leads = np.where(self.pair == 0, self.unroll, self.leads)
        return pl.DataFrame(
            {
                "sample_id": np.arange(len(frame), dtype=np.int64),
                TRAJECTORY: trajectory,
                TIME: start + time_step * frame,
                END_TIME: start + time_step * (frame + leads),
                **{known.name: known.gather(trajectory) for known in of_trajectories},
                PAIR: self.pair,
                SHARE: (frame + 1) / self.source.training_rows[trajectory],
            }
        )
