"""nequip-train on the task, with its rMD17 data module or with its fastest data set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from benchmarks.force_field.task import (
    ADAM,
    EMA_DECAY,
    ENERGY_WEIGHT,
    FORCE_WEIGHT,
    R_MAX,
    SEED,
    Frames,
    Task,
    load_frames,
    model_arguments,
)


def rmd17_module_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """nequip-train with `rMD17DataModule`, which re-reads the npz file for every frame."""
    frames = load_frames(task)
    source = folder / "rmd17" / "npz_data"
    source.mkdir(parents=True)
    # the module looks here before it downloads; the names are those of the archive
    (source / f"rmd17_{task.molecule}.npz").symlink_to(Path(task.file).resolve())
    data = {
        "_target_": "nequip.data.datamodule.rMD17DataModule",
        "dataset": task.molecule,
        "data_source_dir": str(folder),
        "transforms": _transforms(frames),
        "subset_len": task.num_frames + 2,  # the module requires validation and test frames
        "train_val_test_split": [task.num_frames, 1, 1],
    }
    return _command(task, frames, data, folder, times_file)


def lmdb_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """nequip-train with `NequIPLMDBDataset`: frames as pickled tensors."""
    frames = load_frames(task)
    database = folder / "frames.lmdb"
    _write_lmdb(frames, database)
    dataset = {
        "_target_": "nequip.data.dataset.NequIPLMDBDataset",
        "file_path": str(database),
        "transforms": _transforms(frames),
    }
    data = {
        "_target_": "nequip.data.datamodule.NequIPDataModule",
        "train_dataset": dataset,
        "val_dataset": dataset,  # required, although there is no validation
    }
    return _command(task, frames, data, folder, times_file)


def _transforms(frames: Frames) -> list[dict[str, Any]]:
    package = "nequip.data.transforms"
    return [
        {
            "_target_": f"{package}.ChemicalSpeciesToAtomTypeMapper",
            "model_type_names": frames.type_names,
        },
        {"_target_": f"{package}.NeighborListTransform", "r_max": R_MAX},
    ]


def _write_lmdb(frames: Frames, path: Path) -> None:
    from nequip.data import from_dict
    from nequip.data.dataset import NequIPLMDBDataset
    from nequip.utils import torch_default_dtype

    def atomic_data() -> Iterator[dict[str, torch.Tensor]]:
        for positions, energy, forces in zip(
            frames.positions, frames.energies, frames.forces, strict=True
        ):
            yield from_dict(
                {
                    "pos": positions,
                    "atomic_numbers": frames.atomic_numbers,
                    "total_energy": energy,
                    "forces": forces,
                }
            )

    with torch_default_dtype(torch.float64):  # as nequip-train stores its data
        NequIPLMDBDataset.save_from_iterator(str(path), atomic_data(), map_size=2**30)


def _command(
    task: Task, frames: Frames, data: dict[str, Any], folder: Path, times_file: Path
) -> list[str]:
    OmegaConf.save(_config(task, frames, data, times_file), folder / "config.yaml")
    return [
        *(sys.executable, "-m", "nequip.scripts.train"),
        *("--config-path", str(folder), "--config-name", "config"),
        f"hydra.run.dir={folder / 'hydra'}",
    ]


def _config(task: Task, frames: Frames, data: dict[str, Any], times_file: Path) -> dict[str, Any]:
    """A config of nequip-train without overhead between steps."""
    return {
        "run": ["train"],
        "data": {
            **data,
            "seed": SEED,
            "train_dataloader": {"batch_size": task.batch_size, "shuffle": True, "num_workers": 0},
            "val_dataloader": {"batch_size": task.batch_size},
        },
        "trainer": {
            "_target_": "lightning.Trainer",
            "accelerator": "gpu" if task.device == "cuda" else "cpu",
            "devices": 1,
            "precision": task.precision,
            "max_steps": task.total_steps,
            "limit_val_batches": 0,
            "num_sanity_val_steps": 0,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": [
                {
                    "_target_": "benchmarks.step_timer.StepTimer",
                    "path": str(times_file),
                    "warm_up_steps": task.warm_up_steps,
                    "total_steps": task.total_steps,
                }
            ],
        },
        "training_module": {
            "_target_": "nequip.train.EMALightningModule",
            "ema_decay": EMA_DECAY,
            "loss": {
                "_target_": "nequip.train.EnergyForceLoss",
                "per_atom_energy": False,
                "coeffs": {"total_energy": ENERGY_WEIGHT, "forces": FORCE_WEIGHT},
            },
            "val_metrics": {
                "_target_": "nequip.train.EnergyForceMetrics",
                "coeffs": {"forces_mae": 1.0},
            },
            "optimizer": {"_target_": "torch.optim.Adam", **ADAM},
            "lr_scheduler": {
                "scheduler": {
                    "_target_": "torch.optim.lr_scheduler.PolynomialLR",
                    "total_iters": task.total_steps,
                },
                "interval": "step",
            },
            "model": {"_target_": "nequip.model.NequIPGNNModel", **model_arguments(task, frames)},
        },
    }
