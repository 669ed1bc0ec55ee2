"""Selection by the value of a feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import polars
from pydantic import Field

from saibench.datamodules.samplers.features import by_sample_id, feature, numeric_feature
from saibench.datamodules.samplers.sampler import Sampler
from saibench.errors import UserError
from saibench.options import Name, Number, as_yaml, refuse

Scalar = str | bool | int | Number


@dataclass(frozen=True)
class Where(Sampler):
    """Samples whose feature `by` meets every condition given, ascending by sample_id.

    `at_least` and `below` define a half-open interval; `equals` and `one_of` take numbers, strings
    or booleans, of the type of the feature. NaN and null meet no condition.
    """

    by: Name
    equals: Scalar | None = None
    at_least: Number | None = None
    below: Number | None = None
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        conditions = (self.equals, self.at_least, self.below, self.one_of)
        if all(condition is None for condition in conditions):
            raise UserError(
                f"where.by='{self.by}' has no condition. Use equals, at_least, below or one_of."
            )
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            self._refuse("at_least", f"is not below where.below={as_yaml(self.below)}")
        if self.one_of is not None:
            if len({_kind(value) for value in self.one_of}) > 1:
                self._refuse("one_of", "mixes types. Use values of one type")
            object.__setattr__(self, "one_of", tuple(sorted(set(self.one_of))))

    def select(self, index: polars.DataFrame) -> np.ndarray:
        matches = np.ones(index.height, dtype=bool)
        if self.equals is not None:
            matches &= self._equal_to(index, "equals", (self.equals,))
        if self.one_of is not None:
            matches &= self._equal_to(index, "one_of", self.one_of)
        if self.at_least is not None:
            matches &= numeric_feature(index, self._field("by"), self.by) >= self.at_least
        if self.below is not None:
            matches &= numeric_feature(index, self._field("by"), self.by) < self.below
        return by_sample_id(index, np.flatnonzero(matches).astype(np.int64))

    def _equal_to(
        self, index: polars.DataFrame, condition: str, values: tuple[Scalar, ...]
    ) -> np.ndarray:
        column = feature(index, self._field("by"), self.by)
        kind = _kind_of_column(column)
        if _kind(values[0]) != kind:
            reason = f"does not match '{self.by}', which has {kind}. Use one of its values"
            refuse(self._field(condition), getattr(self, condition), reason)
        # in numpy NaN equals nothing, while in polars it equals itself
        found = column.cast(polars.String).to_numpy() if kind == "strings" else column.to_numpy()
        return np.any([found == value for value in values], axis=0)

    def describe(self) -> str:
        conditions = []
        if self.equals is not None:
            conditions.append(f"is {_named(self.equals)}")
        if self.one_of is not None:
            conditions.append(f"is one of {', '.join(map(_named, self.one_of))}")
        if self.at_least is not None:
            conditions.append(f"is at least {as_yaml(self.at_least)}")
        if self.below is not None:
            conditions.append(f"is below {as_yaml(self.below)}")
        return f"samples whose {self.by} {' and '.join(conditions)}"


def _named(value: Scalar) -> str:
    return value if isinstance(value, str) else as_yaml(value)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "booleans"
    return "strings" if isinstance(value, str) else "numbers"


def _kind_of_column(column: polars.Series) -> str:
    if column.dtype.is_numeric():
        return "numbers"
    if column.dtype == polars.Boolean:
        return "booleans"
    if column.dtype in (polars.String, polars.Categorical, polars.Enum):
        return "strings"
    return str(column.dtype)
