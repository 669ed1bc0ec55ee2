"""The trusted operating range of a model: error as a function of features, with a proven bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.errors import UserError, closest
from saibench.interpretation.bootstrap import Floats
from saibench.interpretation.trusted_range.conformal import (
    block_quantile,
    block_weights,
    calibration_blocks,
)
from saibench.interpretation.trusted_range.curves import Kind
from saibench.interpretation.trusted_range.error_model import ErrorModel, fit_error_model
from saibench.interpretation.trusted_range.held import Held, held_below
from saibench.interpretation.trusted_range.inputs import as_columns, quantities_of, refuse_unfit
from saibench.interpretation.trusted_range.records import Check, Counts, Quantity, Source


@dataclass(frozen=True)
class TrustedRange:
    """Expected error and upper bound of a model at given features.

    The bound holds for `coverage` of new samples of new blocks (`conformal` says precisely what
    is guaranteed, and its source), on average over samples like those that were fitted: not for
    every single value of a feature, and not for data of another kind. Outside the fitted range
    of a feature there is no guarantee; `ErrorModel` says how the bound widens there.

    Args:
        coverage: of the bound, such as 0.9.
        quantile: of the calibration scores: by how many local spreads the bound lies above.
        model: the fitted mean and spread.
        features: what `check` takes, in this order.
        statistic: the error that is bounded.
        unconditional: the bound that the same calibration blocks give without any feature.
        mean_bound: mean of the bound over the calibration samples, to be compared with it.
        counts: samples and blocks.
        source: study, points and partitions.
        tolerance: error that the user asked for, None if none.
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

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1 or len(self.features) != len(self.model.low):
            raise ValueError("coverage or features do not fit the model")

    @classmethod
    def fit(
        cls,
        features: ArrayLike,
        errors: ArrayLike,
        blocks: ArrayLike,
        *,
        coverage: float = 0.9,
        kind: Kind | None = None,
        directions: Sequence[int] | None = None,
        names: Sequence[str | Quantity] | None = None,
        statistic: str | Quantity = "error",
        source: Source | None = None,
        tolerance: float | None = None,
        seed: int = 0,
    ) -> TrustedRange:
        """Fit on a third of the blocks and calibrate on the others, whole blocks each.

        Args:
            features: `(samples,)` or `(samples, features)`, finite.
            errors: `(samples,)`, finite and not negative.
            blocks: a label for each sample; samples of one block may depend on each other.
            coverage: share of new samples that the bound shall hold for.
            kind: of the mean, `monotone` or `quadratic`; None: monotone, unless a quadratic one
                predicts left-out blocks better.
            directions: of each feature, 1 where the error rises with it or −1; None: found.
            names: of the features, or what they are.
            statistic: name of the error, or what it is.
            source: where the samples come from.
            tolerance: kept for `trusted` and `check` to be asked of later.
            seed: of the draw that parts the blocks.

        Raises:
            TooFewBlocks: fewer than 1/α − 1 blocks would calibrate, or too few be fitted on.
            UserError: features or errors that nothing can be fitted to.
        """
        known = as_columns(features)
        error: Floats = np.asarray(errors, dtype=np.float64)
        labels = np.asarray(blocks)
        quantities = quantities_of(names, known.shape[1])
        refuse_unfit(known, error, labels, coverage, quantities, directions)
        calibrates = calibration_blocks(labels, coverage, seed)
        fitted = ~calibrates
        for quantity, column in zip(quantities, known[fitted].T, strict=True):
            if np.ptp(column) == 0:
                raise UserError(
                    f"{quantity.name} is {column[0]:g} for every sample that was fitted: an error "
                    "cannot be a function of it; a feature that varies would work."
                )
        model = fit_error_model(
            known[fitted], error[fitted], labels[fitted], kind=kind, directions=directions
        )
        left, of_left, block_of = known[calibrates], error[calibrates], labels[calibrates]
        quantile = block_quantile(model.scores(left, of_left), block_of, coverage)
        return cls(
            coverage=float(coverage),
            quantile=quantile,
            model=model,
            features=quantities,
            statistic=Quantity(statistic) if isinstance(statistic, str) else statistic,
            unconditional=block_quantile(of_left, block_of, coverage),
            mean_bound=float(block_weights(block_of) @ model.bound(left, quantile)),
            counts=Counts(
                len(error), len(np.unique(labels[fitted])), len(np.unique(block_of)), seed
            ),
            source=source or Source(),
            tolerance=tolerance,
        )

    def check(self, features: ArrayLike | Mapping[str, ArrayLike]) -> Check:
        """Expected error, upper bound, and whether the features lie in the fitted range.

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
            raise UserError(f"{given.shape[1]} features are given where {names} are needed.")
        known: NDArray[np.bool_] = np.all(np.isfinite(given), axis=1)
        at = np.where(known[:, None], given, self.model.typical)
        return Check(
            expected=np.where(known, self.model.centre(at), np.nan),
            upper=np.where(known, self.model.bound(at, self.quantile), np.inf),
            inside=known & self.model.inside(at),
        )

    def trusted(
        self,
        tolerance: float | None = None,
        feature: str | None = None,
        at: Mapping[str, float] | None = None,
    ) -> Held:
        """Where along a feature the bound stays at or below a tolerance.

        Args:
            tolerance: in the statistic's unit; by default that of the fit.
            feature: along which; by default the first.
            at: values of the other features; by default their medians.

        Raises:
            UserError: no tolerance is known, or a feature is unknown.
        """
        tolerance = self.tolerance if tolerance is None else tolerance
        if tolerance is None:
            raise UserError("a trusted range takes a tolerance; --tolerance would give it.")
        names = [quantity.name for quantity in self.features]
        feature = names[0] if feature is None else feature
        for name in (feature, *(at or {})):
            if name not in names:
                raise UserError(f"'{name}' is no feature of this range: {closest(name, names)}")
        typical = dict(zip(names, self.model.typical, strict=True))
        rest = {name: (at or {}).get(name, typical[name]) for name in names if name != feature}
        column = names.index(feature)

        def bound(values: Floats) -> Floats:
            line = np.tile([rest.get(name, 0.0) for name in names], (len(values), 1))
            line[:, column] = values
            return self.check(line if len(names) > 1 else line[:, 0]).upper

        low, high = self.model.low[column], self.model.high[column]
        return held_below(bound, low, high, float(tolerance), feature, rest)

    def save(self, path: Path | str) -> Path:
        """Write the range as JSON, all or nothing; numbers keep every digit."""
        from saibench.interpretation.trusted_range.file import write_range

        return write_range(self, Path(path))

    @classmethod
    def load(cls, path: Path | str) -> TrustedRange:
        """The range that `save` wrote.

        Raises:
            UserError: the file is missing, damaged, or something else.
        """
        from saibench.interpretation.trusted_range.file import read_range

        return read_range(Path(path))

    def _in_order(self, features: Mapping[str, ArrayLike]) -> Floats:
        names = [quantity.name for quantity in self.features]
        for name in features:
            if name not in names:
                raise UserError(f"'{name}' is no feature of this range: {closest(name, names)}")
        missing = [name for name in names if name not in features]
        if missing:
            raise UserError(f"this range needs {', '.join(missing)} too.")
        columns = [np.atleast_1d(np.asarray(features[name], dtype=np.float64)) for name in names]
        return np.stack(np.broadcast_arrays(*columns), axis=1)
