"""Forecasts of evolving fields, partitioned by time, trajectory and parameters."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.datamodules.field_dynamics.batches import (
    DrawnPlaces,
    Frames,
    coarsened,
    gathered,
)
from saibench.datamodules.field_dynamics.checks import check_trajectories
from saibench.datamodules.field_dynamics.fields import FieldSource, Trajectories, layout_of
from saibench.datamodules.field_dynamics.near_duplicates import forecast_similarity
from saibench.datamodules.field_dynamics.normalisation import Normalisation, normalisation
from saibench.datamodules.field_dynamics.starts import (
    DISTANCE,
    DISTANCE_FIELD,
    RMS,
    TIME,
    TRAJECTORY,
    Starts,
    log_spectra,
    start_fields,
    start_rms,
)
from saibench.datamodules.loader import Loader
from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.nearest import nearest_distance
from saibench.datamodules.samplers import Sampler
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches
from saibench.datamodules.structural import NO_SOURCE, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.independence import Independence
from saibench.evidence.schema import Field
from saibench.options import Count

MAX_FRAMES = 1000
"""Most training frames whose mean and standard deviation standardise the fields."""


@dataclass(eq=False, repr=False)
class FieldDynamicsDataModule(StructuralDataModule):
    """Training, validation and test partitions of forecasts.

    A sample is a forecast: `history` observed frames, and the `leads` frames after them. A training
    batch has `unroll` of these, from a place in the forecast that is drawn for each step, so that
    all pairs of frames of a training sample are used.

    Args:
        history: observed frames.
        leads: predicted frames.
        stride: frames between two starts in a trajectory.
        unroll: frames after the observed ones in a training sample.
        coarsen: train and validate on every n-th point along each axis of the grid; tests have all.
        validation: sampler of the validation candidates; None for further training candidates.

    Other options are those of `StructuralDataModule`; `seed` also draws the places.

    Raises:
        UserError: a trajectory is too short; `unroll` exceeds `leads`; `coarsen` does not divide
            the points of the grid.
    """

    source: FieldSource = NO_SOURCE
    batch_size: Count = 32
    evaluation_batch_size: Count = 64
    history: Count = 1
    leads: Count = 20
    stride: Count = 4
    unroll: Count = 1
    coarsen: Count = 1
    validation: Sampler | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unroll > self.leads:
            raise UserError(
                f"datamodule.unroll={self.unroll} exceeds datamodule.leads={self.leads}. Use "
                f"datamodule.unroll={self.leads} or less."
            )
        if self.validation is not None and not isinstance(self.validation, Sampler):
            raise UserError(
                f"datamodule.validation is a {type(self.validation).__name__}. Use a sampler of "
                "saibench.datamodules.samplers, or null."
            )

    def check(self) -> None:
        grid = self.source.layout().grid
        if any(points % self.coarsen for points in grid):
            raise UserError(
                f"datamodule.coarsen={self.coarsen} does not divide the {grid[0]} points of the "
                "grid. Use a divisor."
            )
        super().check()

    @cached_property
    def trajectories(self) -> Trajectories:
        """The checked trajectories."""
        data = self.source.load(self.cache_folder)
        name, place = self.source.name, getattr(self.source, "place", None)
        self.check_once(data.data_hash, lambda: check_trajectories(data, name, place))
        return data

    @cached_property
    def starts(self) -> Starts:
        """Where forecasts start."""
        layout = self.source.layout()
        return Starts(layout.trajectories, layout.frames, self.history, self.leads, self.stride)

    def preview_index(self) -> pl.DataFrame | None:
        of_trajectories, layout = self.source.preview(), self.source.layout()
        if of_trajectories is None:
            return None
        index = self.starts.index(of_trajectories, layout.time_step, layout.start)
        named = [sampler for name in (self.held_out, *self.test)
                 for sampler in self.partitions[name]["samplers"]]  # fmt: skip
        used = set().union(*(one.features() for one in (self.training, self.subset, *named)))
        return index if used <= set(index.columns) else None

    def load_index(self) -> pl.DataFrame:
        data = self.trajectories
        of_trajectories = pl.DataFrame({**data.parameters, **data.features})
        index = self.starts.index(of_trajectories, data.time_step, data.start)
        return index.with_columns(pl.Series(RMS, start_rms(data, self.starts)))

    def describe_data(self) -> dict[str, str]:
        title = getattr(self.source, "title", None)
        return {
            "hash": self.trajectories.data_hash,
            "describe": self.source.describe(),
            **({"title": title} if title else {}),
        }

    def dataset_info(self) -> dict[str, Any]:
        """Layout of the forecasts, and what standardises the training partition."""
        return self._info(self.normalisation)

    def preview_dataset_info(self) -> dict[str, Any]:
        layout = self.source.layout()
        return self._info(Normalisation.of_nothing(layout), layout)

    def adopt(self, info: dict[str, Any]) -> dict[str, Any]:
        """These forecasts for a net that was trained on others, with their grid and leads.

        Raises:
            UserError: the net takes other fields, parameters, numbers of frames or time steps.
        """
        layout = layout_of(self.trajectories)
        own = {**layout.to_json(), **self._forecast()}
        for name in ("channels", "parameters", "time_step", "history"):
            is_same = math.isclose if name == "time_step" else operator.eq
            if not is_same(info[name], own[name]):
                raise UserError(
                    f"data: {name} is {own[name]}, and {info[name]} in the training. Use data of "
                    "the same fields, parameters and time step."
                )
        if len(info["grid"]) != len(own["grid"]):
            raise UserError(
                f"data: the grid {own['grid']} has other axes than {info['grid']} of the training. "
                "Use data of as many dimensions."
            )
        return {**info, **own}

    def _info(self, scale: Normalisation, layout: Any = None) -> dict[str, Any]:
        layout = layout_of(self.trajectories) if layout is None else layout
        return {**layout.to_json(), **self._forecast(), **scale.to_json()}

    def _forecast(self) -> dict[str, Any]:
        equation = self.source.layout().equation
        return {
            "history": self.history,
            "leads": self.leads,
            "equation": None if equation is None else dict(equation),
        }

    @cached_property
    def normalisation(self) -> Normalisation:
        """Means and standard deviations over the training partition."""
        rows = self.reference_rows()
        if len(rows) > MAX_FRAMES:
            rows = np.sort(np.random.default_rng(0).choice(rows, MAX_FRAMES, replace=False))
        starts = self.starts
        return normalisation(self.trajectories, starts.trajectory[rows], starts.frame[rows])

    @property
    def validation_sampler(self) -> Sampler | None:
        return self.validation

    def independence(self) -> Independence:
        """Trajectories are independent; of a single one, times that are far apart."""
        if getattr(self.source, "independence", None) is not None:
            return super().independence()
        single = self.starts.trajectories == 1
        return Independence("time", TIME) if single else Independence("group", TRAJECTORY)

    def training_batches(self) -> TrainingBatches:
        return DrawnPlaces(**vars(super().training_batches()))

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> Loader[FieldBatch]:
        if isinstance(batches, TrainingBatches):
            return Loader(batches, lambda drawn: self._drawn(drawn, batches.weight))
        return Loader(batches, lambda rows: self.batch_of(rows, batches.weight, transform))

    def val_dataloader(self) -> Loader[FieldBatch]:
        def gather(rows: np.ndarray) -> FieldBatch:
            return self._coarse(self.batch_of(rows))

        return Loader(self.evaluation_batches(self.split[1].rows), gather)

    def batch_of(
        self, rows: np.ndarray, weight: float = 0.0, transform: Any | None = None
    ) -> FieldBatch:
        """Whole forecasts as one batch, in the order of `rows`."""
        frame = self.starts.frame[rows]
        return self._batch(rows, frame, self.leads, weight, transform, tested=True)

    @property
    def places(self) -> int:
        """Places in a forecast where a training sample may start."""
        return self.leads - self.unroll + 1

    def _drawn(self, drawn: Any, weight: float) -> FieldBatch:
        """Training samples: rows, and keys that draw a place in the forecast of each."""
        rows, keys = drawn
        places = np.array([
            np.random.default_rng([self.seed, int(key)]).integers(self.places)
            for key in keys
        ], dtype=int)  # fmt: skip
        frame = self.starts.frame[rows] + places
        return self._coarse(self._batch(rows, frame, self.unroll, weight))

    def _coarse(self, batch: FieldBatch) -> FieldBatch:
        return coarsened(batch, self.coarsen)

    def _batch(
        self,
        rows: np.ndarray,
        frame: np.ndarray,
        leads: int,
        weight: float,
        transform: Any | None = None,
        tested: bool = False,
    ) -> FieldBatch:
        """Samples with `leads` frames after `frame`, of the truth in a test."""
        sample_id = self.index["sample_id"].to_numpy()[rows]
        where = Frames(self.starts.trajectory[rows], frame, self.history, leads)
        return gathered(self.trajectories, where, sample_id, weight, transform, tested)

    def similarity(self) -> SampleSimilarity:
        return forecast_similarity(self.trajectories, self.starts, self.reference.trajectories)

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """Features of the forecasts, and the distance of their spectrum to training starts."""
        compared = self.compared_rows
        if not len(compared):
            return self.index[rows]
        starts = self.starts
        own, training = (
            log_spectra(self.trajectories, starts.trajectory[of], starts.frame[of])
            for of in (rows, compared)
        )
        return self.index[rows].with_columns(pl.Series(DISTANCE, nearest_distance(own, training)))

    def feature_fields(self) -> list[Field]:
        data = self.trajectories
        fields = start_fields(tuple(data.parameters), list(data.features))
        return [*fields, DISTANCE_FIELD] if len(self.compared_rows) else fields
