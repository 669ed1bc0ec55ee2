"""Frames with predictions that were made elsewhere have the evidence of the model itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import polars
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.data import chemical_symbols
from command_line import Ended, evaluate, saibench
from molecule_files import spring_frames, water_frames
from omegaconf import OmegaConf

from saibench.evidence.run_record import read_record
from saibench.imports.targets import build
from saibench.runs.point import BEST, load_point

pytestmark = pytest.mark.usefixtures("without_page")
CPU = ("--set", "trainer.accelerator=cpu", "trainer.progress=false")
PREFIXES = ("--reference-prefix", "REF_", "--prediction-prefix", "MACE_")


def imported(folder: Path, *arguments: str) -> Ended:
    return saibench(folder, "import", *arguments, *CPU)


def runs(study: Path) -> dict[str, Path]:
    """Folder of each run by the name of its model."""
    found = [path.parent for path in study.glob("*/run.json")]
    return {read_record(folder)["settings"]["model.name"]: folder for folder in found}


def write_exactly(path: Path, numbers: np.ndarray, frames: Sequence[dict[str, Any]]) -> None:
    """Extended XYZ with all digits, which ASE rounds to eight."""
    columns = "species:S:1:pos:R:3:REF_forces:R:3:MACE_forces:R:3"
    with path.open("w") as file:
        for frame in frames:
            file.write(f"{len(numbers)}\nProperties={columns} ")
            file.write(f"REF_energy={frame['REF_energy']!r} MACE_energy={frame['MACE_energy']!r}\n")
            rows = np.hstack([frame[name] for name in ("positions", "REF_forces", "MACE_forces")])
            for number, row in zip(numbers, rows, strict=True):
                file.write(f"{chemical_symbols[number]} {' '.join(map(repr, row.tolist()))}\n")


def predicted_frames(run: Path) -> tuple[np.ndarray, dict[str, list[dict[str, Any]]], np.ndarray]:
    """Atomic numbers, the frames of test and training with predictions, and the tested ids."""
    settings = OmegaConf.create(load_point(run).settings)
    data = build(settings.datamodule, "datamodule")
    module = build(settings.model, "model", dataset_info=data.dataset_info(), _recursive_=False)
    weights = torch.load(run / BEST, weights_only=True)["state_dict"]
    module.load_state_dict(weights)
    trajectory, found = data.trajectory, {}
    for name, partition in (("frames", data.tests["last_tenth"]), ("train", data.split[0])):
        energy, forces = module.eval()(data.batch_of(partition.rows, module.device))
        energy, forces = energy.detach().double().numpy(), forces.detach().numpy()
        found[name] = [
            {
                "positions": trajectory.positions[row],
                "REF_energy": float(trajectory.energies[row]),
                "REF_forces": trajectory.forces[row],
                "MACE_energy": float(energy[place]) + data.energy_mean,
                "MACE_forces": forces[place].astype(np.float64),
            }
            for place, row in enumerate(partition.rows)
        ]
    return trajectory.atomic_numbers, found, data.tests["last_tenth"].sample_ids


def test_evidence_is_that_of_the_model_itself(trained: Path, tmp_path: Path) -> None:
    numbers, frames, ids = predicted_frames(trained)
    for name, own in frames.items():
        write_exactly(tmp_path / f"{name}.xyz", numbers, own)
    ended = imported(
        tmp_path, "frames.xyz", *PREFIXES, "--training", "train.xyz", "-o", "outputs/mine"
    )
    assert ended.status == 0, ended.err
    run = runs(tmp_path / "outputs" / "mine")["MACE"]
    for table, keys in (
        ("samples", ["sample_id"]),
        ("by_species", ["sample_id", "species"]),
        ("by_atom", ["sample_id", "atom"]),
    ):
        own = polars.read_parquet(trained / f"{table}.parquet").filter(partition="last_tenth")
        new = polars.read_parquet(run / f"{table}.parquet")
        own, new = own.sort(keys), new.sort(keys)
        assert new["sample_id"].unique(maintain_order=True).to_list() == list(range(len(ids)))
        compared = {
            "samples": [
                *("predicted_energy", "energy_error", "energy_error_per_atom"),
                *("force_mae", "force_error_norm", "soap_distance"),
            ],
            "by_species": ["force_mae", "force_error_norm"],
            "by_atom": ["force_mae", "force_error_norm"],
        }[table]
        for name in compared:
            # total energies of 1e5 meV and more in double precision; SOAP is in single precision
            tolerance = {"abs": 1e-5} if "soap" in name else {"abs": 1e-7, "rel": 1e-6}
            np.testing.assert_allclose(
                new[name].to_numpy(),
                own[name].to_numpy(),
                rtol=tolerance.get("rel", 0),
                atol=tolerance["abs"],
                err_msg=name,
            )
    record = read_record(run)
    assert record["imported_from"]["forces"] == "MACE_forces [eV/Å]"
    assert record["seen_elsewhere"]["count"] == len(frames["train"])
    assert (run / "frames.npz").is_file(), "saved frames for the report"


def with_predictions(images: Sequence[Atoms], *models: str, noise: float = 0.05) -> list[Atoms]:
    """The frames with `REF_…` and, of each model, other errors."""
    random = np.random.default_rng(1)
    for image in images:
        energy, forces = (image.calc.results.get(name) for name in ("energy", "forces"))
        image.calc = None
        image.info["REF_energy"] = energy
        if forces is not None:
            image.arrays["REF_forces"] = forces
        for scale, model in enumerate(models, start=1):
            image.info[f"{model}_energy"] = energy + scale * noise * random.normal()
            if forces is not None:
                error = scale * noise * random.normal(size=forces.shape)
                image.arrays[f"{model}_forces"] = forces + error
    return list(images)


def test_several_models_and_molecules_in_one_file(tmp_path: Path) -> None:
    images = with_predictions(spring_frames(30), "MACE", "CHGNet")
    ase.io.write(tmp_path / "a b.xyz", images)
    dry = imported(tmp_path, "a b.xyz", "-o", "outputs/mine", "--dry-run")
    assert dry.status == 0, dry.err
    assert "MACE_energy" in dry.out and "CHGNet_forces" in dry.out and "30 of a_b" in dry.out
    assert not (tmp_path / "outputs").exists()

    command = ("a b.xyz", "-o", "outputs/mine")
    assert imported(tmp_path, *command).status == 0
    found = runs(tmp_path / "outputs" / "mine")
    assert set(found) == {"MACE", "CHGNet"}
    for model, run in found.items():
        samples = polars.read_parquet(run / "samples.parquet").sort("sample_id")
        energies = [1000 * (one.info[f"{model}_energy"] - one.info["REF_energy"]) for one in images]
        errors = [
            1000 * np.abs(one.arrays[f"{model}_forces"] - one.arrays["REF_forces"]).mean()
            for one in images
        ]
        assert samples["energy_error"].to_numpy() == pytest.approx(energies, abs=1e-6)
        # forces of up to 10 eV/Å in single precision, written by ASE with eight decimals
        assert samples["force_mae"].to_numpy() == pytest.approx(errors, abs=2e-3)
        assert samples["soap_distance"].is_nan().all(), "no training frames are known"

    before = {path: path.stat().st_mtime_ns for path in found["MACE"].glob("*.parquet")}
    again = imported(tmp_path, *command)
    assert again.status == 0 and again.out.count("already imported") == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    rotated = evaluate(tmp_path, f"run={found['MACE']}", "test=[last_tenth_rotated]", "logger=none")
    assert (rotated.status, "MACE" in rotated.err) == (2, True)


def test_periodic_cells_with_stress(tmp_path: Path) -> None:
    random, images, errors = np.random.default_rng(0), [], []
    for _ in range(12):
        atoms = bulk("Cu") * (2, 2, 1)
        atoms.positions += 0.05 * random.normal(size=(4, 3))
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        stress, error = atoms.get_stress(voigt=False), random.normal(size=6)
        error = 0.01 * error[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]]
        atoms.calc = None
        atoms.info |= {"REF_energy": energy, "MACE_energy": energy + 0.1}
        atoms.info |= {"REF_stress": stress, "MACE_stress": stress + error}
        atoms.arrays |= {"REF_forces": forces, "MACE_forces": 0.9 * forces}
        images.append(atoms)
        errors.append(1000 * np.abs(error).mean())
    ase.io.write(tmp_path / "cells.xyz", images)
    ended = imported(tmp_path, "cells.xyz", "--reference-prefix", "REF_", "-o", "outputs/mine")
    assert ended.status == 0, ended.err
    run = runs(tmp_path / "outputs" / "mine")["MACE"]
    samples = polars.read_parquet(run / "samples.parquet").sort("sample_id")
    # of a few hundred meV/Å³, written with eight decimals, in single precision
    assert samples["stress_mae"].to_numpy() == pytest.approx(errors, abs=1e-3)

    del images[4].info["MACE_stress"]
    ase.io.write(tmp_path / "cells.xyz", images)
    ended = imported(tmp_path, "cells.xyz", "--reference-prefix", "REF_", "-o", "outputs/other")
    assert ended.status == 2 and "4" in ended.err and "MACE_stress" in ended.err


def _with(change: Callable[[list[Atoms]], None]) -> list[Atoms]:
    images = with_predictions(water_frames(20), "MACE")
    change(images)
    return images


def _nan(images: list[Atoms]) -> None:
    images[7].arrays["MACE_forces"][1, 2] = np.nan


def _in_kcal(images: list[Atoms]) -> None:
    for image in images:
        image.info["MACE_energy"] *= 23.06
        image.arrays["MACE_forces"] *= 23.06


def _per_atom(images: list[Atoms]) -> None:
    for image in images:
        image.info["MACE_energy"] /= len(image)


def _gradients(images: list[Atoms]) -> None:
    for image in images:
        image.arrays["MACE_forces"] *= -1


def _without(name: str) -> Callable[[list[Atoms]], None]:
    def change(images: list[Atoms]) -> None:
        (images[3].arrays if "forces" in name else images[3].info).pop(name)

    return change


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        (_nan, (), ("frame 7", "MACE_forces")),
        (_in_kcal, (), ("MACE_", "kcal/mol", "eV")),
        (_per_atom, (), ("MACE_", "per atom")),
        (_gradients, (), ("MACE_", "opposite sign")),
        (
            list,
            ("--reference-prefix", "REF_", "--prediction-prefix", "REF_"),
            ("--prediction-prefix REF_", "reference"),
        ),
        (_without("REF_forces"), (), ("frame 3", "REF_forces", "--set data.missing_forces=mask")),
        (_without("MACE_forces"), (), ("frame 3", "MACE_forces", "reference forces")),
        (_without("MACE_energy"), (), ("frame 3", "MACE_energy")),
        (list, ("--prediction-prefix", "CHGNet_"), ("CHGNet_energy", "MACE_energy")),
        (list, ("--reference-prefix", "MACE_"), ("no predictions", "--prediction-prefix")),
        (list, ("--workload", "nowcasting"), ("--forecast",)),
        (list, ("--workload", "forcefield"), ("forcefield", "force_field")),
        (list, ("--predictions", "frames.xyz"), ("--predictions", "force_field")),
        (list, ("--schema", "frames.xyz"), ("--schema",)),
        (list, ("--training", "none.xyz"), ("none.xyz",)),
        (list, ("--set", "data.timestp=1"), ("data.timestp", "timestep")),
    ],
)
def test_mistakes_are_refused(
    tmp_path: Path,
    change: Callable[[list[Atoms]], None],
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    ase.io.write(tmp_path / "frames.xyz", _with(change))
    ended = imported(tmp_path, "frames.xyz", "-o", "outputs/mine", *arguments)
    assert ended.status == 2, ended.out
    lines = [line for line in ended.err.strip().splitlines() if "reading" not in line]
    assert len(lines) == 1 and all(word in lines[0] for word in words), lines
    assert not (tmp_path / "outputs").exists()


def test_energies_alone(tmp_path: Path) -> None:
    images = water_frames(20, forces=False)
    random = np.random.default_rng(0)
    for image in images:
        image.info["MACE_energy"] = image.calc.results["energy"] + random.normal()
    ase.io.write(tmp_path / "frames.xyz", images)
    ended = imported(tmp_path, "frames.xyz", "--prediction-prefix", "MACE_", "-o", "outputs/mine")
    assert ended.status == 0, ended.err
    metrics = json.loads((runs(tmp_path / "outputs/mine")["MACE"] / "metrics.json").read_text())
    assert metrics["frames"]["force_mae"]["count"] == 0
    assert metrics["frames"]["energy_mae"]["count"] == 20
