"""The settings of a trusted range: given ones, else those of the study's workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saibench.errors import UserError, refuse_repeated
from saibench.evidence.reader import StudyEvidence

OF_STATISTIC = ("tolerance", "ideal", "mean_of")
"""Settings that make sense for one statistic only."""


@dataclass(frozen=True)
class TrustConfig:
    """What a range is fitted to; `trust_config` fills it from the workload's own `trust`.

    Args:
        statistic: a column of the samples, `force_mae`, or of an axis, `lead/mae`.
        features: columns of the same table or of the samples, or numeric settings of the runs,
            such as `window_end` or `train_count`.
        tolerance: largest accepted error.
        coverage: of the bound.
        ideal: the statistic's value without error (1 for `correct`); the error is the distance
            from it.
        mean_of: number of samples with a similar first feature whose errors are averaged, for
            statistics that are 0 or 1.
        num_blocks: by default as many as are independent (see `sample_blocks`).
        partitions: by default the workload's if all runs were tested on them, else the held-out
            one, or the first if no run was tested on it.
        from_card: whether the features are the workload's, of which those that the evidence lacks
            are skipped, and not named by the user.
    """

    statistic: str
    features: tuple[str, ...]
    tolerance: float | None = None
    coverage: float = 0.9
    ideal: float = 0.0
    mean_of: int = 1
    num_blocks: int | None = None
    partitions: tuple[str, ...] | None = None
    from_card: bool = False


def trust_config(evidence: StudyEvidence, **given: Any) -> TrustConfig:
    """The given settings, else those that the runs' records have under `trust`.

    Raises:
        UserError: neither names the statistic or a feature, or a feature is named twice.
    """
    recorded: dict[str, Any] = next(
        (record["trust"] for record in evidence.records.values() if record.get("trust")), {}
    )
    given = {name: value for name, value in given.items() if value is not None}
    same = given.get("statistic", recorded.get("statistic")) == recorded.get("statistic")
    names = ("statistic", "coverage", *OF_STATISTIC) if same else ("coverage",)
    known = {name: recorded.get(name) for name in names}
    known |= {
        "features": recorded.get("feature"),
        "partitions": _tested(evidence, recorded),
        **given,
    }
    found = {name: value for name, value in known.items() if value is not None}
    for name, option in (("statistic", "--statistic"), ("features", "--feature")):
        if not found.get(name):
            raise UserError(
                f"{evidence.study} has no {name.removesuffix('s')} under workload.trust. "
                f"Use {option}."
            )
    features = found.pop("features")
    features = (features,) if isinstance(features, str) else tuple(features)
    refuse_repeated("feature", features)
    return TrustConfig(features=features, from_card=given.get("features") is None, **found)


def _tested(evidence: StudyEvidence, recorded: dict[str, Any]) -> tuple[str, ...] | None:
    """The recorded partitions if all runs were tested on them."""
    names = tuple(recorded.get("partitions") or ())
    tested = [set(names) <= set(metrics) for metrics in evidence.metrics.values()]
    return names if names and all(tested) else None
