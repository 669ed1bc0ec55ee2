"""Viewer of saved forecasts: truth, forecast and error of a few starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from saibench.analysis.tested_models import tested_models
from saibench.evidence.field_dynamics.saved_forecasts import SavedForecasts
from saibench.evidence.reader import StudyEvidence
from saibench.figures.field_dynamics.forecast import MAX_CHANNELS, draw
from saibench.formatting import number
from saibench.report.drawn import svg_uri
from saibench.report.viewers import saved_files, viewer_template

title = "Samples: forecasts"

MAX_VIEWERS = 8
SCORES = {"relative_l2": "relative L2 {}", "vrmse": "VRMSE {}", "valid_time": "valid time {}"}


@dataclass(frozen=True)
class Viewer:
    """A forecast for the template."""

    start: int
    point: str
    model: str
    about: str
    scores: str
    image: str


def needs(evidence: StudyEvidence) -> str | None:
    return None if _paths(evidence) else "No run has saved forecasts."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the forecasts on the page."""
    found: dict[str, list[int]] = {}
    for point, _, saved, place in islice(_saved(evidence), MAX_VIEWERS):
        found.setdefault(point, []).append(int(saved.sample_id[place]))
    return found


def fragment(evidence: StudyEvidence) -> str:
    """Pictures of the first saved forecasts."""
    found = list(_saved(evidence))
    viewers = [_viewer(evidence, *one) for one in found[:MAX_VIEWERS]]
    first = found[0][2]
    axes = len(first.lengths)
    return viewer_template(__name__).render(
        viewers=viewers,
        omitted=len(found) - len(viewers),
        axes=axes,
        hidden=max(0, len(first.channels) - MAX_CHANNELS[axes]),
    )


def _paths(evidence: StudyEvidence) -> list[tuple[str, str, Path]]:
    """Point, model and file of every run that saved forecasts."""
    paths = saved_files(evidence, SavedForecasts.FILE)
    models = tested_models(evidence.points) if paths else []
    return [(point, model.label, paths[point])
            for model in models for point in model.points if point in paths]  # fmt: skip


def _saved(evidence: StudyEvidence) -> Iterator[tuple[str, str, SavedForecasts, int]]:
    """Each saved forecast; the first of all runs, then the second of all."""
    files = [(point, label, SavedForecasts.read(path)) for point, label, path in _paths(evidence)]
    for place in range(max((len(saved.sample_id) for *_, saved in files), default=0)):
        for point, label, saved in files:
            if place < len(saved.sample_id):
                yield point, label, saved, place


def _viewer(
    evidence: StudyEvidence, point: str, label: str, saved: SavedForecasts, place: int
) -> Viewer:
    start = int(saved.sample_id[place])
    return Viewer(
        start=start,
        point=point,
        model=label,
        about=f"{saved.about[place]}; {saved.why[place]}",
        scores=_scores(evidence, point, start),
        image=svg_uri(draw(saved, place)),
    )


def _scores(evidence: StudyEvidence, point: str, start: int) -> str:
    """Errors of the forecast, of its first partition."""
    rows = evidence.samples.filter(point=point, sample_id=start)
    if not rows.height:
        return ""
    row, units = rows.row(0, named=True), evidence.units
    listed = " · ".join(
        words.format(f"{number(row[name])} {units.get(name, {}).get('unit', '')}".rstrip())
        for name, words in SCORES.items()
        if row.get(name) is not None
    )
    return listed[:1].upper() + listed[1:]
