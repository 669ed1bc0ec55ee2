"""A synthetic force-field study on disk, for tests that read evidence.

Its errors are random, of the size of aspirin's, with the structure in the paper: a period that
narrow windows miss, and a spike at the start of the test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.evidence.schema import Field, write_table

SPECIES = ["C"] * 9 + ["O"] * 4 + ["H"] * 8
FACTOR = {"H": 0.72, "C": 1.28, "O": 1.05}
FRAMES = 9633
PARTITION = "last_tenth"
FIGURES = [
    f"saibench.figures.{name}"
    for name in (
        "force_field.force_error_by_size",
        "force_field.windows",
        "force_field.window_similarity",
        "force_field.energy_error_over_time",
        "force_field.energy_against_force",
    )
]

KEYS = [
    Field("point", "string", role="key", describe="hash of the point"),
    Field("partition", "string", role="key", describe="what was tested on"),
    Field("sample_id", "int64", role="key", describe="the frame"),
]
FORCE = [
    Field("force_mae", "float64", "meV/Å", "component", describe="force MAE"),
    Field("force_error_norm", "float64", "meV/Å", "atom", describe="length of the force error"),
]
SAMPLES = [
    *KEYS,
    Field("time", "float64", "ps", role="feature", describe="time in the trajectory"),
    Field("seen_in_training", "bool", role="feature", describe="whether it was trained on"),
    *(
        Field(name, "float64", role="feature", describe="SOAP similarity")
        for name in (
            "soap_similarity",
            "soap_similarity_centred",
            "soap_similarity_window",
            "soap_similarity_window_centred",
        )
    ),
    Field("energy_error", "float64", "meV", "frame", describe="predicted less reference"),
    Field("energy_error_per_atom", "float64", "meV/atom", "frame", describe="the same an atom"),
    *FORCE,
]
BY_SPECIES = [
    *KEYS,
    Field("species", "string", role="key", describe="chemical element"),
    Field("num_atoms", "int64", role="weight", describe="atoms of the species"),
    *FORCE,
]
BY_ATOM = [
    *KEYS,
    Field("atom", "int64", role="key", describe="position of the atom in the molecule"),
    Field("species", "string", role="key", describe="chemical element"),
    *FORCE,
]


@dataclass(frozen=True)
class Made:
    """Settings of one synthetic run; `size` None means up to the test."""

    start: float = 0.0
    size: float | None = None
    count: int = 1000
    seed: int = 0
    state: str = "complete"
    cause: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "data.name": "aspirin",
            "model.name": "nequip_small",
            "window.start": self.start,
            "window.size": self.size,
            "subset.count": self.count,
            "seed": self.seed,
            "trainer.max_time": "00:00:30:00",
        }

    @property
    def point(self) -> str:
        return hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()[:12]

    @property
    def slug(self) -> str:
        size = "" if self.size is None else f"-size{self.size:g}"
        return f"start{self.start:g}{size}-count{self.count}-seed{self.seed}"


WINDOWS = [
    Made(start, size)
    for start in (0.0, 0.15, 0.3, 0.45, 0.6)
    for size in (0.3, 0.45, 0.6, 0.75, 0.9)
    if start + size <= 0.9 + 1e-9
]
SIZES = [
    Made(size=0.9, count=count, seed=seed)
    for count in (200, 400, 600, 800, 1000)
    for seed in (0, 1, 2)
    if (count, seed) != (1000, 0)
]
WITHOUT_RESULTS = [
    Made(size=0.9, count=400, seed=3, state="failed", cause="loss became NaN at step 1,204"),
    Made(
        size=0.9,
        count=15_000,
        state="not_applicable",
        cause="subset.count=15000 of 8669 frames in the window",
    ),
]
STUDY = [*WINDOWS, *SIZES, *WITHOUT_RESULTS]


def write_study(
    folder: Path,
    made: Sequence[Made] = tuple(STUDY),
    frames: int = 964,
    figures: Sequence[str] = tuple(FIGURES),
) -> Path:
    """Write the folders of a study's runs; return `folder`."""
    for point in made:
        write_point(folder / f"{point.slug}-{point.point}", point, frames, figures)
    return folder


def write_point(
    folder: Path, made: Made, frames: int = 964, figures: Sequence[str] = tuple(FIGURES)
) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(_record(made, frames, figures), indent=1))
    if made.state != "complete":
        return
    samples, by_species, by_atom = _tables(made, frames)
    write_table(folder / "samples.parquet", samples, SAMPLES)
    write_table(folder / "by_species.parquet", by_species, BY_SPECIES)
    write_table(folder / "by_atom.parquet", by_atom, BY_ATOM)
    (folder / "metrics.json").write_text(json.dumps(_metrics(samples, by_species)))


def ar1(rng: np.random.Generator, count: int, memory: float = 0.7) -> np.ndarray:
    """Return an AR(1) series of unit variance, `(count,)`."""
    noise = rng.standard_normal(count) * np.sqrt(1 - memory**2)
    series = np.empty(count)
    series[0] = rng.standard_normal()
    for step in range(1, count):
        series[step] = memory * series[step - 1] + noise[step]
    return series


def _tables(made: Made, frames: int) -> tuple[polars.DataFrame, ...]:
    of_test = np.random.default_rng(0)
    of_point = np.random.default_rng(int(made.point, 16))
    hard = ar1(of_test, frames)
    position = np.linspace(0, 1, frames)
    end = 0.9 if made.size is None else made.start + made.size
    width = end - made.start
    recurrence = 0.5 * np.cos(4 * np.pi * (made.start + width / 2)) + 0.6 * width

    level = 31 * (made.count / 1000) ** -0.42 * (0.9 / width) ** 0.35 * (1.12 - 0.12 * recurrence)
    missed = np.exp(-(((position - 0.55) / 0.06) ** 2)) * (0.9 - width)
    of_frame = level * np.exp(0.18 * hard + 0.05 * of_point.standard_normal(frames) + missed)
    factor = np.array([FACTOR[species] for species in SPECIES])
    of_atom = of_frame[:, None] * factor * of_point.gamma(9, 1 / 9, (frames, len(SPECIES)))
    norm = of_atom * of_point.normal(1.85, 0.05, of_atom.shape)

    spike = 9 * np.exp(-position / 0.006)
    energy = level * (0.35 * ar1(of_point, frames, 0.8) - 3.2 * missed - 0.35 * spike)
    similarity = 0.99848 + 0.00008 * recurrence + 0.0003 * hard
    of_window = np.random.default_rng(round(1000 * (made.start + 10 * end)))
    similarity += 0.00015 * ar1(of_window, frames) / np.sqrt(width)
    keys = {"point": made.point, "partition": PARTITION}
    ids = np.arange(FRAMES - frames, FRAMES)
    samples = polars.DataFrame(
        {
            "sample_id": ids,
            "time": ids * 0.011,
            "seen_in_training": np.zeros(frames, bool),
            "soap_similarity": similarity + 1e-6 * made.seed,
            "soap_similarity_centred": 200 * (similarity - 0.99848) + 1e-4 * made.seed,
            "soap_similarity_window": similarity,
            "soap_similarity_window_centred": 200 * (similarity - 0.99848),
            "energy_error": energy,
            "energy_error_per_atom": energy / len(SPECIES),
            "force_mae": of_atom.mean(axis=1),
            "force_error_norm": norm.mean(axis=1),
        }
    ).with_columns(**{name: polars.lit(value) for name, value in keys.items()})
    by_atom = polars.DataFrame(
        {
            "sample_id": np.repeat(ids, len(SPECIES)),
            "atom": np.tile(np.arange(len(SPECIES)), frames),
            "species": SPECIES * frames,
            "force_mae": of_atom.ravel(),
            "force_error_norm": norm.ravel(),
        }
    ).with_columns(**{name: polars.lit(value) for name, value in keys.items()})
    of_species = by_atom.group_by(
        "point", "partition", "sample_id", "species", maintain_order=True
    ).agg(polars.len().cast(polars.Int64).alias("num_atoms"), polars.col("^force_.*$").mean())
    return samples, of_species, by_atom


def _metrics(samples: polars.DataFrame, by_species: polars.DataFrame) -> dict[str, Any]:
    def metric(value: float, unit: str, per: str) -> dict[str, Any]:
        return {"value": value, "unit": unit, "per": per, "count": samples.height}

    energy = samples["energy_error"]
    metrics = {
        "energy_mae": metric(energy.abs().mean(), "meV", "frame"),
        "energy_bias": metric(energy.mean(), "meV", "frame"),
        "energy_mae_per_atom": metric(
            samples["energy_error_per_atom"].abs().mean(), "meV/atom", "frame"
        ),
        "force_mae": metric(samples["force_mae"].mean(), "meV/Å", "component"),
    }
    for species in ("C", "O", "H"):
        mean = by_species.filter(polars.col("species") == species)["force_mae"].mean()
        metrics[f"force_mae_{species}"] = metric(mean, "meV/Å", "component")
    return {PARTITION: metrics}


def _record(made: Made, frames: int, figures: Sequence[str]) -> dict[str, Any]:
    end = 0.9 if made.size is None else made.start + made.size
    failure = {"cause": made.cause, "traceback": "Traceback …"} if made.cause else None
    window = f"samples from {made.start:.0%} to {end:.0%} in order of time"
    return {
        "point": made.point,
        "state": made.state,
        "study": "made_up_study",
        "workload": "force_field",
        "slug": made.slug,
        "settings": made.settings,
        "figures": list(figures),
        "headline": ["force_mae", "energy_mae_per_atom"],
        "partitions": {}
        if made.state == "not_applicable"
        else {
            "train": {
                "hash": "a1b2c3d4e5f6",
                "count": made.count,
                "describe": f"{window}, then {made.count} of them",
            },
            "validation": {"hash": "0f1e2d3c4b5a", "count": 50, "describe": "50 more of them"},
            PARTITION: {
                "hash": "5a4b3c2d1e0f",
                "count": frames,
                "describe": "the last 10 % of the samples in order of time",
            },
        },
        "data": {"hash": "9d8c7b6a5f4e", "describe": "made-up aspirin, 9,633 frames"},
        "versions": {"python": "3.11.7", "saibench": "0.1.0", "torch": "2.13.0"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "hardware": {"cpu": "made-up CPU", "devices": 1},
        "seconds": {"prepare": 2.5, "train": 1800.0, "test": 11.0, "total": 1815.0},
        "steps": 7500,
        "wandb": {"id": "abc123", "url": None},
        "command": "python train.py -m +sweeps=force_field/made_up",
        "failure": failure,
        "started": "2024-01-01T00:00:00+00:00",
        "ended": "2024-01-01T00:30:15+00:00",
    }
