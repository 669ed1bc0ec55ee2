"""The trusted operating range of a model: its error as a function of features, with a bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.exchangeability.reference import Reference
from saibench.analysis.trusted_range.competition import Candidate, Competition, compete
from saibench.analysis.trusted_range.conformal import block_weights, calibration_blocks
from saibench.analysis.trusted_range.curves import floats
from saibench.analysis.trusted_range.error_model import ErrorModel
from saibench.analysis.trusted_range.model_curves import ModelKind
from saibench.analysis.trusted_range.records import (
    Check,
    Counts,
    Quantity,
    Source,
    as_columns,
    quantities_of,
    refuse_invalid,
)
from saibench.analysis.trusted_range.splits import (
    NUM_SPLITS,
    Choice,
    Split,
    bounded,
    bounded_once,
    bounds,
    fit_splits,
    medians,
)
from saibench.analysis.trusted_range.tolerance import ToleranceInterval, tolerance_interval
from saibench.errors import UserError, closest


@dataclass(frozen=True)
class TrustedRange:
    """Expected error and upper bound of a model at given features.

    The bound holds for `coverage` of new samples of new blocks (see `conformal` for the guarantee
    and its source), on average over samples from the same distribution as the fitted ones: not for
    every value of a feature, and not for other data. Outside the fitted range of a feature there
    is no guarantee; `ErrorModel` describes how the bound widens there. A sample that is nearer to
    training than all tested ones is inside, see `Quantity.training`.

    Several features compete, alone and together (`competition`); those that the bound does not use
    still tell whether a sample is inside the fitted range. Those that predict nothing of the error
    do so only if they are a distance to training, and away from it.

    Args:
        coverage: of the bound, such as 0.9.
        quantile, model, reach_low, reach_high: of the first split of the blocks, see `Split`.
        features: arguments of `check`, in this order.
        statistic: the error that is bounded.
        unconditional: bound of the first split without any feature.
        mean_bound: mean of the bound over the samples.
        counts: samples and blocks.
        source: study, runs and partitions.
        tolerance: largest accepted error, if one is given.
        others: further splits; empty in a range of saibench 0.1.
        reference: samples with which `saibench.analysis.exchangeability.Monitor` compares a stream;
            None in a range of saibench 0.1, of several runs, or of too few independent samples.
        competition: the candidates of features and error models; None in a file of version 1.
        single: with several features, a range of the best one alone.
    """

    coverage: float
    quantile: float
    model: ErrorModel
    features: tuple[Quantity, ...]
    statistic: Quantity
    unconditional: float
    mean_bound: float
    counts: Counts
    source: Source = field(default_factory=Source)
    tolerance: float | None = None
    others: tuple[Split, ...] = ()
    reference: Reference | None = None
    reach_low: tuple[float, ...] = ()
    reach_high: tuple[float, ...] = ()
    competition: Competition | None = None
    single: TrustedRange | None = None

    def __post_init__(self) -> None:
        sizes = {len(split.model.low) for split in self.splits}
        if not 0 < self.coverage < 1 or sizes != {len(self.features)}:
            raise ValueError("coverage or features do not fit the model")

    @property
    def splits(self) -> tuple[Split, ...]:
        """All splits; the bound is the median of their bounds."""
        own = Split(self.model, self.quantile, self.unconditional, self.reach_low, self.reach_high)
        return (own, *self.others)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the features that the bound uses.

        Of those that the competition chose, these have a weight in at least half of the splits. Of
        a bound that is the same everywhere they are all that were chosen.
        """
        columns = self.model.columns or tuple(range(len(self.features)))
        each = [split.model.weighted for split in self.splits]
        weighted = [one for one in columns if 2 * sum(one in own for own in each) >= len(each)]
        return tuple(self.features[column].name for column in weighted or columns)

    @property
    def best(self) -> TrustedRange:
        """The range along one feature: `single`, or this range if it has no other feature."""
        return self.single or self

    @cached_property
    def low(self) -> tuple[float, ...]:
        """Start of the range of each feature, the median over splits."""
        return floats(np.median([split.low for split in self.splits], axis=0))

    @cached_property
    def high(self) -> tuple[float, ...]:
        """End of the range of each feature, the median over splits."""
        return floats(np.median([split.high for split in self.splits], axis=0))

    @cached_property
    def typical(self) -> tuple[float, ...]:
        """The median of each feature."""
        return floats(np.median([split.model.typical for split in self.splits], axis=0))

    @classmethod
    def fit(
        cls,
        features: ArrayLike,
        errors: ArrayLike,
        blocks: ArrayLike,
        *,
        coverage: float = 0.9,
        kind: ModelKind | None = None,
        names: Sequence[str | Quantity] | None = None,
        statistic: str | Quantity = "error",
        source: Source | None = None,
        tolerance: float | None = None,
        seed: int = 0,
        splits: int = NUM_SPLITS,
    ) -> TrustedRange:
        """Fit to a third of the blocks and calibrate on the others, in many random splits.

        Args:
            features: `(samples,)` or `(samples, features)`, finite.
            errors: `(samples,)`, finite and not negative.
            blocks: a label for each sample; samples of one block may depend on each other.
            coverage: share of new samples for which the bound is to hold.
            kind: of the error model (`fit_error_model`); by default all compete.
            names: names or quantities of the features.
            statistic: name or quantity of the error.
            source: of the samples.
            tolerance: default of `trusted`.
            seed: of the random splits of the blocks.
            splits: their number; the bound is the median over them.

        Raises:
            TooFewBlocks: there are too few blocks for calibration and fit.
            UserError: features or errors are invalid.
        """
        known = as_columns(features)
        error: Floats = np.asarray(errors, dtype=np.float64)
        labels = np.asarray(blocks)
        quantities = quantities_of(names, known.shape[1])
        refuse_invalid(known, error, labels, coverage, quantities)
        calibration_blocks(labels, coverage, seed)  # refuses too few blocks
        for quantity, column in zip(quantities, known.T, strict=True):
            if np.ptp(column) == 0:
                raise UserError(
                    f"{quantity.name} is {column[0]:g} for every sample. Use a feature that varies."
                )
        order = [quantity.name for quantity in quantities]
        training = [quantity.training for quantity in quantities]
        found = compete(known, error, labels, coverage, order, kind=kind, training=training)
        described: dict[str, Any] = {
            "statistic": Quantity(statistic) if isinstance(statistic, str) else statistic,
            "source": source or Source(),
            "tolerance": tolerance,
        }

        def fitted(
            columns: Sequence[int], chosen: Candidate, useless: Sequence[str] = (), **more: Any
        ) -> TrustedRange:
            names = [order[column] for column in columns]
            choice = Choice(
                tuple(map(names.index, chosen.features)),
                chosen.kind,
                tuple(map(names.index, useless)),
            )
            own = tuple(quantities[column] for column in columns)
            parts = _fit(known[:, columns], own, error, labels, coverage, choice, seed, splits)
            return cls(features=own, **parts, **more)

        more = {**described, "competition": found}
        if len(order) > 1:
            best = found.best_single
            more["single"] = fitted([order.index(best.features[0])], best, **described)
        return fitted(range(len(order)), found.chosen, found.useless, **more)

    @property
    def unconditional_bound(self) -> float:
        """The bound without any feature, the median over splits."""
        return float(np.median([split.unconditional for split in self.splits]))

    def check(self, features: ArrayLike | Mapping[str, ArrayLike]) -> Check:
        """Expected error, upper bound, and whether the features are in the fitted range.

        Args:
            features: `(samples,)` or `(samples, features)`, or by name; single numbers too.

        Raises:
            UserError: a feature is missing or unknown.
        """
        if isinstance(features, Mapping):
            given = as_columns(self._in_order(features))
        elif len(self.features) > 1:
            given = np.atleast_2d(np.asarray(features, dtype=np.float64))
        else:
            given = as_columns(np.atleast_1d(np.asarray(features, dtype=np.float64)))
        if given.shape[1] != len(self.features):
            names = ", ".join(quantity.name for quantity in self.features)
            raise UserError(f"got {given.shape[1]} features, but the range needs {names}.")
        known: NDArray[np.bool_] = np.all(np.isfinite(given), axis=1)
        at = np.where(known[:, None], given, self.typical)
        models = [split.model for split in self.splits]
        expected = medians(lambda own: [[one.centre(own) for one in models]], at, models[0].columns)
        upper, is_inside = bounded(self.splits, at)
        return Check(
            expected=np.where(known, expected[0], np.nan),
            upper=np.where(known, upper, np.inf),
            inside=known & is_inside,
        )

    def trusted(
        self,
        tolerance: float | None = None,
        feature: str | None = None,
        at: Mapping[str, float] | None = None,
    ) -> ToleranceInterval:
        """The intervals of a feature in which the bound is at most a tolerance.

        Args:
            tolerance: in the statistic's unit; by default that of the fit.
            feature: by default the best one, with the bound that it has alone (`best`).
            at: values of the other features; by default their medians.

        Raises:
            UserError: no tolerance is known, or a feature is unknown.
        """
        tolerance = self.tolerance if tolerance is None else tolerance
        if tolerance is None:
            raise UserError("the trusted range has no tolerance. Use --tolerance.")
        if feature is None and at is None and self.single is not None:
            return self.single.trusted(tolerance)
        names = [quantity.name for quantity in self.features]
        feature = self.best.features[0].name if feature is None else feature
        self._refuse_unknown((feature, *(at or {})))
        typical = dict(zip(names, self.typical, strict=True))
        rest = {name: (at or {}).get(name, typical[name]) for name in names if name != feature}
        column = names.index(feature)

        def of_splits(values: Floats) -> Floats:
            line = np.tile([rest.get(name, 0.0) for name in names], (len(values), 1))
            line[:, column] = values
            return bounds(self.splits, line)

        low, high = self.low[column], self.high[column]
        training = self.features[column].training
        return tolerance_interval(of_splits, low, high, float(tolerance), feature, rest, training)

    def save(self, path: Path | str) -> Path:
        """Write the range as JSON, atomically; numbers keep every digit."""
        from saibench.analysis.trusted_range.file import write_range

        return write_range(self, Path(path))

    @classmethod
    def load(cls, path: Path | str) -> TrustedRange:
        """The range that `save` wrote.

        Raises:
            UserError: the file is missing, damaged, or no trusted range.
        """
        from saibench.analysis.trusted_range.file import read_range

        return read_range(Path(path))

    def _in_order(self, features: Mapping[str, ArrayLike]) -> Floats:
        names = [quantity.name for quantity in self.features]
        self._refuse_unknown(features)
        missing = [name for name in names if name not in features]
        if missing:
            raise UserError(f"the trusted range also needs {', '.join(missing)}.")
        columns = [np.atleast_1d(np.asarray(features[name], dtype=np.float64)) for name in names]
        return np.stack(np.broadcast_arrays(*columns), axis=1)

    def _refuse_unknown(self, given: Iterable[str]) -> None:
        names = [quantity.name for quantity in self.features]
        for name in given:
            if name not in names:
                raise UserError(f"'{name}' is no feature of this range: {closest(name, names)}")


def _fit(
    features: Floats,
    quantities: Sequence[Quantity],
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    choice: Choice,
    seed: int,
    splits: int,
) -> dict[str, Any]:
    """The fitted parts of a `TrustedRange`."""
    training = [quantity.training for quantity in quantities]
    fits = fit_splits(
        features, errors, blocks, coverage, choice=choice, training=training, num=splits, seed=seed
    )[coverage]
    upper, is_inside = bounded_once(tuple(fits), features)
    weights = np.where(is_inside, block_weights(blocks), 0.0)
    mean_bound = upper @ weights / weights.sum()
    num_blocks = block_numbers(blocks)[1]
    calibrated = int(calibration_blocks(np.arange(num_blocks), coverage, seed).sum())
    return {
        "coverage": float(coverage),
        "quantile": fits[0].quantile,
        "model": fits[0].model,
        "unconditional": fits[0].unconditional,
        "mean_bound": float(mean_bound),
        "counts": Counts(len(errors), num_blocks - calibrated, calibrated, seed, splits),
        "others": tuple(fits[1:]),
        "reach_low": fits[0].reach_low,
        "reach_high": fits[0].reach_high,
    }
