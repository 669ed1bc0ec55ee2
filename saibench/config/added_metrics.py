"""Metrics that the settings add to those of the model."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from saibench.config.source import user_source
from saibench.models.metrics import AddedMetric
from saibench.settings import MetricsSettings, validated


def added_metrics(node: Any) -> list[AddedMetric]:
    """Return the metrics of the node `metrics`, resolved or not; none for None.

    Raises:
        UserError: a missing `_target_`, or a value of the wrong kind.
    """
    given = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    named = validated(MetricsSettings, {"metrics": given or {}}).metrics
    return [
        AddedMetric(
            name,
            one.target,
            dict(one.model_extra or {}),
            one.unit,
            one.per,
            one.of,
            user_source([one.target]),
        )
        for name, one in named.items()
    ]
