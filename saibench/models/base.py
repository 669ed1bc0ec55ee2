"""What saibench asks of a LightningModule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from lightning import LightningModule
from torch import Tensor

from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.statistic import PartitionMetric, Statistic
from saibench.metrics.functional.refusal import Refused
from saibench.models.metrics import AddedMetric, MetricInputs, Metrics, PassMetrics, single_numbers


class BenchmarkModule(LightningModule):
    """A LightningModule whose `test_step` reports statistics of every sample.

    A subclass is an ordinary LightningModule (`training_step`, `validation_step`,
    `configure_optimizers`) that also

    - takes `facts`, what the training partition says about itself (builtins only, so that the
      checkpoint can hold them), and calls `save_hyperparameters()`;
    - logs `val/loss` in validation, whose smallest value chooses the weights that are tested;
    - lists its statistics in `statistics()`;
    - returns from `test_step` a dict of `Statistic.key` → `(B,)`, `(B, axis)`, or of crossed axes
      `(B, axis, axis)`, in the order of the batch, and for one that is `partial` bools of the same
      shape under `defined_key`;
    - may give its predictions to metrics, its own and those that a user adds: it says what by
      `metric_inputs()` and `metrics()`, and calls `update_metrics` in `test_step`.
    """

    precisions: ClassVar[tuple[str, ...]] = ("32-true", "bf16-mixed", "16-mixed")
    """Values of `trainer.precision` that the model can be trained with."""

    finds_unused_parameters: ClassVar[bool] = False
    """Whether a step may leave parameters without a gradient, which DDP has to look for."""

    inference_mode: ClassVar[bool] = False
    """Whether validation and test run in `torch.inference_mode()`, in which no gradient can be
    taken, and whose tensors no training step may use; by default they run in `torch.no_grad()`."""

    validated: ClassVar[tuple[str, ...]] = ()
    """What it logs in validation, which `lr_schedule.monitor` may name; empty: not known."""

    added_metrics: Sequence[AddedMetric] = ()
    """What a user adds to its own metrics, for the next tests."""
    tested_metrics: Mapping[str, Mapping[str, Any]] = {}
    """What the last test made of metrics, its own and added: partition → name → value."""
    _pass_metrics: PassMetrics | None = None

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        """Refuse settings that can't work, before anything is written.

        Args:
            settings: the node `model` of a point's settings.
            max_steps: the budget, None where it is wall time.

        Raises:
            UserError: what does not fit, and what would work.
        """

    @property
    def trains(self) -> bool:
        """Whether there is anything to train; a baseline says no, and is tested as it is."""
        return True

    def load_initial_weights(self) -> None:
        """Load weights that the model starts from; called before the first step of all."""

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        """Keep in the run's folder what its report shows of single samples, `data.save_samples`.

        Called in one process, after the test, with the tested weights. By default nothing is kept.
        """

    def statistics(self) -> list[Statistic]:
        """The statistics that `test_step` returns, with unit and normalisation."""
        raise NotImplementedError

    def partition_metrics(self) -> list[PartitionMetric]:
        """Metrics of a partition that are no means of its statistics, such as the area of a ROC."""
        return []

    def metric_inputs(self) -> dict[str, MetricInputs]:
        """What `test_step` gives to metrics, by quantity; a metric gets the first that it takes."""
        return {}

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        """New metrics of one partition of a pass: by quantity of `update_metrics`, and by name.

        What of them is one number is logged, as `<partition>/<name>_<entry>`. What `metrics.json`
        holds is taken of the statistics, which say of every sample what these say of all.
        """
        return {}

    def update_metrics(self, quantity: str, sample_id: Tensor, **inputs: Any) -> None:
        """Give a batch to the metrics of a quantity; outside of a test nothing happens.

        Args:
            quantity: as in `metric_inputs` or `metrics`.
            sample_id: `(R,)`, the sample that each row is of; one may have several rows.
            inputs: `preds`, `target` and others, by argument of the metrics' `update`, of R rows.
        """
        if self._pass_metrics is not None:
            self._pass_metrics.update(quantity, sample_id, inputs)

    def measures(self, quantity: str) -> bool:
        """Whether a test goes on that has a metric of the quantity: others need not be computed."""
        return self._pass_metrics is not None and quantity in self._pass_metrics.quantities

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        raise NotImplementedError

    def on_test_epoch_start(self) -> None:
        self._pass_metrics, self.tested_metrics = None, {}
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, StructuralDataModule):
            return
        evaluation = data.evaluation or data.passes()[0]
        self._pass_metrics = PassMetrics(
            evaluation,
            [self.metrics(evaluation) for _ in evaluation.partitions],
            self.added_metrics,
            self.metric_inputs(),
            self.trainer.strategy.root_device,
        )

    def on_test_epoch_end(self) -> None:
        if self._pass_metrics is None:
            return
        self._refuse_not_updated(self._pass_metrics)
        self._compute_metrics(self._pass_metrics)
        for partition, metrics in self.tested_metrics.items():
            for name, value in metrics.items():
                if not isinstance(value, Refused):
                    # loggers get `metrics.json`, in double precision and with what else is there
                    self.log_dict(single_numbers(value, f"{partition}/{name}"), logger=False)

    def compute_metrics_of_no_sample(self) -> None:
        """Take part in the sums over ranks where a rank has no sample: Lightning calls no hook."""
        BenchmarkModule.on_test_epoch_start(self)
        if self._pass_metrics is not None:
            self._compute_metrics(self._pass_metrics)

    def _compute_metrics(self, metrics: PassMetrics) -> None:
        self.tested_metrics = metrics.compute()
        self._pass_metrics = None

    def _refuse_not_updated(self, metrics: PassMetrics) -> None:
        """On a rank that has samples: its added metrics would be those of none."""
        for name, quantity in metrics.added.items():
            if quantity not in metrics.updated and any(self.trainer.num_test_batches):
                raise UserError(
                    f"metrics.{name}: {type(self).__name__}.test_step gives it nothing. Call "
                    f"self.update_metrics('{quantity}', …) there."
                )
