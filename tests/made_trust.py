"""Synthetic errors that depend on a feature, alone or as a study on disk.

Feature and noise of a block's samples correlate; the noise grows with the feature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.evidence.schema import AFTER, BEFORE, Field, write_table

PARTITION = "last_tenth"
SAMPLES = [
    Field("point", "string", role="key"),
    Field("partition", "string", role="key"),
    Field("sample_id", "int64", role="key"),
    Field("seen_in_training", "bool", role="feature"),
    Field("time", "float64", "ps", "frame", role="feature", describe="time of the frame"),
    Field("distance", "float64", "Å", "frame", "feature", "distance to training", known=BEFORE),
    Field(
        "chance", "float64", "", "frame", role="feature", describe="a feature without information"
    ),
    Field("outcome", "float64", "", "frame", "feature", "known only after the test", known=AFTER),
    Field("force_mae", "float64", "meV/Å", "component", describe="force MAE"),
    Field("right", "float64", "", "frame", describe="1 for a correct prediction"),
]
BY_LEAD = [
    *SAMPLES[:3],
    Field("lead", "int64", role="key"),
    Field("mae", "float64", "mm/h", "pixel", describe="mean absolute error"),
]


def blocks_of_errors(
    rng: np.random.Generator, num_blocks: int, size: int = 20, memory: float = 0.6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Feature, error and block of `num_blocks · size` samples."""
    shape = num_blocks, size
    feature = rng.uniform(0, 1, (num_blocks, 1)) + rng.normal(0, 0.15, shape)
    feature = np.clip(feature, 0, 1)
    noise = memory * rng.standard_normal((num_blocks, 1))
    noise = noise + np.sqrt(1 - memory**2) * rng.standard_normal(shape)
    error = (1 + 3 * feature**2) * np.exp(0.4 * (0.3 + feature) * noise)
    return feature.ravel(), error.ravel(), np.repeat(np.arange(num_blocks), size)


def write_trust_study(
    folder: Path,
    points: Sequence[str] = ("near", "far"),
    num_blocks: int = 100,
    size: int = 10,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Runs of one study, tested on the same frames; `far` is further from its training frames."""
    for number, name in enumerate(points):
        write_trust_point(folder / name, name, number, num_blocks, size, record or {})
    return folder


def write_trust_point(
    folder: Path, name: str, number: int, num_blocks: int, size: int, record: Mapping[str, Any]
) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(100 + number)
    distance, error, _ = blocks_of_errors(rng, num_blocks, size)
    count = num_blocks * size
    point = hashlib.sha256(name.encode()).hexdigest()[:12]
    samples = polars.DataFrame(
        {
            "point": [point] * count,
            "partition": [PARTITION] * count,
            "sample_id": 1000 + np.arange(count),
            "seen_in_training": np.arange(count) < 7,
            "time": 0.5 * np.arange(count),
            "distance": distance + 0.5 * number,
            "chance": np.random.default_rng(9).uniform(size=count),
            "outcome": error,
            "force_mae": np.where(np.arange(count) == 11, np.nan, 20 * error * (1 + number)),
            "right": (error < 2).astype(float),
        }
    )
    write_table(folder / "samples.parquet", samples, SAMPLES)
    leads = samples.select("point", "partition", "sample_id").join(
        polars.DataFrame({"lead": [10, 20]}, schema={"lead": polars.Int64}), how="cross"
    )
    mae = np.repeat(error, 2) * np.tile([1.0, 2.0], count)
    write_table(folder / "by_lead.parquet", leads.with_columns(mae=mae), BY_LEAD)
    metric = {"value": float(samples["force_mae"].mean()), "unit": "meV/Å", "count": count}
    (folder / "metrics.json").write_text(json.dumps({PARTITION: {"force_mae": metric}}))
    (folder / "run.json").write_text(
        json.dumps(
            {
                "point": point,
                "slug": name,
                "state": "complete",
                "study": "made_up_trust",
                "workload": "force_field",
                "settings": {"data.name": "made", "window.start": 0.1 * number, "seed": 0},
                "partitions": {PARTITION: {"hash": "1", "count": count, "describe": "made-up"}},
                "data": {"hash": "0a1b", "describe": "made-up frames"},
                **record,
            }
        )
    )
