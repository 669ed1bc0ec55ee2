"""ASE calculators as models: by name, or as a `_target_` with its settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator

from saibench.errors import UserError, closest, first_line
from saibench.imports.targets import build
from saibench.models.external.model import Batch, ExternalModel
from saibench.models.force_field.kept_predictions import KeptPredictions, Predicted

NAMED: Mapping[str, Mapping[str, Any]] = {
    "chgnet": {"_target_": "chgnet.model.dynamics.CHGNetCalculator"},
    "emt": {"_target_": "ase.calculators.emt.EMT"},
    "gfn1_xtb": {"_target_": "tblite.ase.TBLite", "method": "GFN1-xTB", "verbosity": 0},
    "gfn2_xtb": {"_target_": "tblite.ase.TBLite", "method": "GFN2-xTB", "verbosity": 0},
}
"""Calculators that run in the process, start no program and download nothing."""


def calculator_node(given: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """`_target_` and settings of a calculator.

    Args:
        given: a name of `NAMED`, or a node with a `_target_`.

    Raises:
        UserError: an unknown name, or a node without `_target_`.
    """
    if isinstance(given, str):
        if given not in NAMED:
            raise UserError(
                f"model.calculator={given} is no known name: {closest(given, NAMED)} Use any other "
                "calculator of ASE by model.calculator._target_=<module>.<class>."
            )
        return NAMED[given]
    if "_target_" not in given:
        raise UserError(
            "model.calculator has no _target_. Use a name (" + ", ".join(NAMED) + "), or "
            "model.calculator._target_=<module>.<class>."
        )
    return given


def built_calculator(given: str | Mapping[str, Any]) -> Calculator:
    """Build a calculator; raises `UserError` as `calculator_node`, or if it cannot be built."""
    node = calculator_node(given)
    calculator = build(node, "model.calculator")
    if not (hasattr(calculator, "get_potential_energy") and hasattr(calculator, "get_forces")):
        raise UserError(
            f"model.calculator._target_={node['_target_']} makes a {type(calculator).__name__}. "
            "Use an ASE calculator."
        )
    return calculator  # type: ignore[no-any-return]


class CalculatorFailed(Exception):
    """The calculator raised an error for a frame of a batch.

    Args:
        frame: its place in the batch.
        cause: the error in one line.
    """

    def __init__(self, frame: int, cause: str) -> None:
        super().__init__(cause)
        self.frame = frame
        self.cause = cause


class CalculatorModel(ExternalModel):
    """An ASE calculator, called for one frame after another.

    Args:
        calculator: a name of `NAMED`, or `_target_` and settings.
        box: side in Å of a periodic cube around each molecule, for calculators that need a cell;
            None for no cell.

    Raises:
        UserError: as `built_calculator`.
    """

    def __init__(self, calculator: str | dict[str, Any], box: float | None = None) -> None:
        super().__init__()
        self.name = str(calculator_node(calculator)["_target_"])
        self.calculator = built_calculator(calculator)
        self.box = box
        known = getattr(self.calculator, "implemented_properties", ())
        self.predicts_stress = "stress" in known
        self.kept: KeptPredictions | None = None

    def keep(self, folder: Path) -> None:
        """Keep predictions in a folder, and use those that it has."""
        self.kept = KeptPredictions(folder, f"{self.name} {_version_of(self.name)}")

    @torch.enable_grad()  # forces may be gradients
    def predict(self, batch: Batch) -> dict[str, Any]:
        """Total energies `(B,)` in eV, and forces `(B, A, 3)` in eV/Å, 0 for padding.

        Of periodic frames also the stress `(B, 3, 3)` in eV/Å³, if the calculator has it; 0 of a
        frame that is not periodic in all directions.

        Raises:
            CalculatorFailed: of a frame.
        """
        numbers, positions = batch["numbers"].cpu().numpy(), batch["positions"].cpu().numpy()
        cells = np.zeros((len(numbers), 3, 3))
        if "cell" in batch and self.box is not None:
            raise UserError(
                f"model.box={self.box:g} is for molecules, and the data have periodic cells. Use "
                "model.box=null."
            )
        if "cell" in batch:
            cells = batch["cell"].cpu().numpy().astype(np.float64)
        energies, forces, stress = np.zeros(len(numbers)), np.zeros(positions.shape), 0 * cells
        for frame, of_frame in enumerate(numbers):
            is_atom = of_frame > 0
            atoms = self._atoms(of_frame[is_atom], positions[frame, is_atom], cells[frame])
            found = self._of_frame(frame, atoms)
            energies[frame], forces[frame, is_atom], stress[frame] = found
        if self.kept is not None:
            self.kept.write()
        of_cells = {"stress": stress} if "cell" in batch else {}
        return {"energy": energies, "forces": forces, **of_cells}

    def _atoms(self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> Atoms:
        if self.box is not None:
            return _in_box(numbers, positions, self.box)
        return Atoms(numbers, positions, cell=cell, pbc=cell.any(axis=1))

    def _of_frame(self, frame: int, atoms: Atoms) -> Predicted:
        key = "" if self.kept is None else self.kept.key(atoms)
        known = None if self.kept is None else self.kept.get(key)
        if known is not None:
            return known
        stress = np.zeros((3, 3))
        try:
            self.calculator.reset()  # the last frame was another one
            atoms.calc = self.calculator
            energy = float(atoms.get_potential_energy())
            forces = np.asarray(atoms.get_forces(), np.float64)
            if self.predicts_stress and self.box is None and atoms.pbc.all():
                stress = np.asarray(atoms.get_stress(voigt=False), np.float64)
        except Exception as error:  # whatever a calculator raises
            raise CalculatorFailed(frame, f"{type(error).__name__}: {first_line(error)}") from error
        found = Predicted(energy, forces, stress)
        if self.kept is not None:
            self.kept.add(key, found)
        return found


def _in_box(numbers: np.ndarray, positions: np.ndarray, box: float) -> Atoms:
    atoms = Atoms(numbers, positions)
    extent = float(np.ptp(positions, axis=0).max())
    if 2 * extent > box:
        raise UserError(
            f"model.box={box:g} is less than twice the extent of a molecule, {extent:.1f} Å. Use "
            f"model.box={math.ceil(3 * extent)}."
        )
    atoms.set_cell([box] * 3)
    atoms.set_pbc(True)
    atoms.center()
    return atoms


def _version_of(name: str) -> str:
    """Version of the package of a dotted name; empty if it is no distribution of that name."""
    try:
        return version(name.partition(".")[0])
    except PackageNotFoundError:
        return ""
