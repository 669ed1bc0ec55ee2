"""A synthetic study on disk whose errors are known by construction, for tests of error tracing.

A frame's force error increases with `distance`, not with `chance`; that of oxygen is twice that of
hydrogen. The energy error is autocorrelated noise, with a larger amplitude for few training
samples; for narrow windows a bias is added in one stretch of time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.evidence.schema import Field, write_table

PARTITION = "last_tenth"
FRAMES = 400
BIASED = slice(120, 180)
BIAS = -4.0
AMPLITUDE = 1.6
"""Ratio of the energy errors with 200 and 1,000 training samples."""
TRACE = {
    "trace": {
        "response": ["force_mae", "energy_error"],
        "bias": "energy_error",
        "along": "time",
        "across": ["window", "subset.count"],
    }
}
KEYS = [
    Field("point", "string", role="key"),
    Field("partition", "string", role="key"),
    Field("sample_id", "int64", role="key"),
]
SAMPLES = [
    *KEYS,
    Field("seen_in_training", "bool", role="feature"),
    Field("time", "float64", "ps", "frame", role="feature", describe="time of the frame"),
    Field("distance", "float64", "Å", "frame", role="feature", describe="distance to training"),
    Field("copy", "float64", "Å", "frame", role="feature", describe="the distance again"),
    Field("chance", "float64", "", "frame", role="feature", describe="noise"),
    Field("kind", "int64", "", "frame", role="feature", describe="one of two kinds"),
    Field("energy_error", "float64", "meV", "frame", describe="predicted less reference"),
    Field("force_mae", "float64", "meV/Å", "component", describe="force MAE"),
]
BY_SPECIES = [
    *KEYS,
    Field("species", "string", role="key"),
    Field("num_atoms", "int64", role="weight"),
    Field("force_mae", "float64", "meV/Å", "component", describe="force MAE"),
]


@dataclass(frozen=True)
class MadePoint:
    """Settings of one run."""

    size: float = 0.9
    count: int = 1000
    seed: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "window.start": 0.0,
            "window.size": self.size,
            "subset.count": self.count,
            "seed": self.seed,
        }

    @property
    def point(self) -> str:
        return hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()[:12]

    @property
    def slug(self) -> str:
        return f"size{self.size:g}-count{self.count}-seed{self.seed}"


CORNERS = [MadePoint(0.3, 1000), MadePoint(0.9, 1000), MadePoint(0.9, 200)]
"""As in the paper's figure 5: a narrower window, and a smaller training set."""


def ar1(rng: np.random.Generator, count: int, memory: float) -> np.ndarray:
    """An AR(1) series of unit variance."""
    noise = rng.standard_normal(count) * np.sqrt(1 - memory**2)
    series = np.empty(count)
    series[0] = rng.standard_normal()
    for step in range(1, count):
        series[step] = memory * series[step - 1] + noise[step]
    return series


def write_traced_study(
    folder: Path,
    points: Sequence[MadePoint] = tuple(CORNERS),
    frames: int = FRAMES,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Write the run folders; return `folder`."""
    for made in points:
        _write_point(folder / made.slug, made, frames, TRACE if record is None else record)
    return folder


def _write_point(folder: Path, made: MadePoint, frames: int, record: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True)
    of_test, of_point = np.random.default_rng(1), np.random.default_rng(int(made.point, 16))
    distance = ar1(of_test, frames, 0.4)
    energy = ar1(of_point, frames, 0.3) * (AMPLITUDE if made.count < 1000 else 1.0)
    if made.size < 0.9:
        energy[BIASED] += BIAS
    force = 20 * np.exp(0.25 * distance + 0.1 * of_point.standard_normal(frames))
    keys = {"point": [made.point] * frames, "partition": [PARTITION] * frames}
    ids = 1000 + np.arange(frames)
    samples = polars.DataFrame(
        {
            **keys,
            "sample_id": ids,
            "seen_in_training": np.arange(frames) < 4,
            "time": 0.5 * np.arange(frames),
            "distance": distance,
            "copy": 2 * distance + 1e-3 * of_test.standard_normal(frames),
            "chance": of_test.standard_normal(frames),
            "kind": np.arange(frames) % 2,
            "energy_error": energy,
            "force_mae": force,
        }
    )
    species = polars.DataFrame(
        {
            **{name: values * 2 for name, values in keys.items()},
            "sample_id": np.tile(ids, 2),
            "species": ["O"] * frames + ["H"] * frames,
            "num_atoms": [1] * frames + [2] * frames,
            "force_mae": np.concatenate([1.5 * force, 0.75 * force]),
        }
    )
    write_table(folder / "samples.parquet", samples, SAMPLES)
    write_table(folder / "by_species.parquet", species, BY_SPECIES)
    metric = {"value": float(force.mean()), "unit": "meV/Å", "count": frames}
    (folder / "metrics.json").write_text(json.dumps({PARTITION: {"force_mae": metric}}))
    content = {
        "point": made.point,
        "slug": made.slug,
        "state": "complete",
        "study": "made_up_traces",
        "workload": "force_field",
        "settings": made.settings,
        "partitions": {
            "train": {"hash": "0", "count": made.count, "describe": "made-up"},
            PARTITION: {"hash": "1", "count": frames, "describe": "made-up"},
        },
        "data": {"hash": "0a1b", "describe": "made-up frames"},
        **record,
    }
    (folder / "run.json").write_text(json.dumps(content))
