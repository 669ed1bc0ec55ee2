"""An ASE calculator that checks at each step whether its net can be trusted."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from saibench.analysis.exchangeability.monitor import LEVEL
from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.suitable import mismatch_warnings, refuse_other_system
from saibench.datamodules.force_field.cells import periodic_cell
from saibench.errors import UserError, closest
from saibench.runs.force_field.frame_features import FrameFeatures, known_features
from saibench.runs.force_field.reading import (
    OutOfTrustedRange,
    OutOfTrustedRangeWarning,
    Reading,
    UnsuitedRangeWarning,
)
from saibench.runs.force_field.shift import (
    DistributionShift,
    Shift,
    ShiftWarning,
    SimulationMonitor,
)
from saibench.runs.force_field.trained import FramePrediction, TrainedForceField

MAX_EXTENT = 200.0
"""Å; a larger molecule has broken apart, and its descriptor would take gigabytes."""


class GuardedCalculator(Calculator):
    """Energies and forces of a trained run, and stress of cells, guarded by its trusted range.

    At every `every`-th new geometry the calculator computes the features of the range, such as the
    distance to the training partition, and from them the expected error and its bound. `readings`
    keeps all of them. `results` has energy (eV), forces (eV/Å), stress (eV/Å³, of cells that are
    periodic in all directions, if the training was on cells), and of the last reading
    `expected_error`, `error_bound` (unit of the range's statistic) and `trusted`.

    Args:
        force_field: a trained run, or its folder.
        trusted: the range, or the file that `python -m saibench trust --save` wrote.
        tolerance: largest acceptable error, in the statistic's unit; default: that of the range;
            if there is none, all steps inside the fitted range are trusted.
        every: geometries per reading.
        action: at steps that are not trusted. `warn`: an `OutOfTrustedRangeWarning` at the first
            step of each excursion. `stop`: raise `OutOfTrustedRange`. `record`: only the reading.
            `warn` and `stop` also give an `UnsuitedRangeWarning` if the range was fitted to
            another run or other data.
        timestep: fs per new geometry of a simulation. With it, the readings are compared with the
            calibration samples of the range, if it has any: once they no longer resemble them,
            `shift` has the step, `warn` gives a `ShiftWarning`, and `stop` raises
            `DistributionShift`.
        false_alarm: largest probability of a `shift` in a simulation that resembles the
            calibration.

    Raises:
        UserError: the range uses a feature that a single frame does not have, or belongs to
            another molecule; the atoms are another molecule or of an unknown element, or periodic
            if the training was not.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as in ASE

    def __init__(
        self,
        force_field: TrainedForceField | Path | str,
        trusted: TrustedRange | Path | str,
        *,
        tolerance: float | None = None,
        every: int = 1,
        action: Literal["warn", "stop", "record"] = "warn",
        timestep: float | None = None,
        false_alarm: float = LEVEL,
    ) -> None:
        super().__init__()
        if not isinstance(force_field, TrainedForceField):
            force_field = TrainedForceField.load(force_field)
        if not isinstance(trusted, TrustedRange):
            trusted = TrustedRange.load(trusted)
        if every < 1:
            raise UserError(f"every={every} is not at least 1.")
        if action not in ("warn", "stop", "record"):
            raise UserError(f"action={action}: {closest(action, ('warn', 'stop', 'record'))}")
        for quantity in trusted.features:
            if quantity.name not in (known := known_features(force_field)):
                raise UserError(
                    f"the range uses {quantity.name}, which a new frame does not have. Fit it "
                    f"with --feature. Valid values: {', '.join(known)}."
                )
        refuse_other_system(trusted, force_field.model)
        if action != "record":
            for doubt in mismatch_warnings(trusted, force_field.model):
                warnings.warn(doubt, UnsuitedRangeWarning, stacklevel=2)
        if force_field.is_periodic and getattr(force_field.module.net, "predicts_stress", True):
            self.implemented_properties = [*self.implemented_properties, "stress"]
        self.force_field = force_field
        self.range = trusted
        self.tolerance = trusted.tolerance if tolerance is None else tolerance
        self.every = every
        self.action = action
        self.readings: list[Reading] = []
        self.monitor: SimulationMonitor | None = None
        if timestep is not None and trusted.reference is not None:
            self.monitor = SimulationMonitor(trusted.reference, timestep, false_alarm)
        self._steps = 0
        self._symbols: tuple[str, ...] = ()

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """List changed properties; ASE's full comparison takes as long as a small net."""
        if self.atoms is None or len(self.atoms) != len(atoms):
            return list(all_changes)
        same_cell = np.array_equal(self.atoms.pbc, atoms.pbc) and (
            not atoms.pbc.any() or np.array_equal(self.atoms.cell, atoms.cell)
        )
        if not (same_cell and np.array_equal(self.atoms.numbers, atoms.numbers)):
            return list(all_changes)
        return [] if np.array_equal(self.atoms.positions, atoms.positions) else ["positions"]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill `results`.

        Raises:
            OutOfTrustedRange: the step is not trusted, and `action` is `stop`.
            DistributionShift: the simulation no longer resembles the calibration, and `action` is
                `stop`.
            UserError: as the class, of these atoms.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        symbols = tuple(self.atoms.get_chemical_symbols())
        if symbols != self._symbols:
            names = [quantity.name for quantity in self.range.features]
            self._frames = FrameFeatures(self.force_field, symbols, names)
            self._symbols = symbols
        cell = self._cell(self.atoms)
        is_read = self._steps % self.every == 0
        if is_read:
            predicted, features = self._read(self.atoms.positions, cell)
            self.readings.append(self._reading(features))
        else:
            predicted = self._frames.predict(self.atoms.positions, cell)
        self._steps += 1
        last = self.readings[-1]
        self.results = {
            "energy": predicted.energy,
            "free_energy": predicted.energy,
            "forces": predicted.forces,
            "expected_error": last.expected,
            "error_bound": last.bound,
            "trusted": last.trusted,
        }
        if predicted.stress is not None and np.isfinite(predicted.stress).all():
            self.results["stress"] = full_3x3_to_voigt_6_stress(predicted.stress)
        if is_read:
            self._compare(last)
            self._act(last)

    def _cell(self, atoms: Atoms) -> np.ndarray | None:
        """The cell of periodic atoms, zeros along directions that are not periodic."""
        if not atoms.pbc.any():
            return None
        if not self.force_field.is_periodic:
            raise UserError("pbc is set, but the net was trained on molecules. Use pbc=False.")
        return periodic_cell(np.array(atoms.cell), atoms.pbc, "the atoms")

    def _read(
        self, positions: np.ndarray, cell: np.ndarray | None
    ) -> tuple[FramePrediction, dict[str, float]]:
        """Prediction and features of the frame; features are NaN if a molecule has broken apart."""
        is_whole = np.isfinite(positions).all()
        if cell is None:
            is_whole &= np.ptp(positions, axis=0).max() <= MAX_EXTENT
        if not is_whole:
            names = self._frames.names
            return self._frames.predict(positions, cell), dict.fromkeys(names, math.nan)
        return self._frames.read(positions, cell)

    def _reading(self, features: dict[str, float]) -> Reading:
        check = self.range.check(features)
        return Reading(
            step=self._steps,
            features=features,
            expected=float(check.expected[0]),
            bound=float(check.upper[0]),
            inside=bool(check.inside[0]),
            tolerance=self.tolerance,
            statistic=self.range.statistic,
        )

    @property
    def shift(self) -> Shift | None:
        """Where the simulation stopped resembling the calibration; None if it has not."""
        return None if self.monitor is None else self.monitor.shift

    def _compare(self, reading: Reading) -> None:
        if self.monitor is None or not self.monitor.update(reading.step, reading.features):
            return
        assert self.shift is not None
        if self.action == "stop":
            raise DistributionShift(self.shift)
        if self.action == "warn":
            warnings.warn(self.shift.sentence(), ShiftWarning, stacklevel=3)

    def _act(self, reading: Reading) -> None:
        if reading.trusted or self.action == "record":
            return
        if self.action == "stop":
            raise OutOfTrustedRange(reading)
        if len(self.readings) < 2 or self.readings[-2].trusted:
            warnings.warn(reading.sentence(), OutOfTrustedRangeWarning, stacklevel=2)
