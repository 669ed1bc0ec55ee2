"""The base class of all models."""

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
from saibench.models.latent.space import LatentSpace
from saibench.models.metrics import AddedMetric, MetricInputs, Metrics, PassMetrics, single_numbers


class BenchmarkModule(LightningModule):
    """A LightningModule whose `test_step` returns statistics of every sample.

    A subclass is an ordinary LightningModule (`training_step`, `validation_step`,
    `configure_optimizers`) that also

    - takes `dataset_info`, information on the training partition (builtins only, so that a
      checkpoint can hold it), and calls `save_hyperparameters()`;
    - logs `val/loss` in validation: the weights with its smallest value are tested;
    - lists its statistics in `statistics()`;
    - returns from `test_step` a dict of `Statistic.key` → `(B,)`, `(B, axis)`, or of crossed axes
      `(B, axis, axis)`, in the order of the batch, and for a `partial` statistic bools of the same
      shape under `defined_key`;
    - may update metrics, its own and those that a user adds: it implements `metric_inputs()` and
      `metrics()`, and calls `update_metrics` in `test_step`.
    """

    precisions: ClassVar[tuple[str, ...]] = ("32-true", "bf16-mixed", "16-mixed")
    """Supported values of `trainer.precision`."""

    finds_unused_parameters: ClassVar[bool] = False
    """Whether a step may leave parameters without a gradient (DDP's `find_unused_parameters`)."""

    inference_mode: ClassVar[bool] = False
    """Whether validation and test run in `torch.inference_mode()`, which allows no gradients, and
    whose tensors no training step may use; by default they run in `torch.no_grad()`."""

    validated: ClassVar[tuple[str, ...]] = ()
    """Logged validation metrics, the valid values of `lr_schedule.monitor`; empty: not known."""

    snapshots: ClassVar[int] = 0
    """Number of last validations whose weights form a committee; 0 for none. The tested weights are
    those of the last."""

    added_metrics: Sequence[AddedMetric] = ()
    """The user's metrics of the next tests."""
    tested_metrics: Mapping[str, Mapping[str, Any]] = {}
    """Values of all metrics of the last test: partition → name → value."""
    _pass_metrics: PassMetrics | None = None

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        """Check settings before anything is written.

        Args:
            settings: the node `model` of a run's settings.
            max_steps: the budget; None for a wall-time budget.

        Raises:
            UserError: a setting is invalid.
        """

    @property
    def trains(self) -> bool:
        """Whether the model is trained; False for a baseline."""
        return True

    def load_initial_weights(self) -> None:
        """Load the initial weights; called before the first step."""

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        """Write single samples for the report into the run's folder (`data.save_samples`).

        Called in one process, after the test, with the tested weights. Writes nothing by default.
        """

    def statistics(self) -> list[Statistic]:
        """The statistics that `test_step` returns, with unit and normalisation."""
        raise NotImplementedError

    def partition_metrics(self) -> list[PartitionMetric]:
        """Metrics of a partition that are not means of its statistics, such as the AUC."""
        return []

    def latent_space(self) -> LatentSpace | None:
        """Where the net represents a sample, for features such as `latent_distance`.

        Tests then also return the distance of each sample to the training samples. `represent` must
        run the layers of the space. None for no such features.
        """
        return None

    def latent_groups(self, batch: Any) -> Tensor | None:
        """`(B, P)` groups of the parts of a batch, -1 for padding, if the `latent_space` varies."""
        return None

    def represent(self, batch: Any) -> Any:
        """Run the layers of `latent_space` on training samples; by default `forward`."""
        return self(batch)

    def committee_statistics(self) -> list[Statistic]:
        """The statistics that `committee_spread` returns."""
        return []

    def committee_spread(self, predictions: Sequence[Any], batch: Any) -> dict[str, Tensor]:
        """How much the members of a committee differ, by `Statistic.key`, as in `test_step`.

        Args:
            predictions: of `forward` for the batch, one of each member (`snapshots`).
            batch: of samples.
        """
        return {}

    def metric_inputs(self) -> dict[str, MetricInputs]:
        """Inputs of metrics by quantity; a metric gets the first that its `update` accepts."""
        return {}

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        """New metrics of one partition of a pass: by quantity of `update_metrics`, and by name.

        Scalar entries are logged, as `<partition>/<name>_<entry>`. `metrics.json` is computed from
        the statistics, which have the value of every sample.
        """
        return {}

    def update_metrics(self, quantity: str, sample_id: Tensor, **inputs: Any) -> None:
        """Update the metrics of a quantity with a batch; does nothing outside a test.

        Args:
            quantity: as in `metric_inputs` or `metrics`.
            sample_id: `(R,)`, sample of each row; a sample may have several rows.
            inputs: `preds`, `target` and others, by argument of the metrics' `update`, of R rows.
        """
        if self._pass_metrics is not None:
            self._pass_metrics.update(quantity, sample_id, inputs)

    def measures(self, quantity: str) -> bool:
        """Whether the running test has a metric of the quantity."""
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
                    # loggers get the numbers of `metrics.json`, in double precision
                    self.log_dict(single_numbers(value, f"{partition}/{name}"), logger=False)

    def compute_metrics_of_no_sample(self) -> None:
        """Take part in the sums over ranks on a rank without samples: Lightning calls no hook."""
        BenchmarkModule.on_test_epoch_start(self)
        if self._pass_metrics is not None:
            self._compute_metrics(self._pass_metrics)

    def _compute_metrics(self, metrics: PassMetrics) -> None:
        self.tested_metrics = metrics.compute()
        self._pass_metrics = None

    def _refuse_not_updated(self, metrics: PassMetrics) -> None:
        """Raise if the test step has samples but did not update an added metric."""
        for name, quantity in metrics.added.items():
            if quantity not in metrics.updated and any(self.trainer.num_test_batches):
                raise UserError(
                    f"metrics.{name}: {type(self).__name__}.test_step does not update it. Call "
                    f"self.update_metrics('{quantity}', …) in test_step."
                )
