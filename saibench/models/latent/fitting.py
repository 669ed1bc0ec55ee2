"""Latent features of a model from one forward pass over its training samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from lightning.pytorch.utilities.seed import isolate_rng

from saibench.datamodules.batch import sample_ids
from saibench.models.base import BenchmarkModule
from saibench.models.latent.features import LatentFeatures
from saibench.models.latent.space import LatentCapture


def fitted_features(module: BenchmarkModule, batches: Iterable[Any]) -> LatentFeatures | None:
    """Features of a model, compared with training samples.

    Args:
        module: in evaluation mode, with the tested weights.
        batches: of training samples, on the device of the module.

    Returns:
        None if the model has no latent space, or there is no batch.
    """
    space = module.latent_space()
    if space is None:
        return None
    found = []
    with torch.no_grad(), isolate_rng(), LatentCapture(space) as capture:
        for batch in batches:
            capture.clear()
            module.represent(batch)
            found.append(capture.read(len(sample_ids(batch)), module.latent_groups(batch)))
    return LatentFeatures.of(space, found) if found else None
