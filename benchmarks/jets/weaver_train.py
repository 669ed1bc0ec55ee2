"""weaver's training loop on the task, from the same jets in Parquet files.

Files and data config are those of github.com/jet-universe/particle_transformer for TopLandscape:
Δη and Δφ are stored, the other features are computed during reading.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.jets import weaver_network
from benchmarks.jets.task import MAX_CONSTITUENTS, RANGER, Task, load_jets


def weaver_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """`weaver`, reading from Parquet as it trains."""
    return _command(task, folder, times_file, [])


def weaver_in_memory_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """`weaver --in-memory`, which reads and computes the features once."""
    return _command(task, folder, times_file, ["--in-memory"])


def _command(task: Task, folder: Path, times_file: Path, options: list[str]) -> list[str]:
    task.save(folder / "task.json")
    write_parquet(task.folder, folder / "train.parquet")
    (folder / "data.yaml").write_text(yaml.safe_dump(data_config(), sort_keys=False))
    mixed = ["--use-amp", "--amp-dtype", "bf16"] if task.mixed else []
    return [
        *(sys.executable, "-m", "weaver.train", "--run-mode", "train"),
        *("--data-train", str(folder / "train.parquet")),
        *("--data-config", str(folder / "data.yaml")),
        *("--network-config", str(weaver_network.__file__)),
        *("--network-option", "task_file", repr(str(folder / "task.json"))),
        *("--network-option", "times_file", repr(str(times_file))),
        *("--batch-size", str(task.batch_size), "--num-epochs", "1"),
        # one more, as a step ends when the next one begins
        *("--steps-per-epoch", str(task.total_steps + 1)),
        *("--start-lr", str(RANGER["lr"]), "--optimizer", "ranger"),
        *("--optimizer-option", "weight_decay", str(RANGER["weight_decay"])),
        # complete files: weaver 0.5.3 cannot stack the features of a part of one
        *("--data-val", str(folder / "train.parquet"), "--samples-per-epoch-val", "1"),
        *("--fetch-step", "1", "--fetch-step-val", "1", "--num-workers", "0"),
        *("--gpus", "0" if task.device == "cuda" else "", "--model-prefix", str(folder / "net")),
        *mixed,
        *options,
    ]


def write_parquet(source: str, path: Path) -> None:
    """Write the jets in weaver's format: ragged columns of constituents, and columns of jets."""
    import awkward

    momenta, label = load_jets(source)
    mask = momenta[..., 0] > 0
    energy, px, py, pz = np.moveaxis(momenta.astype(np.float64), -1, 0)
    jet = momenta.astype(np.float64).sum(axis=1)
    jet_pt = np.hypot(jet[:, 1], jet[:, 2])
    jet_eta, jet_phi = np.arcsinh(jet[:, 3] / jet_pt), np.arctan2(jet[:, 2], jet[:, 1])
    pt = np.where(mask, np.hypot(px, py), 1.0)
    sign = np.where(jet_eta < 0, -1, 1)[:, None]
    columns = {
        "part_px": px,
        "part_py": py,
        "part_pz": pz,
        "part_energy": energy,
        "part_deta": (np.arcsinh(pz / pt) - jet_eta[:, None]) * sign,
        "part_dphi": (np.arctan2(py, px) - jet_phi[:, None] + np.pi) % (2 * np.pi) - np.pi,
    }
    counts = mask.sum(axis=1)
    ragged = {
        name: awkward.unflatten(values[mask].astype(np.float32), counts)
        for name, values in columns.items()
    }
    whole = {"jet_pt": jet_pt, "jet_energy": jet[:, 0], "jet_isTop": label, "jet_isQCD": 1 - label}
    contiguous = {name: np.ascontiguousarray(values) for name, values in whole.items()}
    awkward.to_parquet(awkward.Array({**ragged, **contiguous}), path, compression="LZ4")


def data_config() -> dict[str, Any]:
    """The authors' TopLandscape/top_kin.yaml, with space for every constituent."""

    def group(*names: list[Any]) -> dict[str, Any]:
        return {"length": MAX_CONSTITUENTS, "pad_mode": "constant", "vars": list(names)}

    return {
        "treename": None,
        "new_variables": {
            "part_mask": "ak.ones_like(part_deta)",
            "part_pt": "np.hypot(part_px, part_py)",
            "part_pt_log": "np.log(part_pt)",
            "part_e_log": "np.log(part_energy)",
            "part_logptrel": "np.log(part_pt/jet_pt)",
            "part_logerel": "np.log(part_energy/jet_energy)",
            "part_deltaR": "np.hypot(part_deta, part_dphi)",
        },
        "preprocess": {"method": "manual", "data_fraction": None},
        "inputs": {
            "pf_points": group(["part_deta", None], ["part_dphi", None]),
            "pf_features": group(
                ["part_pt_log", 1.7, 0.7],
                ["part_e_log", 2.0, 0.7],
                ["part_logptrel", -4.7, 0.7],
                ["part_logerel", -4.7, 0.7],
                ["part_deltaR", 0.2, 4.0],
                ["part_deta", None],
                ["part_dphi", None],
            ),
            "pf_vectors": group(
                *([name, None] for name in ("part_px", "part_py", "part_pz", "part_energy"))
            ),
            "pf_mask": group(["part_mask", None]),
        },
        "labels": {"type": "simple", "value": ["jet_isTop", "jet_isQCD"]},
        "observers": [],
    }
