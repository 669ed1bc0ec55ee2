"""How the Trainer of a point is made."""

from __future__ import annotations

import pytest
import torch
from omegaconf import OmegaConf

from saibench.runs.trainer import _synchronizes_batches


@pytest.mark.parametrize(
    ("accelerator", "devices", "there", "expected"),
    [
        ("auto", 2, False, False),  # SyncBatchNorm refuses what is not on a GPU
        ("auto", 2, True, True),
        ("cpu", 2, True, False),
        ("gpu", 1, True, False),
        ("gpu", 2, True, True),
    ],
)
def test_batches_are_normalised_together_on_gpus_alone(
    accelerator: str, devices: int, there: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    settings = OmegaConf.create({"accelerator": accelerator, "devices": devices})
    assert _synchronizes_batches(settings) is expected
