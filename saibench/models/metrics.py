"""Metrics of an evaluation pass: one of each a test partition, fed by the model's `test_step`.

A model says what it gives to metrics (`MetricInputs`, by quantity) and which metrics it has itself;
the user may add others by name (`AddedMetric`). Each sample is predicted once, however many
partitions hold it, and every metric adds up over batches and ranks.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from saibench.datamodules.structural import EvaluationPass
from saibench.errors import UserError, closest
from saibench.imports.targets import build, fault
from saibench.metrics.functional.refusal import Refused

Metrics = Mapping[str, Mapping[str, Metric]]
"""By quantity, and by name."""
PREDS_AND_TARGET = ("preds", "target")
UNIT_OF_INPUTS = "{unit}"
"""In the unit of a metric: that of what it is given."""
MAX_NUMBERS = 1000
"""Numbers that one metric of a partition may give; a curve is for a figure."""


@dataclass(frozen=True)
class MetricInputs:
    """What a `test_step` gives to the metrics of one quantity, by the names of `update`.

    Args:
        unit: of `preds` and `target`.
        example: argument of `update` → a tensor like those that it is given, of a few samples.
        required: the arguments that a metric of it has to take: one that takes no mask would score
            what the mask leaves out.
    """

    unit: str
    example: Mapping[str, Tensor]
    required: tuple[str, ...] = PREDS_AND_TARGET


@dataclass(frozen=True)
class AddedMetric:
    """A metric that the settings name.

    Args:
        name: of its value among the metrics of a partition.
        target: dotted path of a `torchmetrics.Metric`.
        options: what it is made with.
        unit: of its value; `{unit}` in it is that of what it is given. None for what the class says
            by an attribute `unit`, else none.
        per: what its value is normalised by; None likewise.
        of: the quantity that it is given; None for the first that it takes.
        source: modules from outside the package that define it → hash of their code.
    """

    name: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    unit: str | None = None
    per: str | None = None
    of: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where the settings name it."""
        return f"metrics.{self.name}"

    def definition(self) -> dict[str, Any]:
        """What tells its values from those of another metric of the name, as JSON can hold it."""
        given = {"unit": self.unit, "per": self.per, "of": self.of, "source": dict(self.source)}
        named = {"name": self.name, "_target_": self.target, **self.options}
        return named | {key: value for key, value in given.items() if value}

    def built(self) -> Metric:
        """A new one, which sums in double precision unless it holds a net.

        Raises:
            UserError: it cannot be built, or is no metric of torchmetrics.
        """
        metric = build({"_target_": self.target, **self.options}, self.key)
        if not isinstance(metric, Metric):
            raise UserError(
                f"{self.key}: {self.target} makes a {type(metric).__name__}. Use a subclass of "
                "torchmetrics.Metric."
            )
        holds_net = next(metric.parameters(), None) is not None
        return metric if holds_net else metric.set_dtype(torch.float64)

    def entries(
        self, value: Any, count: int, offered: Mapping[str, MetricInputs]
    ) -> dict[str, dict[str, Any]]:
        """What `metrics.json` holds of its value: `{name: {value, unit, per, count, of}}`.

        Args:
            value: what `compute` returned, or the `Refused` that it raised.
            count: samples of the partition.
            offered: what the model gives to metrics.

        Raises:
            UserError: it was refused, holds what is no number, or more than `MAX_NUMBERS`.
        """
        if isinstance(value, Refused):
            raise UserError(f"{self.key}: {value}")
        found = dict(numbers(value, self.name))
        if len(found) > MAX_NUMBERS:
            raise UserError(
                f"{self.key} gives {len(found):,} numbers. Use a metric of {MAX_NUMBERS:,} at most."
            )
        metric = self.built()
        unit = getattr(metric, "unit", "") if self.unit is None else self.unit
        per = getattr(metric, "per", "") if self.per is None else self.per
        of_inputs = offered[quantity_of(self, metric, offered)].unit
        told = {
            "unit": str(unit).replace(UNIT_OF_INPUTS, of_inputs),
            "per": str(per),
            "count": count,
            "of": {"metric": self.definition()},
        }
        return {
            name: {"value": number if math.isfinite(number) else None, **told}
            for name, number in found.items()
        }


def quantity_of(added: AddedMetric, metric: Metric, offered: Mapping[str, MetricInputs]) -> str:
    """The quantity that an added metric is given.

    Args:
        added: what the settings say of it.
        metric: built.
        offered: what the model gives to metrics.

    Raises:
        UserError: the model gives nothing, no such quantity, or none that `update` takes.
    """
    if not offered:
        raise UserError(
            f"{added.key}: this model gives its metrics nothing. A model of your own says what it "
            "gives by metric_inputs(), and gives it by update_metrics(…) in its test_step."
        )
    if added.of is not None and added.of not in offered:
        raise UserError(f"{added.key}.of={added.of} is no quantity: {closest(added.of, offered)}")
    for name in [added.of] if added.of is not None else offered:
        if _fits(metric, offered[name]):
            return name
    given = "; ".join(
        f"{', '.join(offered[name].example)} ({name})"
        for name in ([added.of] if added.of is not None else offered)
    )
    raise UserError(
        f"{added.key}: {added.target}.update{_signature(metric)} does not take what this model "
        f"gives, by these names: {given}."
    )


def check_added(added: AddedMetric, offered: Mapping[str, MetricInputs]) -> None:
    """Try an added metric with what it will be given.

    Raises:
        UserError: it cannot be built, or cannot be updated.
    """
    metric = added.built()
    inputs = offered[quantity_of(added, metric, offered)]
    try:
        metric.update(**_taken(metric, inputs.example))
    except Exception as error:  # whatever a metric raises
        shapes = ", ".join(
            f"{name} {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
            for name, value in _taken(metric, inputs.example).items()
        )
        raise UserError(f"{added.key} cannot be updated with {shapes}: {fault(error)}.") from error


class PassMetrics:
    """The metrics of one evaluation pass, of each of its partitions.

    Args:
        evaluation: the pass.
        own: makes the model's own metrics; called once a partition.
        added: those that the user names.
        offered: what the model gives to metrics.
        device: of the model.
    """

    def __init__(
        self,
        evaluation: EvaluationPass,
        own: Sequence[Metrics],
        added: Sequence[AddedMetric],
        offered: Mapping[str, MetricInputs],
        device: torch.device,
    ) -> None:
        self.added = {one.name: quantity_of(one, one.built(), offered) for one in added}
        self.updated: set[str] = set()
        self.partitions = {
            partition.name: _OfPartition(
                None
                if partition.count == len(evaluation.rows)
                else torch.tensor(partition.sample_ids, device=device),
                {
                    **{
                        (quantity, name): metric.to(device)
                        for quantity, metrics in of_model.items()
                        for name, metric in metrics.items()
                    },
                    **{(self.added[one.name], one.name): one.built().to(device) for one in added},
                },
            )
            for partition, of_model in zip(evaluation.partitions, own, strict=True)
        }

    @property
    def quantities(self) -> set[str]:
        """Those that some metric is of."""
        return {of for one in self.partitions.values() for of, _ in one.metrics}

    def update(self, quantity: str, sample_id: Tensor, inputs: Mapping[str, Any]) -> None:
        """Add a batch.

        Args:
            quantity: as in what the model offers.
            sample_id: `(R,)`, of the sample that each row of the inputs is of.
            inputs: by argument of `update`, what has R rows and can be indexed by them.

        Raises:
            UserError: an added metric cannot be updated.
        """
        self.updated.add(quantity)
        detached = {
            name: value.detach() if isinstance(value, Tensor) else value
            for name, value in inputs.items()
        }
        for partition in self.partitions.values():
            chosen = partition.chosen(sample_id)
            rows = detached
            if chosen is not None:
                if not chosen.any():
                    continue
                rows = {name: value[chosen] for name, value in detached.items()}
            for (of, name), metric in partition.metrics.items():
                if of == quantity:
                    self._update(name, metric, rows)

    def _update(self, name: str, metric: Metric, rows: Mapping[str, Any]) -> None:
        try:
            # what it refuses it counts: `compute` raises, on every rank alike
            with suppress(Refused):
                metric.update(**_taken(metric, rows))
        except Exception as error:
            if name not in self.added:
                raise
            raise UserError(f"metrics.{name} cannot be updated: {fault(error)}.") from error

    def compute(self) -> dict[str, dict[str, Any]]:
        """By partition and metric: its value over all ranks, or the `Refused` that it raised."""
        with warnings.catch_warnings():  # of a rank without a sample
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
            return {
                name: {of[1]: self._computed(of[1], metric) for of, metric in one.metrics.items()}
                for name, one in self.partitions.items()
            }

    def _computed(self, name: str, metric: Metric) -> Any:
        try:
            return metric.compute()
        except Refused as refused:
            return refused
        except Exception as error:
            if name not in self.added:
                raise
            raise UserError(f"metrics.{name} has no value: {fault(error)}.") from error


@dataclass(frozen=True)
class _OfPartition:
    """Its ids, ascending, or None where it is the whole pass, and its metrics."""

    sample_ids: Tensor | None
    metrics: dict[tuple[str, str], Metric]

    def chosen(self, sample_id: Tensor) -> Tensor | None:
        """Which rows are of the partition, None for all."""
        if self.sample_ids is None:
            return None
        place = torch.searchsorted(self.sample_ids, sample_id).clamp(max=len(self.sample_ids) - 1)
        return self.sample_ids[place] == sample_id


def single_numbers(value: Any, name: str) -> dict[str, float]:
    """Those of a metric's value that are one number, by name; not its vectors and grids."""
    if isinstance(value, Mapping):
        parts = (single_numbers(part, f"{name}_{key}") for key, part in value.items())
        return {key: number for part in parts for key, number in part.items()}
    is_one = isinstance(value, int | float) or (isinstance(value, Tensor) and not value.ndim)
    return {name: float(value)} if is_one else {}


def numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """All numbers of a metric's value by name: `csi`, `csi_count`, `csi_0` of several.

    Raises:
        UserError: it is no number, nor a tensor, sequence or mapping of such.
    """
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from numbers(part, f"{name}_{key}")
    elif isinstance(value, list | tuple):
        for position, part in enumerate(value):
            yield from numbers(part, f"{name}_{position}")
    elif isinstance(value, int | float):
        yield name, float(value)
    else:
        raise UserError(
            f"metrics.{name} is a {type(value).__name__}. Use a metric whose compute() returns "
            "numbers."
        )


def _parameters(metric: Metric) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(metric.update).parameters


def _signature(metric: Metric) -> str:
    return f"({', '.join(str(one) for one in _parameters(metric).values())})"


def _fits(metric: Metric, inputs: MetricInputs) -> bool:
    parameters = _parameters(metric).values()
    needed = {
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    }
    return needed <= set(inputs.example) and set(inputs.required) <= set(
        _taken(metric, inputs.example)
    )


def _taken(metric: Metric, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a metric's `update` takes of what is given; of a wrapper's, `preds` and `target`."""
    parameters = _parameters(metric)
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return {name: given[name] for name in given if name in {*parameters, *PREDS_AND_TARGET}}
    return {name: given[name] for name in given if name in parameters}
