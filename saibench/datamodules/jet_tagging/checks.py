"""Checks of jets from any source, before training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saibench.datamodules.jet_tagging.momenta import ENERGY
from saibench.errors import UserError

if TYPE_CHECKING:  # `jets` imports this module
    from saibench.datamodules.jet_tagging.jets import Jets

LABELS = 0, 1
ROUNDING = 1e-3, 0.01
"""Tolerance of |p| <= E, relative and in GeV. Single precision needs 1e-7, files with three
decimals 0.001 GeV."""
MAX_MEDIAN_ENERGY = 50_000.0
"""GeV, above the median jet energy of any collider; a lower bound for energies in MeV."""
CHUNK = 20_000
"""Jets checked at once."""


def check_jets(jets: Jets, name: str) -> None:
    """Refuse jets that are unusable for training.

    Args:
        jets: from any source.
        name: name of the source.

    Raises:
        UserError: a jet without constituents, a label other than 0 or 1, momenta that are not
            finite or not physical, energies in another unit.
    """
    for start in range(0, len(jets), CHUNK):
        rows = slice(start, start + CHUNK)
        counts = np.asarray(jets.num_constituents[rows])
        first = int(jets.end[start] - counts[0])
        momenta = np.asarray(jets.momenta[first : int(jets.end[rows][-1])])
        label = np.asarray(jets.label[rows])
        check_constituents(momenta, counts, label, f"{name}, jet of sample_id", start)
    median = float(np.median(jets.jet_energy)) if len(jets) else 0.0
    if median > MAX_MEDIAN_ENERGY:
        raise UserError(
            f"{name}: the median jet energy is {median:,.0f} GeV, above that of any collider. "
            "Convert MeV to GeV."
        )


def check_constituents(
    momenta: np.ndarray,
    counts: np.ndarray,
    label: np.ndarray,
    kind: str,
    first: int,
    allow_empty: bool = False,
) -> None:
    """Refuse faulty jets.

    Args:
        momenta: (C, 4) E, px, py, pz in GeV, jet by jet.
        counts: (n,) constituents of each jet.
        label: (n,).
        kind: prefix of a jet's number in messages: `train.h5, row`.
        first: number of the first jet.
        allow_empty: whether jets may have no constituents.

    Raises:
        UserError: names the first faulty jet, its fault, and the number of faulty jets.
    """

    def refused(rows: np.ndarray, fault: str, remedy: str) -> UserError:
        more = f" (as have {len(rows) - 1} more in this chunk)" if len(rows) > 1 else ""
        return UserError(f"{kind} {first + int(rows[0])} has {fault}{more}. {remedy}")

    if not allow_empty and len(empty := np.flatnonzero(counts < 1)):
        raise refused(empty, "no constituents", "Remove it.")
    if len(unknown := np.flatnonzero(~np.isin(label, LABELS))):
        given = f"the label {label[unknown[0]]}"
        raise refused(unknown, given, "Use 1 for a top jet, 0 for a QCD jet.")
    energy = momenta[:, ENERGY].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.sqrt(np.square(momenta[:, ENERGY + 1 :], dtype=np.float64).sum(axis=1))
        relative, absolute = ROUNDING
        faults = (
            (~np.isfinite(momenta).all(axis=1), "a momentum with NaN or Inf", "Remove it."),
            (energy < 0, "a constituent of negative energy", "Use the order E, px, py, pz."),
            (
                size > energy * (1 + relative) + absolute,
                "a constituent whose momentum is larger than its energy",
                "Use the order E, px, py, pz.",
            ),
        )
    jet = np.repeat(np.arange(len(counts)), counts)
    for faulty, fault, remedy in faults:
        if faulty.any():
            raise refused(np.unique(jet[faulty]), fault, remedy)
