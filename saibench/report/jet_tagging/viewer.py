"""Viewer of saved jets: their constituents about the jet axis, and the models' scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars

from saibench.evidence.jet_tagging.class_names import ClassNames
from saibench.evidence.jet_tagging.saved_jets import SavedJet, SavedJets
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of
from saibench.formatting import number
from saibench.report.viewers import run_labels, saved_files, viewer_template

title = "Samples: jets"

MAX_JETS = 24
MAX_SCORES = 8
"""Models whose scores are listed next to a jet."""
RADIUS = 0.8
"""Radius of the anti-kT jets, drawn as a circle."""
REACH = 1.0
"""Half the side of the map, in η and φ."""
TICKS = (-0.8, -0.4, 0.0, 0.4, 0.8)
SIDE = 300
"""Side of the map, in units of the drawing."""
HARDEST = 22.0
"""Radius of a constituent with all of the jet's pT; the area is proportional to pT."""
FACTS = {
    "jet_pt": "pT {} GeV",
    "jet_mass": "mass {} GeV",
    "jet_energy": "energy {} GeV",
    "jet_eta": "η {}",
    "num_constituents": "{} constituents",
}


@dataclass(frozen=True)
class Circle:
    """A constituent on the map; position and radius in units of the drawing."""

    x: float
    y: float
    radius: float
    share: float
    """Fraction of the largest pT, for the opacity."""
    text: str


@dataclass(frozen=True)
class Viewer:
    """A jet for the template."""

    jet: int
    data: str
    label: str
    why: str
    model: str
    score: str
    predicted: str
    circles: list[Circle]
    outside: int
    facts: list[str]
    scores: list[tuple[str, str]]
    """Label and score of each of the study's models."""

    @property
    def is_wrong(self) -> bool:
        return self.label != self.predicted


def needs(evidence: StudyEvidence) -> str | None:
    return None if saved_files(evidence, SavedJets.FILE) else "No run has saved jets."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the jets of its data on the page, whichever run saved them."""
    found: dict[str, list[int]] = {}
    for saved_by, jet in _jets(evidence)[:MAX_JETS]:
        for point in _same_data(evidence, saved_by):
            found.setdefault(point, []).append(jet.sample_id)
    return found


def fragment(evidence: StudyEvidence) -> str:
    """Maps of the first saved jets, each jet once."""
    jets = _jets(evidence)
    return viewer_template(__name__).render(
        viewers=[_viewer(evidence, point, jet) for point, jet in jets[:MAX_JETS]],
        omitted=max(0, len(jets) - MAX_JETS),
        signal=ClassNames.recorded(evidence.records.values()).signal,
        side=SIDE,
        radius=SIDE * RADIUS / (2 * REACH),
        ticks=[(SIDE * (1 + at / REACH) / 2, f"{at:g}".replace("-", "−")) for at in TICKS],
    )


def circles(jet: SavedJet) -> tuple[list[Circle], int]:
    """The constituents on the map, soft ones on top, and the number outside of it."""
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


def _jets(evidence: StudyEvidence) -> list[tuple[str, SavedJet]]:
    """Each saved jet once, with the first point that saved it."""
    found: dict[tuple[str, int], tuple[str, SavedJet]] = {}
    for point, path in saved_files(evidence, SavedJets.FILE).items():
        for jet in SavedJets.read(path):
            found.setdefault((_data_hash(evidence, point), jet.sample_id), (point, jet))
    return list(found.values())


def _data_hash(evidence: StudyEvidence, point: str) -> str:
    return str((evidence.records[point].get("data") or {}).get("hash") or "")


def _same_data(evidence: StudyEvidence, point: str) -> list[str]:
    """The points on the data of this one, in the order of the study."""
    data = _data_hash(evidence, point)
    return [other for other in evidence.points["point"] if _data_hash(evidence, other) == data]


def _viewer(evidence: StudyEvidence, point: str, jet: SavedJet) -> Viewer:
    drawn, outside = circles(jet)
    names = ClassNames.recorded([evidence.records[point]])
    labels = run_labels(evidence, max_settings=2)
    rows = _rows(evidence, point, jet)
    scores = [
        (labels[row["point"]], number(row["score"]))
        for row in rows.iter_rows(named=True)
        if labels[row["point"]]
    ]
    facts = rows.row(0, named=True) if rows.height else {}
    return Viewer(
        jet=jet.sample_id,
        data=_data_hash(evidence, point),
        label=names.of(jet.label),
        why=jet.why,
        model=labels[point],
        score=number(jet.score),
        predicted=names.of(int(jet.score > 0.5)),
        circles=drawn,
        outside=outside,
        facts=[
            text.format(number(facts[name]))
            for name, text in FACTS.items()
            if facts.get(name) is not None
        ],
        scores=scores[:MAX_SCORES] if len(scores) > 1 else [],
    )


def _rows(evidence: StudyEvidence, point: str, jet: SavedJet) -> polars.DataFrame:
    """The rows of the jet in the samples: one per point on the same data."""
    if "sample_id" not in evidence.samples.columns:
        return polars.DataFrame()
    points = _same_data(evidence, point)
    partitions = [evidence.held_out, *evidence.samples["partition"].unique(maintain_order=True)]
    found = polars.concat(
        rows_of(evidence.samples, points, name).filter(polars.col("sample_id") == jet.sample_id)
        for name in dict.fromkeys(partitions)
    ).unique("point", keep="first", maintain_order=True)
    return found.sort(polars.col("point").cast(polars.Enum(points)))
