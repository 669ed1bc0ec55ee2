"""The balance of predicted rain, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saibench.metrics.nowcasting.functional.rain import rain_frame_sums
from saibench.models.nowcasting.statistics import mass_balance


def test_balance_is_the_relative_change_of_the_rain_over_valid_pixels() -> None:
    random = np.random.default_rng(0)
    last, predicted = random.gamma(0.5, 4, (3, 8, 8)), random.gamma(0.5, 4, (3, 2, 8, 8))
    mask = random.random((3, 2, 8, 8)) < 0.8
    last[1] = 0  # a dry event
    mask[2, 1] = False
    tensors = [torch.from_numpy(one) for one in (predicted, predicted, mask)]
    found = mass_balance(
        rain_frame_sums(*tensors, (16.0,), 5.0), torch.from_numpy(last), torch.from_numpy(mask)
    )
    for event in (0, 2):
        changes = [
            abs(predicted[event, lead][valid].sum() / last[event][valid].sum() - 1)
            for lead, valid in enumerate(mask[event])
            if valid.any()
        ]
        assert found["mass_balance"][event].item() == pytest.approx(np.mean(changes), rel=1e-9)
        own = found["lead/mass_balance"][event, : len(changes)]
        np.testing.assert_allclose(own.numpy(), changes, rtol=1e-9)
    assert found["mass_balance.defined"].tolist() == [True, False, True]
    assert found["lead/mass_balance.defined"].tolist() == [
        [True, True],
        [False, False],
        [True, False],
    ]
