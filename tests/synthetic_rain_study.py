"""A synthetic nowcasting study on disk, for tests that read evidence.

Most events decay. The net has random errors that are smaller than those of persistence and come
more from its source than from its motion; it predicts decay for all events.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.evidence.schema import Field, write_table

LEADS = np.arange(10, 201, 10)
THRESHOLDS = (16, 32, 64)
PARTITION = "held_out"
EVENTS = 60
PIXELS = 4096
KEYS = [
    Field("point", "string", role="key"),
    Field("partition", "string", role="key"),
    Field("sample_id", "int64", role="key"),
]
UNITS = {"mae": "mm/h", "displacement": "km"}


@dataclass(frozen=True)
class MadeRain:
    """Settings of one synthetic run."""

    model: str = "nowcastnet"
    seed: int = 0
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return {"model.name": self.model, "seed": self.seed, **self.others}

    @property
    def point(self) -> str:
        return hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()[:12]

    @property
    def slug(self) -> str:
        return f"{self.model}-seed{self.seed}"

    @property
    def knows_motion(self) -> bool:
        return self.model == "nowcastnet"


STUDY = [MadeRain("persistence"), MadeRain("nowcastnet", 0), MadeRain("nowcastnet", 1)]


def write_rain_study(
    folder: Path,
    made: Sequence[MadeRain] = tuple(STUDY),
    events: int = EVENTS,
    partitions: Sequence[str] = (PARTITION,),
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Write the folders of a study's runs; return `folder`."""
    for point in made:
        rows = polars.concat(by_lead(point, events, partition) for partition in partitions)
        write_rain_point(folder / f"{point.slug}-{point.point}", point, rows, record or {})
    return folder


def write_rain_point(
    folder: Path, made: MadeRain, rows: polars.DataFrame, record: Mapping[str, Any]
) -> None:
    """Write one run with these rows of `by_lead`."""
    folder.mkdir(parents=True)
    partitions = {
        name: {"hash": name, "count": part["sample_id"].n_unique(), "describe": f"made-up {name}"}
        for (name,), part in rows.group_by("partition", maintain_order=True)
    }
    (folder / "run.json").write_text(
        json.dumps(
            {
                "point": made.point,
                "state": "complete",
                "study": "made_up_rain",
                "workload": "nowcasting",
                "slug": made.slug,
                "settings": made.settings,
                "headline": [],
                "partitions": partitions,
                "data": {"hash": "0a1b2c3d", "describe": "made-up rain"},
                "versions": {},
                "hardware": {},
                "seconds": {"total": 1.0},
                **record,
            }
        )
    )
    (folder / "metrics.json").write_text(
        json.dumps(
            {
                name: {"mae": {"value": float(part["mae"].mean()), "unit": "mm/h", "per": "pixel"}}
                for (name,), part in rows.group_by("partition", maintain_order=True)
            }
        )
    )
    samples = rows.group_by("point", "partition", "sample_id", maintain_order=True).agg(
        polars.col("mae").mean(), mean_intensity=polars.col("observed_rate").mean()
    )
    feature = Field("mean_intensity", "float64", "mm/h", role="feature")
    write_table(folder / "samples.parquet", samples, [*KEYS, Field("mae", "float64"), feature])
    statistics = [
        Field(name, "float64", UNITS.get(name, ""), describe=f"made-up {name}")
        for name in rows.columns[len(KEYS) + 1 :]
    ]
    lead = Field("lead", "int64", role="key")
    write_table(folder / "by_lead.parquet", rows, [*KEYS, lead, *statistics])


def by_lead(made: MadeRain, events: int, partition: str = PARTITION) -> polars.DataFrame:
    """Return one row per event and lead time."""
    of_data = np.random.default_rng(len(partition))
    of_point = np.random.default_rng(int(made.point, 16))
    shape = events, len(LEADS)
    hours = LEADS / 60
    intensity = of_data.lognormal(-0.5, 0.7, events)[:, None]
    slope = of_data.normal(-0.2, 0.18, events)[:, None]
    observed = intensity * np.exp(slope * hours) * of_data.normal(1, 0.01, shape)
    is_persistence = made.model == "persistence"
    predicted = (
        np.broadcast_to(observed[:, :1], shape) * 0.999
        if is_persistence
        else observed[:, :1] * np.exp(-0.25 * hours) * of_point.normal(1, 0.01, shape)
    )
    hardness = 1.0 if is_persistence else 0.7
    noise = of_point.lognormal(0, 0.08, shape)
    mae = hardness * intensity * (0.4 + 0.05 * hours) * noise
    active = hardness * (9 + 1.2 * hours) * of_data.normal(1, 0.1, (events, 1)) * noise
    active[0, -4:] = np.nan  # an event that decays below 5 mm/h
    place = of_point.normal(0, 6 * hardness, (2, *shape)) * np.sqrt(hours)
    columns = {
        "mae": mae,
        "active_area_mae": active,
        "union_area_mae": active * 0.9,
        "displacement_x": place[0],
        "displacement_y": place[1],
        "displacement": np.hypot(*place),
        "observed_rate": observed,
        "predicted_rate": predicted,
        "valid_pixels": np.full(shape, float(PIXELS)),
        "active_pixels": np.round(100 * observed),
    }
    for threshold in THRESHOLDS:
        relevant = of_data.poisson(250 * intensity / threshold, shape)
        share = np.exp(-(hours + (0.8 if is_persistence else 0)) * threshold / 24)
        hits = of_point.binomial(relevant, np.broadcast_to(share, shape)).astype(float)
        misses = of_point.binomial((relevant - hits).astype(int), 0.5).astype(float)
        with np.errstate(invalid="ignore"):
            columns[f"csi_{threshold}"] = hits / relevant
        columns[f"hits_{threshold}"] = hits
        columns[f"misses_{threshold}"] = misses
        columns[f"false_alarms_{threshold}"] = relevant - hits - misses
    if made.knows_motion:
        columns["motion_error"] = np.abs(of_point.normal(8, 2, shape))
        columns["source_error"] = 0.1 * intensity * noise
        columns["velocity_part"] = 0.4 * mae
        columns["source_part"] = 0.7 * mae * noise
        columns["scheme_part"] = 0.2 * mae
    keys = {
        "point": [made.point] * mae.size,
        "partition": [partition] * mae.size,
        "sample_id": np.repeat(np.arange(100, 100 + events), len(LEADS)),
        "lead": np.tile(LEADS, events),
    }
    return polars.DataFrame(keys | {name: values.ravel() for name, values in columns.items()})


def write_draws(folder: Path, made: MadeRain, draws: int, events: int = 10) -> np.ndarray:
    """Add `by_draw.parquet` to a run; return its MAE `(events, draws, leads)`."""
    rng = np.random.default_rng(5)
    mean = rng.uniform(0.5, 3, (events, 1, 1))
    mae = mean * rng.normal(1, 0.01, (events, draws, len(LEADS)))
    distance = 10 * mean * rng.lognormal(0, 0.2, mae.shape)
    distance[2, 1, 5] = 900.0  # far out
    number, lead = np.meshgrid(np.arange(draws), LEADS, indexing="ij")
    size = draws * len(LEADS)
    rows = polars.DataFrame(
        {
            "point": [made.point] * events * size,
            "partition": ["ten_events"] * events * size,
            "sample_id": np.repeat(np.arange(events), size),
            "draw": np.tile(np.arange(size), events),
            "number": np.tile(number.ravel(), events),
            "lead": np.tile(lead.ravel(), events),
            "mae": mae.ravel(),
            "displacement": distance.ravel(),
        }
    )
    whole = [Field(name, "int64", role="key") for name in ("draw", "number", "lead")]
    scores = [Field("mae", "float64", "mm/h"), Field("displacement", "float64", "km")]
    write_table(folder / "by_draw.parquet", rows, [*KEYS, *whole, *scores])
    return mae


def write_shifts(folder: Path, made: MadeRain, events: int = 30) -> np.ndarray:
    """Add `by_shift.parquet` to a run; return its MAE `(events, shifts)`."""
    shifts = np.array([0, 4, 8, 16, 32, 64])
    mae = np.random.default_rng(6).uniform(1, 2, (events, 1)) * (1 - np.exp(-shifts / 10))
    rows = polars.DataFrame(
        {
            "point": [made.point] * mae.size,
            "partition": [PARTITION] * mae.size,
            "sample_id": np.repeat(np.arange(events), len(shifts)),
            "shift": np.tile(shifts, events),
            "mae": mae.ravel(),
            "displacement": np.tile(shifts, events).astype(float),
        }
    )
    scores = [Field("mae", "float64", "mm/h"), Field("displacement", "float64", "km")]
    write_table(
        folder / "by_shift.parquet", rows, [*KEYS, Field("shift", "int64", role="key"), *scores]
    )
    return mae
