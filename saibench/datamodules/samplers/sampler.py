"""The base class of all samplers, and their composition."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import polars
from omegaconf import OmegaConf

from saibench.options import check_fields, refuse

ADDED = {"added": True}
"""Metadata of a field that was added after hashes were published: its default is excluded from the
hash, as it does not change the selection."""


@dataclass(frozen=True)
class Sampler(ABC):
    """A pure function from an index to row positions; subclasses are frozen dataclasses.

    Fields of a subclass are checked by their types (`options.check_fields`). Its docstring states
    the order in which `select` returns the rows.
    """

    def __post_init__(self) -> None:
        check_fields(self, type(self).__name__.lower())

    @abstractmethod
    def select(self, index: polars.DataFrame) -> np.ndarray:
        """Positions of the selected rows in `index`, int64 of shape (selected,)."""

    @abstractmethod
    def describe(self) -> str:
        """One English clause, without a full stop, that defines the selected samples."""

    def features(self) -> set[str]:
        """The features that the sampler reads, without `sample_id`."""
        by = getattr(self, "by", None)
        return set() if by is None else {by}

    def hash(self) -> str:
        """12 hexadecimal digits of SHA-256 over class name and fields, stable across processes."""
        text = json.dumps(_document(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __or__(self, other: Sampler) -> Chain:
        """`a | b`: b selects from the rows that a selects."""
        return Chain((self, other)) if isinstance(other, Sampler) else NotImplemented

    def _field(self, name: str) -> str:
        """Name of a field in the config: `window.start`."""
        return f"{type(self).__name__.lower()}.{name}"

    def _refuse(self, name: str, reason: str) -> NoReturn:
        refuse(self._field(name), getattr(self, name), reason)


@dataclass(frozen=True)
class Chain(Sampler):
    """Samplers applied in sequence, each to the rows selected by the one before it.

    Rows are in the order of the last sampler. Nested chains are flattened, so that
    `(a | b) | c` and `a | (b | c)` are equal and have one hash.
    """

    samplers: tuple[Sampler, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.samplers, Sequence) or isinstance(self.samplers, str):
            self._refuse("samplers", "is not a list of samplers")
        if not self.samplers:
            self._refuse("samplers", "is empty. Use a list of at least one sampler")
        flat = [
            inner
            for place, given in enumerate(self.samplers)
            for sampler in [_sampler(f"{self._field('samplers')}[{place}]", given)]
            for inner in (sampler.samplers if isinstance(sampler, Chain) else (sampler,))
        ]
        object.__setattr__(self, "samplers", tuple(flat))

    def select(self, index: polars.DataFrame) -> np.ndarray:
        rows = np.arange(index.height, dtype=np.int64)
        for sampler in self.samplers:
            rows = rows[sampler.select(index[rows])]
            if not rows.size:  # else the next sampler would be blamed in an error
                break
        return rows

    def features(self) -> set[str]:
        return {name for sampler in self.samplers for name in sampler.features()}

    def describe(self) -> str:
        return ", then ".join(sampler.describe() for sampler in self.samplers)


def _sampler(field: str, value: Any) -> Sampler:
    if OmegaConf.is_config(value):  # Hydra turns a dataclass inside a list into a config
        value = OmegaConf.to_object(value)
    if isinstance(value, functools.partial):
        name = getattr(value.func, "__name__", "it")
        refuse(field, name, "is not a sampler, because _partial_ is set. Remove _partial_")
    if not isinstance(value, Sampler):
        refuse(field, value, "is not a sampler. Use one such as Window(start=0, size=0.3)")
    return value


def _document(value: Any) -> Any:
    """The content of a sampler in JSON types, for its hash."""
    if isinstance(value, Sampler):
        fields = {
            f.name: _document(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if not (f.metadata.get("added") and getattr(value, f.name) == f.default)
        }
        return [type(value).__name__, fields]
    return [_document(item) for item in value] if isinstance(value, tuple) else value


def percent(fraction: float) -> str:
    return f"{100 * fraction:.10g} %"
