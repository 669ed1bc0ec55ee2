"""Viewer of saved frames: a molecule in three dimensions, coloured by its atoms' force errors."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.reader import StudyEvidence
from saibench.report.packed import deflated, packed_bytes, shortened
from saibench.report.scripts import source
from saibench.report.text import as_json
from saibench.report.viewers import run_labels, saved_files, viewer_template

title = "Samples: molecules"

MAX_POINTS = 60
"""Runs whose frames are on a page; those of a run take some 30 kB."""
POSITION_BITS = 13
ERROR_BITS = 10


def needs(evidence: StudyEvidence) -> str | None:
    return None if _paths(evidence) else "No run has saved frames of a molecule."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the frames on the page."""
    paths = islice(_paths(evidence).items(), MAX_POINTS)
    return {point: SavedFrames.ids(path) for point, path in paths}


def fragment(evidence: StudyEvidence) -> str:
    """A molecule that can be rotated, for every saved frame."""
    paths, labels = _paths(evidence), run_labels(evidence)
    points = {
        point: {"words": labels[point] or evidence.records[point].get("slug", point)}
        | _packed(path)
        for point, path in islice(paths.items(), MAX_POINTS)
    }
    return viewer_template(__name__).render(
        content=as_json({"study": evidence.study, "points": points}),
        script=source("molecule_canvas", __package__) + source("molecule", __package__),
        omitted=max(0, len(paths) - MAX_POINTS),
        periodic=any(one["periodic"] for one in points.values()),
    )


def _paths(evidence: StudyEvidence) -> dict[str, Path]:
    return saved_files(evidence, SavedFrames.FILE)


def _packed(path: Path) -> dict[str, Any]:
    frames = SavedFrames.read(path)
    numbers = frames.atomic_numbers
    molecules = [[one for one in own if one] for own in np.atleast_2d(numbers).tolist()]
    symbols = [[chemical_symbols[one] for one in own] for own in molecules]
    radii = [[round(float(covalent_radii[one]), 2) for one in own] for own in molecules]
    is_one = numbers.ndim == 1
    return {
        "ids": frames.sample_id.tolist(),
        "why": frames.why.tolist(),
        "periodic": frames.cells is not None,
        "padded": None if is_one else numbers.shape[1],
        "symbols": symbols[0] if is_one else symbols,
        "radii": radii[0] if is_one else radii,
        "positions": _text(frames, "positions", POSITION_BITS),
        "forces": _text(frames, "forces", ERROR_BITS),
        "error": _text(frames, "force_error", ERROR_BITS),
    }


def _text(frames: SavedFrames, name: str, bits: int) -> str:
    return deflated(packed_bytes(shortened(getattr(frames, name), bits)))
