"""Metrics of an evaluation pass, one set per test partition, updated by the model's `test_step`.

A model declares the inputs of metrics by quantity (`MetricInputs`) and has metrics of its own; the
user may add others by name (`AddedMetric`). Each sample is predicted once, even if several
partitions contain it, and metrics are accumulated over batches and ranks.
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
"""Placeholder in the unit of a metric for the unit of its inputs."""
MAX_NUMBERS = 1000
"""Maximum number of values of one metric of a partition; a curve belongs in a figure."""


@dataclass(frozen=True)
class MetricInputs:
    """Inputs of the metrics of one quantity, by the arguments of `update`.

    Args:
        unit: of `preds` and `target`.
        example: argument of `update` → an example tensor of a few samples.
        required: arguments that a metric must accept: without the mask it would score masked
            pixels.
    """

    unit: str
    example: Mapping[str, Tensor]
    required: tuple[str, ...] = PREDS_AND_TARGET


@dataclass(frozen=True)
class AddedMetric:
    """A metric from the settings.

    Args:
        name: of its value among the metrics of a partition.
        target: dotted path of a `torchmetrics.Metric`.
        options: arguments of the class.
        unit: of its value; `{unit}` in it stands for the unit of the inputs. None for the class's
            attribute `unit`, if any.
        per: normalisation of its value; None for the class's attribute `per`, if any.
        of: quantity of its inputs; None for the first that its `update` accepts.
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
        """Its key in the settings."""
        return f"metrics.{self.name}"

    def definition(self) -> dict[str, Any]:
        """Its settings as JSON, which differ from those of another metric of the same name."""
        given = {"unit": self.unit, "per": self.per, "of": self.of, "source": dict(self.source)}
        named = {"name": self.name, "_target_": self.target, **self.options}
        return named | {key: value for key, value in given.items() if value}

    def built(self) -> Metric:
        """A new metric, which sums in double precision unless it contains a net.

        Raises:
            UserError: it cannot be built, or is not a `torchmetrics.Metric`.
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
        self, value: Any, count: int, available: Mapping[str, MetricInputs]
    ) -> dict[str, dict[str, Any]]:
        """Its entries in `metrics.json`: `{name: {value, unit, per, count, of}}`.

        Args:
            value: result of `compute`, or the `Refused` that it raised.
            count: number of samples of the partition.
            available: the model's `metric_inputs()`.

        Raises:
            UserError: it is `Refused`, not numeric, or has more than `MAX_NUMBERS` values.
        """
        if isinstance(value, Refused):
            raise UserError(f"{self.key}: {value}")
        found = dict(numbers(value, self.name))
        if len(found) > MAX_NUMBERS:
            raise UserError(
                f"{self.key} has {len(found):,} values. Use a metric of at most {MAX_NUMBERS:,}."
            )
        metric = self.built()
        unit = getattr(metric, "unit", "") if self.unit is None else self.unit
        per = getattr(metric, "per", "") if self.per is None else self.per
        of_inputs = available[quantity_of(self, metric, available)].unit
        shared = {
            "unit": str(unit).replace(UNIT_OF_INPUTS, of_inputs),
            "per": str(per),
            "count": count,
            "of": {"metric": self.definition()},
        }
        return {
            name: {"value": number if math.isfinite(number) else None, **shared}
            for name, number in found.items()
        }


def quantity_of(added: AddedMetric, metric: Metric, available: Mapping[str, MetricInputs]) -> str:
    """The quantity of an added metric's inputs.

    Args:
        added: its settings.
        metric: built.
        available: the model's `metric_inputs()`.

    Raises:
        UserError: the model has no metric inputs, no such quantity, or none that `update` accepts.
    """
    if not available:
        raise UserError(
            f"{added.key}: this model has no metric inputs. Implement metric_inputs() and call "
            "update_metrics(…) in test_step."
        )
    if added.of is not None and added.of not in available:
        raise UserError(f"{added.key}.of={added.of} is unknown: {closest(added.of, available)}")
    names = list(available) if added.of is None else [added.of]
    for name in names:
        if _fits(metric, available[name]):
            return name
    given = "; ".join(f"{', '.join(available[name].example)} ({name})" for name in names)
    raise UserError(
        f"{added.key}: {added.target}.update{_signature(metric)} does not accept this model's "
        f"metric inputs: {given}."
    )


def check_added(added: AddedMetric, available: Mapping[str, MetricInputs]) -> None:
    """Update an added metric with the example inputs.

    Raises:
        UserError: it cannot be built, or cannot be updated.
    """
    metric = added.built()
    inputs = available[quantity_of(added, metric, available)]
    try:
        metric.update(**_taken(metric, inputs.example))
    except Exception as error:
        shapes = ", ".join(
            f"{name} {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
            for name, value in _taken(metric, inputs.example).items()
        )
        raise UserError(f"{added.key} cannot be updated with {shapes}: {fault(error)}.") from error


class PassMetrics:
    """The metrics of each partition of an evaluation pass.

    Args:
        evaluation: the pass.
        own: the model's own metrics of each partition.
        added: the user's metrics.
        available: the model's `metric_inputs()`.
        device: of the model.
    """

    def __init__(
        self,
        evaluation: EvaluationPass,
        own: Sequence[Metrics],
        added: Sequence[AddedMetric],
        available: Mapping[str, MetricInputs],
        device: torch.device,
    ) -> None:
        self.added = {one.name: quantity_of(one, one.built(), available) for one in added}
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
        """Quantities with a metric."""
        return {of for one in self.partitions.values() for of, _ in one.metrics}

    def update(self, quantity: str, sample_id: Tensor, inputs: Mapping[str, Any]) -> None:
        """Update the metrics of a quantity with a batch.

        Args:
            quantity: of the model's `metric_inputs()` or `metrics()`.
            sample_id: `(R,)`, sample of each row of the inputs.
            inputs: by argument of `update`; values have R rows and can be indexed by a mask.

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
            # the metric counts refusals, and `compute` raises on every rank
            with suppress(Refused):
                metric.update(**_taken(metric, rows))
        except Exception as error:
            if name not in self.added:
                raise
            raise UserError(f"metrics.{name} cannot be updated: {fault(error)}.") from error

    def compute(self) -> dict[str, dict[str, Any]]:
        """Value over all ranks, or the raised `Refused`, by partition and metric."""
        with warnings.catch_warnings():  # on a rank without samples
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
            raise UserError(f"metrics.{name} cannot be computed: {fault(error)}.") from error


@dataclass(frozen=True)
class _OfPartition:
    """Ascending ids of a partition, or None for the whole pass, and its metrics."""

    sample_ids: Tensor | None
    metrics: dict[tuple[str, str], Metric]

    def chosen(self, sample_id: Tensor) -> Tensor | None:
        """Mask of the rows in the partition, None for all."""
        if self.sample_ids is None:
            return None
        place = torch.searchsorted(self.sample_ids, sample_id).clamp(max=len(self.sample_ids) - 1)
        return self.sample_ids[place] == sample_id


def single_numbers(value: Any, name: str) -> dict[str, float]:
    """Scalar entries of a metric's value by name, without its vectors and grids."""
    if isinstance(value, Mapping):
        parts = (single_numbers(part, f"{name}_{key}") for key, part in value.items())
        return {key: number for part in parts for key, number in part.items()}
    is_scalar = isinstance(value, int | float) or (isinstance(value, Tensor) and not value.ndim)
    return {name: float(value)} if is_scalar else {}


def numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """All numbers of a metric's value by name: `csi`, `csi_count`, `csi_0`.

    Raises:
        UserError: it is not a number, nor a tensor, sequence or mapping of numbers.
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
    """The inputs that a metric's `update` accepts; `preds` and `target` for `**kwargs`."""
    parameters = _parameters(metric)
    accepted = set(parameters)
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        accepted.update(PREDS_AND_TARGET)
    return {name: value for name, value in given.items() if name in accepted}
