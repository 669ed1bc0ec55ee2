"""An ASE calculator that says at each step whether its net can be trusted there."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.suitable import mismatch_warnings, refuse_other_system
from saibench.datamodules.force_field.soap import SoapDescriptor
from saibench.errors import UserError, closest
from saibench.runs.force_field.reading import (
    OutOfTrustedRange,
    OutOfTrustedRangeWarning,
    Reading,
    UnsuitedRangeWarning,
)
from saibench.runs.force_field.trained import TrainedForceField

LARGEST = 200.0
"""Å across, beyond which a molecule is none any more, and its descriptor takes gigabytes."""


class GuardedCalculator(Calculator):
    """Energies and forces of a trained point, guarded by its trusted range.

    At every `every`-th new geometry the frame's distance from the training partition, or what else
    the range follows, is read, and from it the expected error and its bound. `readings` keeps what
    was read, `results` holds the last of it beside energy (eV) and forces (eV/Å):
    `expected_error`, `error_bound` (unit of the range's statistic) and `trusted`.

    Args:
        force_field: a trained point, or its folder.
        trusted: the range, or the file that `python -m saibench trust --save` wrote.
        tolerance: largest error that is tolerated, in the statistic's unit; by default that of
            the range; with none, a step is trusted wherever the range was fitted.
        every: geometries from one reading to the next.
        action: what is done where a net is not to be trusted. `warn`: an
            `OutOfTrustedRangeWarning` at the first step of each excursion. `stop`:
            `OutOfTrustedRange` is raised. `record`: nothing but the reading. All but the last
            give an `UnsuitedRangeWarning` first if the range was fitted to another run or data.

    Raises:
        UserError: the range follows a feature that a frame alone does not have, or is of another
            molecule; the atoms are another molecule, or a periodic one.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as ASE has it

    def __init__(
        self,
        force_field: TrainedForceField | Path | str,
        trusted: TrustedRange | Path | str,
        *,
        tolerance: float | None = None,
        every: int = 1,
        action: Literal["warn", "stop", "record"] = "warn",
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
            if quantity.name not in force_field.similarity.names:
                raise UserError(
                    f"the range follows {quantity.name}, which a new frame does not have; "
                    f"--feature with one of {', '.join(force_field.similarity.names)} would work."
                )
        refuse_other_system(trusted, force_field.model)
        if action != "record":
            for doubt in mismatch_warnings(trusted, force_field.model):
                warnings.warn(doubt, UnsuitedRangeWarning, stacklevel=2)
        self.force_field = force_field
        self.range = trusted
        self.tolerance = trusted.tolerance if tolerance is None else tolerance
        self.every = every
        self.action = action
        self.readings: list[Reading] = []
        self._steps = 0
        self._symbols: tuple[str, ...] = ()

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What changed; ASE's own comparison of all there is costs as much as a small net."""
        if self.atoms is None or len(self.atoms) != len(atoms):
            return list(all_changes)
        if not np.array_equal(self.atoms.numbers, atoms.numbers) or atoms.pbc.any():
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
            OutOfTrustedRange: the step is not to be trusted, and the calculator is to stop.
            UserError: another molecule than the net was trained on, or a periodic one.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        symbols = tuple(self.atoms.get_chemical_symbols())
        if symbols != self._symbols:
            self._adopt(symbols)
        if self.atoms.pbc.any():
            raise UserError("a net that was trained on a molecule knows no periodic cell.")
        energy, forces = self.force_field.predict(self.atoms.positions, self._species)
        read = self._read() if self._steps % self.every == 0 else None
        self._steps += 1
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if read is not None:
            self.readings.append(read)
        last = self.readings[-1]
        self.results |= {
            "expected_error": last.expected,
            "error_bound": last.bound,
            "trusted": last.trusted,
        }
        if read is not None:
            self._act(read)

    def _adopt(self, symbols: tuple[str, ...]) -> None:
        self._species = self.force_field.types_of(symbols)
        self._descriptor = SoapDescriptor(symbols)
        self._symbols = symbols

    def _features(self) -> dict[str, float]:
        """Of the frame; not a number where the molecule has flown apart."""
        assert self.atoms is not None
        names = [quantity.name for quantity in self.range.features]
        extent = np.ptp(self.atoms.positions, axis=0).max()
        if not extent <= LARGEST:  # nor is it if a position is not a number
            return dict.fromkeys(names, math.nan)
        vectors = self._descriptor.unit_vectors(self.atoms.positions[None])
        known = self.force_field.similarity.of(vectors, names)
        return {name: float(known[name][0]) for name in names}

    def _read(self) -> Reading:
        features = self._features()
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

    def _act(self, reading: Reading) -> None:
        if reading.trusted or self.action == "record":
            return
        if self.action == "stop":
            raise OutOfTrustedRange(reading)
        if len(self.readings) < 2 or self.readings[-2].trusted:
            warnings.warn(reading.sentence(), OutOfTrustedRangeWarning, stacklevel=2)
