"""Import of frames with reference and predicted energies and forces, in any format of ASE."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from saibench.datamodules.force_field.ase_file import ScannedFile, frames_of_file
from saibench.datamodules.force_field.ase_files import AseFrames
from saibench.datamodules.force_field.energy_units import ENERGY_UNITS
from saibench.datamodules.force_field.frames import Frame
from saibench.datamodules.force_field.labels import (
    ENERGY_KEYS,
    FORCES_KEYS,
    LabelKeys,
    LabelledFrames,
    labelled_frames,
)
from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.datamodules.force_field.stress import StressLabels
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError, refuse_repeated
from saibench.formatting import joined
from saibench.runs.force_field.predicted_units import refuse_other_units
from saibench.runs.imported_samples import Predicted, Request, model_name, quoted, training_ids

OPTIONS = frozenset({"training", "reference_prefix", "prediction_prefixes"})
ENERGIES = ("energy", "Energy", "TotEnergy", "total_energy", "potential_energy")
FORCES = ("forces", "Forces", "force")
STRESSES = ("stress", "Stress", "virial", "virials")
"""Names after a prefix."""
MAX_OFFSET = 0.1
"""eV per atom; a larger mean difference of the energies is mentioned."""


def settings(request: Request, folder: Path) -> list[str]:
    """Settings of `data=ase` with the frames as test partitions, one per file."""
    files = [quoted(path.absolute()) for path in (*request.files, *request.training)]
    found = [
        "data=ase",
        f"data.files=[{','.join(files)}]",
        "+model.align_energies=false",
        *_reference_keys(request),
    ]
    names = [_partition(path) for path in request.files]
    refuse_repeated("partition", names)
    for name, path in zip(names, request.files, strict=True):
        where = (
            f"_target_: saibench.datamodules.samplers.Where, by: file, equals: {quoted(path.stem)}"
        )
        found.append(f"+partitions.{name}={{samplers: [{{{where}}}]}}")
    found += [f"test=[{','.join(names)}]", f"held_out={names[0]}"]
    if request.training:
        first = sum(ScannedFile(path, None).count for path in request.files)
        count = sum(ScannedFile(path, None).count for path in request.training)
        found.append(training_ids(folder, first, count))
    return found


def predictions(request: Request, data: ForceFieldDataModule) -> list[Predicted]:
    """Energies in eV and forces in eV/Å of the frames that are not of training."""
    prefixes = request.prediction_prefixes or _guessed_prefixes(request)
    if request.reference_prefix in prefixes:
        raise UserError(
            f"--prediction-prefix {request.reference_prefix} is that of the reference. Use the "
            "prefix of a model."
        )
    return [_predicted(prefix, request, data) for prefix in prefixes]


def _predicted(prefix: str, request: Request, data: ForceFieldDataModule) -> Predicted:
    keys = _keys(prefix, request)
    parts = [_labelled(path, keys, _stress_key(prefix, request), data) for path in request.files]
    energies = np.concatenate([part.energies for part in parts])
    forces = [one for part in parts for one in part.forces]
    trajectory, unit = data.trajectory, cast(AseFrames, data.source).energy_unit
    to_ev = ENERGY_UNITS[unit]
    rows = np.arange(len(energies))
    shape = trajectory.positions.shape[1:]
    places = [
        f"{path}, frame {row}"
        for path, part in zip(request.files, parts, strict=True)
        for row in part.rows
    ]
    _refuse_without_forces(forces, trajectory, keys, places)
    own = np.zeros((len(rows), *shape), dtype=data.dtype)
    for place, one in enumerate(forces):
        if one is not None:
            own[place, : len(one)] = to_ev * one
    arrays = {
        "sample_id": np.asarray(trajectory.sample_id[rows]),
        "energy": to_ev * energies,
        "forces": own,
    }
    of_stress = _stress_key(prefix, request)
    if of_stress is not None:
        arrays["stress"] = np.concatenate([part.stress for part in parts])
        _refuse_without_stress(arrays["stress"], trajectory, of_stress, places)
    refuse_other_units(arrays, trajectory.rows(rows), unit, f"predictions '{prefix}'")
    source = {
        "file": ", ".join(path.name for path in request.files),
        "energy": f"{keys.energy} [{unit}]",
        "forces": f"{keys.forces} [{unit}/Å]" if keys.forces else "none",
        **({} if of_stress is None else {"stress": of_stress}),
    }
    name = model_name(prefix)
    return Predicted(name, arrays, source, notes=_offset_note(arrays, trajectory.rows(rows)))


def _labelled(
    path: Path, keys: LabelKeys, stress_key: str | None, data: ForceFieldDataModule
) -> LabelledFrames:
    source = cast(AseFrames, data.source)
    to_ev = ENERGY_UNITS[source.energy_unit]
    return labelled_frames(
        frames_of_file(path),
        keys,
        str(path),
        one_molecule=source.one_molecule,
        missing_forces="mask",  # those that are needed are looked for below
        stress=StressLabels(stress_key or "", source.stress_unit, to_ev),
    )


def _refuse_without_stress(
    stress: np.ndarray, trajectory: Trajectory, key: str, places: Sequence[str]
) -> None:
    """Raise UserError for a frame with a reference stress and no predicted one."""
    if trajectory.stress is None:
        return
    known = np.isfinite(trajectory.stress[: len(stress)]).all(axis=(1, 2))
    lacking = np.flatnonzero(known & ~np.isfinite(stress).all(axis=(1, 2)))
    if lacking.size:
        raise UserError(
            f"{places[lacking[0]]} has a reference stress, but no '{key}' as prediction. Add it, "
            "or remove the frame."
        )


def _refuse_without_forces(
    forces: Sequence[np.ndarray | None],
    trajectory: Trajectory,
    keys: LabelKeys,
    places: Sequence[str],
) -> None:
    """Raise UserError for a frame with reference forces and no predicted ones."""
    known = trajectory.has_forces
    for row, one in enumerate(forces):
        if one is None and (known is None or known[row]):
            raise UserError(
                f"{places[row]} has reference forces, but no '{keys.forces or 'forces'}' as "
                "predictions. Add them, or remove the frame."
            )


def _offset_note(arrays: Mapping[str, np.ndarray], trajectory: Trajectory) -> tuple[str, ...]:
    sizes = (trajectory.numbers_of(np.arange(len(trajectory.time))) > 0).sum(axis=1)
    offset = float(np.mean((arrays["energy"] - trajectory.energies) / sizes))
    if abs(offset) < MAX_OFFSET:
        return ()
    return (
        f"Predicted energies differ from the reference by {offset:+.3g} eV per atom on average. If "
        "their zero is another, add model.align_energies=true.",
    )


def _reference_keys(request: Request) -> list[str]:
    """Settings of the names with the reference prefix; none for the usual names."""
    if request.reference_prefix is None:
        return []
    scalars, vectors = _names(request.files)
    prefix = request.reference_prefix
    found = [f"data.energy_key={_with(prefix, ENERGIES, scalars, request.files)}"]
    if any(f"{prefix}{name}" in vectors for name in FORCES):
        found.append(f"data.forces_key={_with(prefix, FORCES, vectors, request.files)}")
    if (stress := _stress_key(prefix, request)) is not None:
        found.append(f"+data.stress_key={stress}")
    return found


def _stress_key(prefix: str, request: Request) -> str | None:
    """Name of the stress with this prefix; None if the first frames have none."""
    found = [name for frame in _first_frames(request.files) for name in frame.tensors]
    return next((f"{prefix}{name}" for name in STRESSES if f"{prefix}{name}" in found), None)


def _keys(prefix: str, request: Request) -> LabelKeys:
    scalars, vectors = _names(request.files)
    energy = _with(prefix, ENERGIES, scalars, request.files)
    has_forces = any(f"{prefix}{name}" in vectors for name in FORCES)
    forces = _with(prefix, FORCES, vectors, request.files) if has_forces else None
    return LabelKeys(energy, forces)


def _with(prefix: str, names: Sequence[str], found: Sequence[str], files: Sequence[Path]) -> str:
    """The only of these names after the prefix that a frame has.

    Raises:
        UserError: none or several.
    """
    fitting = [f"{prefix}{name}" for name in names if f"{prefix}{name}" in found]
    if len(fitting) == 1:
        return fitting[0]
    listed = joined(fitting) or f"no {prefix}{names[0]}"
    raise UserError(
        f"{joined([str(path) for path in files])} has {listed}. Use a prefix of one of: "
        f"{joined(list(found)) or 'no name'}."
    )


def _guessed_prefixes(request: Request) -> tuple[str, ...]:
    """Prefixes that are not of a reference, of both energies and forces.

    Raises:
        UserError: there is none.
    """
    scalars, vectors = _names(request.files)
    pattern = re.compile(rf"(.+)({'|'.join(ENERGIES)})$")
    of_energies = [match[1] for name in scalars if (match := pattern.match(name))]
    taken = {name for name in (*ENERGY_KEYS, *FORCES_KEYS)}
    found = [
        prefix
        for prefix in dict.fromkeys(of_energies)
        if prefix != request.reference_prefix
        and any(f"{prefix}{name}" in vectors for name in FORCES)
        and not any(f"{prefix}{name}" in taken for name in ENERGIES)
    ]
    if found:
        return tuple(found)
    raise UserError(
        f"{joined([str(path) for path in request.files])} has no predictions under names such as "
        f"MACE_energy and MACE_forces. Set --prediction-prefix; numbers of a frame are "
        f"{joined(list(scalars)) or 'none'}, vectors {joined(list(vectors)) or 'none'}."
    )


def _names(files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Names of numbers and vectors in the first frames of the files."""
    frames = _first_frames(files)
    scalars = dict.fromkeys(name for frame in frames for name in frame.scalars)
    vectors = dict.fromkeys(name for frame in frames for name in frame.vectors)
    return list(scalars), list(vectors)


def _first_frames(files: Sequence[Path]) -> list[Frame]:
    """The first frame of each file, and the first with forces."""
    frames: list[Frame] = []
    for path in files:
        scanned = ScannedFile(path, None)
        frames += [one for one in (scanned.first, scanned.first_with_forces) if one is not None]
    return frames


def _partition(path: Path) -> str:
    """A key of `partitions` from the name of a file."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", path.stem).strip("_")
    return name if name[:1].isalpha() else f"frames_{name}"
