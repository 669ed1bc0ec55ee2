"""Control of the false discovery rate over many comparisons.

Each run is a family of its own, so that a number has the same q-value on a page, which has a few
runs of a study, and on the console, which has all or one. The union of families keeps the rate of
each (Efron, Ann. Appl. Stat. 2, 2008, "Simultaneous inference: When should hypothesis testing
problems be combined?").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from saibench.analysis.tracing.records import Tested

Record = TypeVar("Record")


def adjusted(records: Sequence[Record]) -> list[Record]:
    """The records with the q-value of every `Tested` in them, as one family.

    q is the false discovery rate at which a number is significant (Benjamini and Hochberg, J. R.
    Stat. Soc. B 57, 1995); numbers without a p-value are no comparisons.
    """
    known = np.array([one.p for one in tested_in(records) if not math.isnan(one.p)])
    if not known.size:
        return list(records)
    from scipy.stats import false_discovery_control  # imports for a second

    found = iter(false_discovery_control(known))

    def with_q(one: Tested) -> Tested:
        return one if math.isnan(one.p) else replace(one, q=float(next(found)))

    return [_mapped(record, with_q) for record in records]


def tested_in(node: Any) -> list[Tested]:
    """Every `Tested` in records, in order."""
    found: list[Tested] = []

    def note(one: Tested) -> Tested:
        found.append(one)
        return one

    _mapped(node, note)
    return found


def _mapped(node: Any, function: Callable[[Tested], Tested]) -> Any:
    """The node with each `Tested` replaced; a sequence of plain values, such as ids, as it is."""
    if isinstance(node, Tested):
        return function(node)
    if is_dataclass(node) and not isinstance(node, type):
        changes = {part.name: _mapped(getattr(node, part.name), function) for part in fields(node)}
        return replace(node, **changes)
    if isinstance(node, (tuple, list)) and not (node and isinstance(node[0], int | float | str)):
        return type(node)(_mapped(one, function) for one in node)
    return node
