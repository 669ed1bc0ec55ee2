"""The Trainer of a run."""

from __future__ import annotations

import pytest
import torch
from omegaconf import OmegaConf

from saibench.runs.trainer import _synchronizes_batches


@pytest.mark.parametrize(
    ("accelerator", "devices", "has_gpu", "expected"),
    [
        ("auto", 2, False, False),  # SyncBatchNorm refuses what is not on a GPU
        ("auto", 2, True, True),
        ("cpu", 2, True, False),
        ("gpu", 1, True, False),
        ("gpu", 2, True, True),
    ],
)
def test_batch_normalization_is_synchronized_on_gpus_only(
    accelerator: str, devices: int, has_gpu: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    settings = OmegaConf.create({"accelerator": accelerator, "devices": devices})
    assert _synchronizes_batches(settings) is expected
