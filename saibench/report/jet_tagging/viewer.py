"""Jets to look at: their constituents about the jet's axis, and what the models make of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars

from saibench.evidence.jet_tagging.saved_jets import SavedJet, SavedJets
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import SEED, differing, rows_of, setting_text
from saibench.formatting import number
from saibench.report.viewers import saved_files, viewer_template

title = "Jets to look at"

MAX_JETS = 24
MAX_SCORES = 8
"""Models whose scores are listed beside a jet."""
RADIUS = 0.8
"""Of the anti-kT jets, drawn as a circle."""
REACH = 1.0
"""Half the side of the map, in η and φ."""
TICKS = (-0.8, -0.4, 0.0, 0.4, 0.8)
SIDE = 300
"""Of the map, in units of the drawing."""
HARDEST = 22.0
"""Radius of a constituent that carries all of the jet's pT; the area goes by pT."""
FACTS = {
    "jet_pt": "pT {} GeV",
    "jet_mass": "mass {} GeV",
    "jet_energy": "energy {} GeV",
    "jet_eta": "η {}",
    "num_constituents": "{} constituents",
}
CLASSES = {1: "top", 0: "QCD"}


@dataclass(frozen=True)
class Circle:
    """A constituent on the map, its place and radius in units of the drawing."""

    x: float
    y: float
    radius: float
    share: float
    """Of the largest pT, for the colour."""
    text: str


@dataclass(frozen=True)
class Viewer:
    """What the template shows of one jet."""

    jet: int
    data: str
    label: str
    why: str
    model: str
    score: str
    taken_for: str
    circles: list[Circle]
    outside: int
    facts: list[str]
    scores: list[tuple[str, str]]
    """Of the study's models: their words and their score of the jet."""

    @property
    def is_wrong(self) -> bool:
        return self.label != self.taken_for


@dataclass(frozen=True)
class Kept:
    """A point that kept jets."""

    path: Path
    point: str
    data: str
    """Hash of its data set."""


def needs(evidence: StudyEvidence) -> str | None:
    return None if _kept(evidence) else "No point kept jets to look at."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the jets that are on the page: those of its data, whichever point kept them."""
    found: dict[str, list[int]] = {}
    for kept, jet in _chosen(evidence)[:MAX_JETS]:
        for point in _alike(evidence, kept.data):
            found.setdefault(point, []).append(jet.sample_id)
    return found


def fragment(evidence: StudyEvidence) -> str:
    """Maps of the first jets that were kept, each jet once."""
    chosen = _chosen(evidence)
    return viewer_template(__name__).render(
        viewers=[_viewer(evidence, kept, jet) for kept, jet in chosen[:MAX_JETS]],
        left_out=max(0, len(chosen) - MAX_JETS),
        side=SIDE,
        radius=SIDE * RADIUS / (2 * REACH),
        ticks=[(SIDE * (1 + at / REACH) / 2, f"{at:g}".replace("-", "−")) for at in TICKS],
    )


def circles(jet: SavedJet) -> tuple[list[Circle], int]:
    """The constituents on the map, soft ones on top, and how many lie beyond it."""
    inside = (np.abs(jet.eta) < REACH) & (np.abs(jet.phi) < REACH)
    largest = float(jet.pt.max(initial=0.0)) or 1.0
    total = float(jet.pt.sum()) or 1.0
    order = [n for n in np.argsort(-jet.pt, kind="stable") if inside[n]]
    drawn = [
        Circle(
            x=round(SIDE * (1 + float(jet.eta[n]) / REACH) / 2, 1),
            y=round(SIDE * (1 - float(jet.phi[n]) / REACH) / 2, 1),
            radius=round(max(0.9, HARDEST * float(np.sqrt(jet.pt[n] / total))), 2),
            share=round(float(jet.pt[n]) / largest, 3),
            text=_hover(jet, n),
        )
        for n in order
    ]
    return drawn, int((~inside).sum())


def _hover(jet: SavedJet, constituent: int) -> str:
    eta, phi = jet.eta[constituent], jet.phi[constituent]
    pt = number(float(jet.pt[constituent]))
    return f"pT {pt} GeV, Δη {eta:.2f}, Δφ {phi:.2f}".replace("-", "−")


def _chosen(evidence: StudyEvidence) -> list[tuple[Kept, SavedJet]]:
    """Each jet that was kept once, with the first point that kept it."""
    found: dict[tuple[str, int], tuple[Kept, SavedJet]] = {}
    for kept in _kept(evidence):
        for jet in SavedJets.read(kept.path):
            found.setdefault((kept.data, jet.sample_id), (kept, jet))
    return list(found.values())


def _alike(evidence: StudyEvidence, data: str) -> list[str]:
    """The points of the same data, in the study's order."""
    hashes = {p: (r.get("data") or {}).get("hash") or "" for p, r in evidence.records.items()}
    return [point for point in evidence.points["point"] if str(hashes[point]) == data]


def _kept(evidence: StudyEvidence) -> list[Kept]:
    """In the study's order."""
    paths = saved_files(evidence, SavedJets.FILE)
    data = {point: evidence.records[point].get("data") or {} for point in paths}
    return [Kept(path, point, str(data[point].get("hash") or "")) for point, path in paths.items()]


def _viewer(evidence: StudyEvidence, kept: Kept, jet: SavedJet) -> Viewer:
    drawn, outside = circles(jet)
    words = _words(evidence)
    rows = _rows(evidence, kept, jet)
    scores = [
        (words[row["point"]], number(row["score"]))
        for row in rows.iter_rows(named=True)
        if words[row["point"]]
    ]
    facts = rows.row(0, named=True) if rows.height else {}
    return Viewer(
        jet=jet.sample_id,
        data=kept.data,
        label=CLASSES[jet.label],
        why=jet.why,
        model=words[kept.point],
        score=number(jet.score),
        taken_for=CLASSES[int(jet.score > 0.5)],
        circles=drawn,
        outside=outside,
        facts=[
            text.format(number(facts[name]))
            for name, text in FACTS.items()
            if facts.get(name) is not None
        ],
        scores=scores[:MAX_SCORES] if len(scores) > 1 else [],
    )


def _rows(evidence: StudyEvidence, kept: Kept, jet: SavedJet) -> polars.DataFrame:
    """The jet in the samples: one row a point of the same data, those of the study's order."""
    if "sample_id" not in evidence.samples.columns:
        return polars.DataFrame()
    alike = _alike(evidence, kept.data)
    partitions = [evidence.held_out, *evidence.samples["partition"].unique(maintain_order=True)]
    found = polars.concat(
        rows_of(evidence.samples, alike, name).filter(polars.col("sample_id") == jet.sample_id)
        for name in dict.fromkeys(partitions)
    ).unique("point", keep="first", maintain_order=True)
    place = {point: number for number, point in enumerate(alike)}
    return found.sort(polars.col("point").replace_strict(place, return_dtype=polars.Int64))


def _words(evidence: StudyEvidence) -> dict[str, str]:
    """By point: what tells it from the study's others."""
    points = evidence.points
    apart = [name for name in differing(points) if name != SEED] or differing(points)
    return {
        row["point"]: ", ".join(setting_text(name, row[name]) for name in apart[:2])
        for row in points.iter_rows(named=True)
    }
