"""Training rows and tests of the nine pairs of the Common Task Framework."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.datamodules.field_dynamics.common_task.matrices import CommonTask
from saibench.datamodules.field_dynamics.common_task.pairs import PAIR_FIELDS, PairStarts
from saibench.datamodules.field_dynamics.module import FieldDynamicsDataModule
from saibench.datamodules.field_dynamics.starts import RMS
from saibench.datamodules.loader import Loader
from saibench.errors import UserError
from saibench.evidence.schema import Field


@dataclass(eq=False, repr=False)
class CommonTaskDataModule(FieldDynamicsDataModule):
    """Samples by pair: partitions select them by the feature `pair`, 0 for training rows.

    Training and validation samples have `unroll` frames after the start, tests have `leads`. The
    option `stride` is unused.

    Raises:
        UserError: the source has no matrices of the framework.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.source, CommonTask):
            raise UserError(
                f"data: {type(self.source).__name__} has no pairs of training and test. Use "
                "data=common_task_ks or data=common_task_lorenz."
            )

    @cached_property
    def starts(self) -> PairStarts:  # type: ignore[override]
        """Where samples start."""
        assert isinstance(self.source, CommonTask)
        return PairStarts(self.source, self.history, self.leads, self.unroll)

    @property
    def places(self) -> int:
        return 1

    def load_index(self) -> pl.DataFrame:
        data, starts = self.trajectories, self.starts
        index = starts.index(pl.DataFrame(dict(data.parameters)), data.time_step, data.start)
        rms = np.empty(index.height)
        for number in range(data.count):
            own = starts.trajectory == number
            fields = data.values[number][starts.frame[own]].astype(np.float64)
            rms[own] = np.sqrt(np.square(fields).mean(axis=tuple(range(1, fields.ndim))))
        return index.with_columns(pl.Series(RMS, rms))

    def val_dataloader(self) -> Loader[FieldBatch]:
        def gather(rows: np.ndarray) -> FieldBatch:
            return self._coarse(self._batch(rows, self.starts.frame[rows], self.unroll, 0.0))

        return Loader(self.evaluation_batches(self.split[1].rows), gather)

    def feature_fields(self) -> list[Field]:
        return [*super().feature_fields(), *PAIR_FIELDS]
