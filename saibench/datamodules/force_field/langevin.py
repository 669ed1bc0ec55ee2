"""Langevin dynamics of a molecule on the GFN2-xTB surface (tblite), bitwise repeatable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed, all_changes
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import Stationary, ZeroRotation
from tblite.ase import TBLite
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from saibench.errors import UserError


class GFN2(TBLite):
    """tblite's GFN2-xTB for one molecule of which only the positions ever change.

    ASE's own comparison of all properties, made several times a step, costs half as much time as
    the electronic structure of a small molecule.
    """

    def __init__(self) -> None:
        super().__init__(method="GFN2-xTB", verbosity=0)

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        if self.atoms is None:
            return list(all_changes)
        return [] if np.array_equal(atoms.positions, self.atoms.positions) else ["positions"]


@dataclass(frozen=True)
class Thermostat:
    """temperature: K; friction: 1/ps; timestep: fs"""

    temperature: float
    friction: float
    timestep: float


def simulate(
    atoms: Atoms, thermostat: Thermostat, equilibration: int, frames: int, stride: int, seed: int
) -> dict[str, np.ndarray]:
    """Positions (T, A, 3) in Å, energies (T,) in eV and forces (T, A, 3) in eV/Å of T frames.

    The molecule starts with Maxwell-Boltzmann velocities without linear or angular momentum, runs
    `equilibration` steps, and is then recorded at every `stride`-th step.

    tblite is held to one OpenMP thread whatever the environment says: two OpenMP programs on two
    cores wait for each other in busy loops (measured: 547 ms a step instead of 4.4), and the
    order of additions, and so the trajectory, would depend on the number of threads.

    Raises UserError: the electronic structure doesn't converge, as when the molecule breaks.
    """
    random = np.random.RandomState(seed)  # a stream that no version of NumPy changes (NEP 19)
    atoms = atoms.copy()
    atoms.calc = GFN2()
    maxwell_boltzmann(atoms, thermostat.temperature, random)
    dynamics = Langevin(
        atoms,
        thermostat.timestep * units.fs,
        temperature_K=thermostat.temperature,
        friction=thermostat.friction / (1000 * units.fs),
        fixcm=False,  # biases the temperature; frames are centred anyway
        rng=random,
    )
    record = {
        "positions": np.empty((frames, len(atoms), 3)),
        "energies": np.empty(frames),
        "forces": np.empty((frames, len(atoms), 3)),
    }
    title = f"GFN2-xTB of {atoms.get_chemical_formula()}"
    frame = 0
    try:
        with threadpool_limits(1):
            dynamics.run(equilibration)
            for frame in tqdm(range(frames), title, unit="frame", mininterval=1.0):
                if frame:
                    dynamics.run(stride)
                record["positions"][frame] = atoms.positions
                record["energies"][frame] = atoms.get_potential_energy()
                record["forces"][frame] = atoms.get_forces()
    except CalculationFailed as error:
        raise UserError(
            f"the simulation at {thermostat.temperature:g} K with steps of "
            f"{thermostat.timestep:g} fs broke down before frame {frame} ({error}): a lower "
            "data.temperature or data.timestep would work."
        ) from error
    return record


def maxwell_boltzmann(atoms: Atoms, temperature: float, random: np.random.RandomState) -> None:
    """Give Maxwell-Boltzmann velocities without linear or angular momentum."""
    spread = np.sqrt(atoms.get_masses() * units.kB * temperature)
    atoms.set_momenta(random.standard_normal((len(atoms), 3)) * spread[:, None])
    Stationary(atoms)
    ZeroRotation(atoms)
    # Its linear algebra differs in the last bit between processors, and the motion is chaotic.
    atoms.set_momenta(atoms.get_momenta().round(9))
