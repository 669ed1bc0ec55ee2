"""A synthetic study of taggers on disk, for tests that read evidence.

Jets have a long-tailed energy. The separation of the taggers' random scores grows with the training
set, falls beyond its energies, and, with four-momenta as inputs, depends on the rotation angle.
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

from saibench.datamodules.jet_tagging.energy_bins import class_counts, energy_bin
from saibench.evidence.schema import Field, write_table

PARTITION, ROTATED = "held_out", "rotated"
ANGLES = tuple(range(0, 180, 15))
JETS = 3000
KEYS = [
    Field("point", "string", role="key"),
    Field("partition", "string", role="key"),
    Field("sample_id", "int64", role="key"),
]
UNITS = {"jet_energy": "GeV", "jet_pt": "GeV", "jet_mass": "GeV"}
SENSITIVITY = {"kinematic": 0.0, "raw": 0.5, "raw_no_pair": 0.8}
"""Change of the log-odds over angles, with the smallest training set."""


@dataclass(frozen=True)
class MadeTagger:
    """Settings of one synthetic run."""

    fraction: float | None = None
    features: str = "kinematic"
    bins: tuple[int, ...] | None = None
    seed: int = 0
    data: str = "simulated_jets"
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        source = {"simulated_jets": "SimulatedJets", "top_landscape": "TopLandscape"}[self.data]
        found = {
            "data._target_": f"saibench.datamodules.jet_tagging.{self.data}.{source}",
            "model.name": "particle_transformer_small",
            "model.net.features": self.features,
            "subset.count": None,
            "subset.fraction": self.fraction,
            "seed": self.seed,
            **self.others,
        }
        return found | ({} if self.bins is None else {"train_bins": list(self.bins)})

    @property
    def point(self) -> str:
        return hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()[:12]

    @property
    def train_count(self) -> int:
        return round(100_000 * (self.fraction or 1.0))

    @property
    def separation(self) -> float:
        """Return the separation of the classes' log-odds in units of their spread."""
        doublings = np.log2(self.train_count / 1000)
        gained = {"kinematic": 1.3 + 0.10 * doublings, "raw": 0.6 + 0.26 * doublings}
        return float(gained.get(self.features, 0.3 + 0.2 * doublings))


SIZES = [MadeTagger(fraction) for fraction in (0.01, 0.05, 0.2, 0.5, 1.0)]
PRIOR = [
    MadeTagger(fraction, features)
    for features in ("kinematic", "raw", "raw_no_pair")
    for fraction in (0.01, 0.2, 1.0)
]
RANGES = [MadeTagger(bins=tuple(range(last + 1))) for last in (0, 1, 2, 3, 7)]


def made_index(jets: int = JETS, data: str = "simulated_jets") -> dict[str, np.ndarray]:
    """Return the features of the jets; the share of top jets falls with the energy."""
    rng = np.random.default_rng(len(data))
    energy = np.minimum(550 + rng.exponential(420, jets), 2439)
    label = (rng.random(jets) < 0.62 - 0.05 * energy_bin(energy)).astype(np.int64)
    shift = 0.0 if data == "simulated_jets" else 0.2
    mass = np.where(label == 1, rng.normal(174, 15, jets), rng.gamma(4, 22, jets))
    constituents = rng.normal(np.where(label == 1, 70, 55) * (1 - shift), 12, jets)
    return {
        "label": label,
        "jet_energy": energy,
        "jet_pt": rng.uniform(550, 650, jets),
        "jet_eta": rng.uniform(-2, 2, jets),
        "jet_mass": mass,
        "num_constituents": np.maximum(5, constituents.round()).astype(np.int64),
    }


def made_logits(
    made: MadeTagger, index: Mapping[str, np.ndarray], angle: float = 0.0
) -> np.ndarray:
    """Return the log-odds of each jet, rotated by an angle in degrees."""
    jets = len(index["label"])
    of_jet = np.random.default_rng(7).normal(size=jets)
    own = np.random.default_rng(int(made.point, 16)).normal(size=jets)
    beyond = np.zeros(jets)
    if made.bins is not None:
        beyond = np.clip(energy_bin(index["jet_energy"]) - max(made.bins), 0, None)
    separation = made.separation - 0.045 * beyond**2
    logits = separation * (2 * index["label"] - 1) + 0.95 * of_jet + 0.3 * own
    weaker = np.log2(2 + made.train_count / 1000)
    turn = SENSITIVITY[made.features] / weaker
    phase = np.random.default_rng(9).uniform(0, 2 * np.pi, jets)
    wobble = np.cos(np.radians(2 * angle) + phase) - 0.8 * np.sin(np.radians(angle)) * (
        2 * index["label"] - 1
    )
    return 2 * (logits + turn * wobble)


def write_jet_study(
    folder: Path,
    made: Sequence[MadeTagger],
    jets: int = JETS,
    rotated: bool = False,
    record: Mapping[str, Any] | None = None,
    **columns: np.ndarray,
) -> Path:
    """Write the folders of a study's runs; return `folder`.

    Args:
        columns: columns of the index that replace synthetic ones.
    """
    for tagger in made:
        index = made_index(jets, tagger.data) | columns
        write_jet_point(folder / tagger.point, tagger, index, rotated, record or {})
    return folder


def write_jet_point(
    folder: Path,
    made: MadeTagger,
    index: Mapping[str, np.ndarray],
    rotated: bool = False,
    record: Mapping[str, Any] | None = None,
    logits: np.ndarray | None = None,
) -> None:
    """Write one run; `logits` replace the synthetic ones."""
    folder.mkdir(parents=True)
    jets = len(index["label"])
    given = made_logits(made, index) if logits is None else logits
    names = [PARTITION, ROTATED] if rotated else [PARTITION]
    tables = [_samples(made, index, given, name) for name in names]
    trained = made_index(made.train_count // 20)
    number = energy_bin(trained["jet_energy"])
    chosen = np.isin(number, made.bins or range(8))
    if made.bins:  # down to the size of the first bin
        share = (number == made.bins[0]).sum() / chosen.sum()
        chosen &= np.random.default_rng(0).random(len(chosen)) < share
    counts = class_counts(trained["jet_energy"][chosen], trained["label"][chosen])
    partitions = {
        name: {"hash": f"{name}-{made.data}-{jets}", "count": jets, "describe": f"made-up {name}"}
        for name in names
    }
    pool = class_counts(trained["jet_energy"], trained["label"])
    partitions["train"] = {"hash": "t", "count": made.train_count, "describe": "train", **counts}
    partitions["train"] |= {f"candidate_{name}": counted for name, counted in pool.items()}
    content = {
        "point": made.point,
        "state": "complete",
        "study": "made_up_jets",
        "workload": "jet_tagging",
        "slug": f"tagger-{made.point}",
        "settings": made.settings,
        "headline": [],
        "partitions": partitions,
        "data": {"hash": f"0a1b2c3d{made.data}", "describe": f"made-up {made.data}."},
        "versions": {},
        "hardware": {},
        "seconds": {"total": 1.0},
        **(record or {}),
    }
    (folder / "run.json").write_text(json.dumps(content))
    correct = (given > 0) == (index["label"] == 1)
    metric = {"accuracy": {"value": float(correct.mean()), "unit": "", "per": "jet"}}
    (folder / "metrics.json").write_text(json.dumps(dict.fromkeys(names, metric)))
    statistics = [Field(name, "float64") for name in ("score", "logit", "correct")]
    features = [
        Field(name, "int64" if values.dtype.kind == "i" else "float64", UNITS.get(name, ""),
              role="feature")
        for name, values in index.items()
    ]  # fmt: skip
    write_table(folder / "samples.parquet", polars.concat(tables), [*KEYS, *features, *statistics])
    if rotated:
        write_table(
            folder / "by_angle.parquet",
            _by_angle(made, index),
            [
                *KEYS,
                Field("angle", "int64", role="key"),
                Field("score", "float32"),
                Field("logit", "float32"),
            ],
        )


def _samples(
    made: MadeTagger, index: Mapping[str, np.ndarray], logits: np.ndarray, partition: str
) -> polars.DataFrame:
    jets = len(logits)
    return polars.DataFrame(
        {
            "point": [made.point] * jets,
            "partition": [partition] * jets,
            "sample_id": np.arange(500, 500 + jets),
            **index,
            "score": 1 / (1 + np.exp(-logits)),
            "logit": logits,
            "correct": ((logits > 0) == (index["label"] == 1)).astype(float),
        }
    )


def _by_angle(made: MadeTagger, index: Mapping[str, np.ndarray]) -> polars.DataFrame:
    jets = len(index["label"])
    logits = np.stack([made_logits(made, index, angle) for angle in ANGLES], axis=1)
    size = jets * len(ANGLES)
    return polars.DataFrame(
        {
            "point": [made.point] * size,
            "partition": [ROTATED] * size,
            "sample_id": np.repeat(np.arange(500, 500 + jets), len(ANGLES)),
            "angle": np.tile(ANGLES, jets),
            "score": (1 / (1 + np.exp(-logits))).astype(np.float32).ravel(),
            "logit": logits.astype(np.float32).ravel(),
        }
    )
