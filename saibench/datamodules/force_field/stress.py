"""Stress of periodic frames, by the name and unit that a file gives it.

The sign is ASE's: stress is the derivative of the energy with respect to strain over the volume,
σ = (1/V) ∂E/∂ε, positive under tension; a virial is -V σ. VASP's own output has the opposite sign,
which ASE's readers convert.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from saibench.datamodules.force_field.cells import volumes
from saibench.datamodules.force_field.frames import Frame
from saibench.errors import UserError
from saibench.formatting import joined
from saibench.units import EV_PER_A3_PER_GPA

_PREFIXES = ("", "REF_", "ref_", "DFT_", "dft_")
STRESS_KEYS = (*(f"{prefix}stress" for prefix in _PREFIXES), "Stress")
VIRIAL_KEYS = tuple(f"{prefix}{name}" for prefix in _PREFIXES for name in ("virial", "virials"))
StressUnit = Literal["eV/A^3", "GPa", "kbar"]
STRESS_UNITS = MappingProxyType(
    {"eV/A^3": 1.0, "GPa": EV_PER_A3_PER_GPA, "kbar": 0.1 * EV_PER_A3_PER_GPA}
)
"""Unit → eV/Å³."""
ASYMMETRY = 0.01
"""Largest difference of a stress and its transpose, relative to its largest component."""
_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Place in xx, yy, zz, yz, xz, xy of each component."""


@dataclass(frozen=True)
class StressLabels:
    """How the stress of frames is read.

    Args:
        key: its name; None for the only usual one of a frame, of `STRESS_KEYS` or `VIRIAL_KEYS`.
        unit: of the stress; None for that of energies per Å³.
        to_ev: the unit of energies in the file, and so of virials, in eV.
    """

    key: str | None = None
    unit: StressUnit | None = None
    to_ev: float = 1.0

    def name(self, frame: Frame, place: str) -> str | None:
        """Name of the frame's stress or virial; None if it has none.

        Raises:
            UserError: there are several usual names.
        """
        if self.key is not None:
            return self.key if self.key in frame.tensors else None
        for names in (STRESS_KEYS, VIRIAL_KEYS):
            found = [name for name in names if name in frame.tensors]
            if len(found) > 1:
                raise UserError(
                    f"{place} has {joined(found)}. Choose with +data.stress_key={found[0]}."
                )
            if found:
                return found[0]
        return None

    def of(self, frame: Frame, cell: np.ndarray, place: str) -> np.ndarray | None:
        """Stress (3, 3) of a frame in eV/Å³; None if it is unknown, or the volume undefined.

        Args:
            frame: of a file.
            cell: (3, 3), zeros along directions that are not periodic.
            place: file and frame, for messages.

        Raises:
            UserError: several names, NaN or Inf, or a tensor that is not symmetric.
        """
        volume = float(volumes(cell))
        name = self.name(frame, place) if volume else None
        if name is None:
            return None
        values = np.asarray(frame.tensors[name], dtype=np.float64)
        if not np.isfinite(values).all():
            raise UserError(f"{place} has NaN or Inf in '{name}'. Correct it, or remove the frame.")
        tensor = values[_VOIGT] if values.shape == (6,) else values.reshape(3, 3)
        if np.abs(tensor - tensor.T).max() > ASYMMETRY * np.abs(tensor).max():
            raise UserError(
                f"{place}: '{name}' is not symmetric: {tensor.tolist()}. Use a stress as xx, yy, "
                "zz, yz, xz, xy or as 3 x 3 numbers, or another +data.stress_key."
            )
        tensor = (tensor + tensor.T) / 2
        if "virial" in name.lower():
            return -self.to_ev * tensor / volume
        return tensor * (self.to_ev if self.unit is None else STRESS_UNITS[self.unit])
