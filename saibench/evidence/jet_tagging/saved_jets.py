"""A few tested jets with their constituents, kept so that a report can show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.files.atomic import written_whole
from saibench.files.integrity import check_file
from saibench.files.npz import LARGEST_SHOWN, DamagedArray, NpzArrays

FILE = "jets.npz"
"""Name of the file in a point's folder."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ShownJet:
    """One jet and its C constituents; angles are relative to the jet's axis, pT in GeV."""

    sample_id: int
    label: int
    score: float
    why: str
    eta: Floats
    phi: Floats
    pt: Floats


@dataclass(frozen=True, eq=False)
class ShownJets:
    """J jets, their C constituents one jet after another.

    sample_id: (J,) int64
    label: (J,) int64, 1 for a top jet, 0 for a QCD jet
    score: (J,) float64, predicted probability of a top jet
    why: (J,) str, why the jet is shown
    end: (J,) int64, row behind the jet's last constituent
    eta, phi: (C,) float64, pseudorapidity and azimuth less those of the jet
    pt: (C,) float64, GeV
    """

    sample_id: NDArray[np.int64]
    label: NDArray[np.int64]
    score: Floats
    why: NDArray[np.str_]
    end: NDArray[np.int64]
    eta: Floats
    phi: Floats
    pt: Floats

    def __iter__(self) -> Iterator[ShownJet]:
        starts = np.concatenate([[0], self.end[:-1]])
        for number, (start, end) in enumerate(zip(starts, self.end, strict=True)):
            yield ShownJet(
                int(self.sample_id[number]),
                int(self.label[number]),
                float(self.score[number]),
                str(self.why[number]),
                *(column[start:end] for column in (self.eta, self.phi, self.pt)),
            )


def write_jets(path: Path, jets: ShownJets) -> None:
    """Write a compressed `jets.npz`, all or nothing."""
    with written_whole(path) as aside:
        np.savez_compressed(
            aside, **{field.name: getattr(jets, field.name) for field in fields(jets)}
        )


def read_jets(path: Path) -> ShownJets:
    """What `write_jets` wrote.

    Raises:
        UserError: the file is damaged or holds other arrays.
    """
    check_file(path)
    try:
        with NpzArrays(path, LARGEST_SHOWN) as arrays:
            found = ShownJets(**{name: arrays[name] for name in arrays.names})
        if len(found.end) != len(found.sample_id) or found.end[-1:] != len(found.pt):
            raise ValueError("its arrays do not fit together")
        return found
    except (OSError, DamagedArray, ValueError, TypeError) as error:
        raise UserError(
            f"{path} does not hold jets to be shown ({error}); run its point again."
        ) from error
