"""Langevin dynamics of a molecule with GFN2-xTB (tblite), bitwise reproducible."""

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
    """tblite's GFN2-xTB for one molecule whose positions alone change.

    ASE's default comparison of all properties, several times per step, takes half as long as the
    electronic structure of a small molecule.
    """

    def __init__(self) -> None:
        super().__init__(method="GFN2-xTB", verbosity=0)

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        if self.atoms is None:
            return list(all_changes)
        return [] if np.array_equal(atoms.positions, self.atoms.positions) else ["positions"]


@dataclass(frozen=True)
class Thermostat:
    """temperature: K, of the start; friction: 1/ps; timestep: fs"""

    temperature: float
    friction: float
    timestep: float


def simulate(
    atoms: Atoms,
    thermostat: Thermostat,
    equilibration: int,
    temperatures: np.ndarray,
    stride: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Positions (T, A, 3) in Å, energies (T,) in eV and forces (T, A, 3) in eV/Å of T frames.

    The molecule starts with Maxwell-Boltzmann velocities without linear or angular momentum, runs
    `equilibration` steps, and is then recorded at every `stride`-th step. `temperatures`, (T,) in
    K, are the thermostat's for the steps that lead to each frame.

    tblite always uses one OpenMP thread: the order of additions, and so the trajectory, would
    depend on the number of threads, and two OpenMP programs on two cores block each other in busy
    loops (measured: 547 ms per step instead of 4.4).

    Raises UserError: the electronic structure does not converge, as when the molecule dissociates.
    """
    random = np.random.RandomState(seed)  # its stream is stable across versions of NumPy (NEP 19)
    atoms = atoms.copy()
    atoms.calc = GFN2()
    maxwell_boltzmann(atoms, thermostat.temperature, random)
    dynamics = Langevin(
        atoms,
        thermostat.timestep * units.fs,
        temperature_K=thermostat.temperature,
        friction=thermostat.friction / (1000 * units.fs),
        fixcm=False,  # a fixed centre biases the temperature; frames are centred afterwards
        rng=random,
    )
    frames = len(temperatures)
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
                    dynamics.set_temperature(temperature_K=temperatures[frame])
                    dynamics.run(stride)
                record["positions"][frame] = atoms.positions
                record["energies"][frame] = atoms.get_potential_energy()
                record["forces"][frame] = atoms.get_forces()
    except CalculationFailed as error:
        raise UserError(
            f"the simulation failed before frame {frame} ({error}). Use a data.temperature below "
            f"{temperatures[frame]:g} K or a data.timestep below {thermostat.timestep:g} fs."
        ) from error
    return record


def maxwell_boltzmann(atoms: Atoms, temperature: float, random: np.random.RandomState) -> None:
    """Set Maxwell-Boltzmann velocities without linear or angular momentum."""
    spread = np.sqrt(atoms.get_masses() * units.kB * temperature)
    atoms.set_momenta(random.standard_normal((len(atoms), 3)) * spread[:, None])
    Stationary(atoms)
    ZeroRotation(atoms)
    # rounded, since its linear algebra differs in the last bit between processors
    atoms.set_momenta(atoms.get_momenta().round(9))
