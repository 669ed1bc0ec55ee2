"""Frames of molecules in three dimensions, with the error of each atom's force on the atom."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols, covalent_radii

from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import SEED, differing, setting_text
from saibench.report.packed import deflated, packed_bytes, shortened
from saibench.report.scripts import source
from saibench.report.viewers import saved_files, viewer_template

title = "Molecules to look at"

MAX_POINTS = 60
"""Whose frames are on a page; a point's take some 30 kB."""
POSITION_BITS = 13
ERROR_BITS = 10


@dataclass(frozen=True)
class Kept:
    """A point that kept frames."""

    path: Path
    point: str
    words: str


def needs(evidence: StudyEvidence) -> str | None:
    return None if _kept(evidence) else "No point kept frames of a molecule."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the frames that are on the page."""
    kept = _kept(evidence)[:MAX_POINTS]
    return {one.point: SavedFrames.ids(one.path) for one in kept}


def fragment(evidence: StudyEvidence) -> str:
    """A molecule that can be turned, for every frame that was kept."""
    kept = _kept(evidence)
    content = {
        "study": evidence.study,
        "points": {one.point: _packed(one) for one in kept[:MAX_POINTS]},
    }
    return viewer_template(__name__).render(
        content=json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
        script=source("molecule_canvas", __package__) + source("molecule", __package__),
        left_out=max(0, len(kept) - MAX_POINTS),
    )


def _kept(evidence: StudyEvidence) -> list[Kept]:
    """In the study's order."""
    paths = saved_files(evidence, SavedFrames.FILE)
    points = evidence.points
    apart = [name for name in differing(points) if name != SEED] or differing(points)
    return [
        Kept(
            paths[row["point"]],
            row["point"],
            ", ".join(setting_text(name, row[name]) for name in apart) or row["slug"],
        )
        for row in points.iter_rows(named=True)
        if row["point"] in paths
    ]


def _packed(kept: Kept) -> dict[str, Any]:
    frames = SavedFrames.read(kept.path)
    numbers = frames.atomic_numbers.tolist()
    return {
        "words": kept.words,
        "ids": frames.sample_id.tolist(),
        "why": frames.why.tolist(),
        "symbols": [chemical_symbols[number] for number in numbers],
        "radii": [round(float(covalent_radii[number]), 2) for number in numbers],
        "positions": _text(frames, "positions", POSITION_BITS),
        "forces": _text(frames, "forces", ERROR_BITS),
        "error": _text(frames, "force_error", ERROR_BITS),
    }


def _text(frames: SavedFrames, name: str, bits: int) -> str:
    return deflated(packed_bytes(shortened(getattr(frames, name), bits)))
