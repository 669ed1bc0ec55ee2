"""NaN in the data is not reported as divergence of the model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.errors import UserError
from saibench.runs.collect import StatisticsCollector
from saibench.runs.divergence import DivergenceGuard

GOOD, BAD = torch.ones(3, 2), torch.tensor([[1.0, 1.0], [1.0, float("nan")], [1.0, 1.0]])
IDS = torch.tensor([10, 11, 12])


def jets(momenta: torch.Tensor) -> JetBatch:
    return JetBatch(IDS, momenta, torch.ones(3, 2, dtype=torch.bool), IDS % 2)


def trainer(batch: Any) -> Any:
    loaders = {"train_dataloader": lambda: [batch], "val_dataloader": lambda: [batch]}
    metrics = {"val/loss": torch.tensor(float("nan"))}
    return SimpleNamespace(
        global_step=4, callback_metrics=metrics, datamodule=SimpleNamespace(**loaders)
    )


@pytest.mark.parametrize(
    ("batch", "named"),
    [
        (jets(BAD), "batch.momenta of samples 11."),
        ({"sample_id": IDS, "x": BAD}, "batch['x'] of samples 11."),
        ((GOOD, BAD), "batch[1]."),
    ],
)
def test_nan_in_the_data_is_located_in_training_and_test(batch: Any, named: str) -> None:
    with pytest.raises(UserError) as refused:
        DivergenceGuard().on_validation_end(trainer(batch), torch.nn.Linear(1, 1))
    assert named in str(refused.value) and "diverged" not in str(refused.value)
    if not isinstance(batch, tuple):
        outputs = {"mae": BAD[:, 1]}
        with pytest.raises(UserError) as refused:
            StatisticsCollector().on_test_batch_end(None, None, outputs, batch, 0)  # type: ignore[arg-type]
        assert named in str(refused.value)


def test_divergence_on_finite_data_is_reported() -> None:
    with pytest.raises(UserError, match="diverged"):
        DivergenceGuard().on_validation_end(trainer(jets(GOOD)), torch.nn.Linear(1, 1))
    collector = StatisticsCollector()
    collector.on_test_batch_end(None, None, {"mae": BAD[:, 1]}, jets(GOOD), 0)  # type: ignore[arg-type]
    assert collector.batches
