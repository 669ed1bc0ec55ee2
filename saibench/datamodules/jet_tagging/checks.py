"""What jets from any source must be, before a model learns from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saibench.datamodules.jet_tagging.momenta import ENERGY
from saibench.errors import UserError

if TYPE_CHECKING:  # `jets` checks by these functions what it writes
    from saibench.datamodules.jet_tagging.jets import Jets

LABELS = 0, 1
ROUNDING = 1e-3, 0.01
"""Relative, and in GeV: how far |p| may exceed E. Single precision needs 1e-7, files of three
decimals 0.001 GeV."""
LARGEST_ENERGY = 50_000.0
"""GeV; no collider's jets have a median energy above it. 50 GeV in MeV have."""
CHUNK = 20_000
"""Jets that are looked at at once."""


def check_jets(jets: Jets, name: str) -> None:
    """Refuse jets that cannot be learnt from.

    Args:
        jets: from any source.
        name: of the source.

    Raises:
        UserError: a jet without constituents, a label that is not 0 or 1, momenta that are not
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
    if median > LARGEST_ENERGY:
        raise UserError(
            f"{name}: half of the jets have an energy above {median:,.0f} GeV, more than any "
            "collider gives them. Convert MeV to GeV."
        )


def check_constituents(
    momenta: np.ndarray, counts: np.ndarray, label: np.ndarray, kind: str, first: int
) -> None:
    """Refuse jets of which some cannot be learnt from.

    Args:
        momenta: (C, 4) E, px, py, pz in GeV, of one jet after another.
        counts: (n,) constituents of each jet.
        label: (n,).
        kind: what a jet is called by its number: `train.h5, row`.
        first: number of the first of them.

    Raises:
        UserError: the first that is faulty, its fault, and how many have it.
    """

    def refused(rows: np.ndarray, fault: str, remedy: str) -> UserError:
        more = f", as {len(rows) - 1} more of those read with it" if len(rows) > 1 else ""
        return UserError(f"{kind} {first + int(rows[0])} has {fault}{more}. {remedy}")

    if len(empty := np.flatnonzero(counts < 1)):
        raise refused(empty, "no constituents", "Leave it out.")
    if len(strange := np.flatnonzero(~np.isin(label, LABELS))):
        given = f"the label {label[strange[0]]}"
        raise refused(strange, given, "Use 1 for a top jet, 0 for a QCD jet.")
    energy = momenta[:, ENERGY].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.sqrt(np.square(momenta[:, ENERGY + 1 :], dtype=np.float64).sum(axis=1))
        relative, absolute = ROUNDING
        faults = (
            (~np.isfinite(momenta).all(axis=1), "a momentum that is not finite", "Leave it out."),
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
