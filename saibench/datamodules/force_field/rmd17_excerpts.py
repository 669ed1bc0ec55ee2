"""Merging the excerpts of an rMD17 trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saibench.errors import UserError
from saibench.files.npz import DamagedArray, NpzArrays

PER_FRAME = ("coords", "energies", "forces", "old_indices", "old_energies")
"""Arrays with one entry per frame; the noisier `old_forces` of MD17 are dropped."""


def merge(excerpts: Sequence[Path]) -> dict[str, np.ndarray]:
    """The union of excerpts of one molecule, in the order of the MD17 trajectory.

    Returns the published keys and units, for T distinct frames of A atoms:
    `nuclear_charges` (A,), `coords` (T, A, 3) Å, `energies` (T,) kcal/mol,
    `forces` (T, A, 3) kcal/mol/Å, `old_indices` (T,) strictly increasing,
    `old_energies` (T,) kcal/mol.

    Raises UserError: a missing array, files of different molecules, different contents of a frame.
    """
    tables = [_read(path) for path in excerpts]
    for path, table in zip(excerpts, tables, strict=True):
        if not np.array_equal(table["nuclear_charges"], tables[0]["nuclear_charges"]):
            raise UserError(
                f"{path} has another molecule than {excerpts[0]}. Use files of one molecule."
            )
    joined = {key: np.concatenate([table[key] for table in tables]) for key in PER_FRAME}
    _, first, frame = np.unique(joined["old_indices"], return_index=True, return_inverse=True)
    merged = {key: values[first] for key, values in joined.items()}
    for key, values in joined.items():
        if not np.array_equal(merged[key][frame], values):
            raise UserError(
                f"The excerpts in {excerpts[0].parent} have different '{key}' for one frame. "
                "Delete them and download them again."
            )
    return {"nuclear_charges": tables[0]["nuclear_charges"], **merged}


def write(molecule: Mapping[str, np.ndarray], path: Path) -> None:
    """Write the arrays of `merge` as the npz file `path`, whatever its name ends in."""
    with path.open("wb") as file:
        np.savez(file, **molecule)  # type: ignore[arg-type]  # numpy's own flag shares the **


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with NpzArrays(path) as arrays:
            return {key: arrays[key] for key in ("nuclear_charges", *PER_FRAME)}
    except DamagedArray as error:
        raise UserError(
            f"{path} is not an excerpt of rMD17 ({error}). Delete it and download it again."
        ) from error
