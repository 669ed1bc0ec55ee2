"""Viewer of saved rain events: observation, prediction and difference, with the motion."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.analysis.nowcasting.errors import BY_LEAD, rain_models
from saibench.evidence.nowcasting.saved_events import SavedEvents
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting.radar import (
    DIFFERENCE_COLOURS,
    DIFFERENCE_EDGES,
    MISSING,
    RATE_COLOURS,
    RATE_EDGES,
    difference_classes,
    rate_classes,
)
from saibench.report.nowcasting.arrows import Arrows, arrows
from saibench.report.nowcasting.sprites import sprite
from saibench.report.text import as_json
from saibench.report.viewers import saved_files, viewer_template

title = "Samples: rain events"

MAX_VIEWERS = 8
FIRST_LEAD = 60
"""Lead time in minutes of the frame displayed first."""
SCORES = {"mae": "MAE {} mm/h", "csi_16": "CSI at 16 mm/h {}", "displacement": "δr {} km"}
"""Errors of the displayed frame."""


@dataclass(frozen=True)
class Viewer:
    """A prediction of an event for the template."""

    event: int
    point: str
    model: str
    height: int
    width: int
    leads: list[int]
    """Lead times of all frames in minutes; frames up to 0 are inputs."""
    observed: str
    predicted: str
    difference: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    """Positions as fractions of a side, and their labels in km."""
    arrows: Arrows | None
    scores: list[str]
    """One line per predicted frame."""

    @property
    def minutes(self) -> int:
        """Time between two frames."""
        return self.leads[1] - self.leads[0]

    @property
    def num_predicted(self) -> int:
        return sum(lead > 0 for lead in self.leads)

    @property
    def first(self) -> int:
        """Position of the frame displayed first."""
        return min(range(len(self.leads)), key=lambda at: abs(self.leads[at] - FIRST_LEAD))

    @property
    def json(self) -> str:
        """The data of the page's script."""
        return as_json(
            {
                "height": self.height,
                "width": self.width,
                "leads": self.leads,
                "scores": self.scores,
                "arrows": None if self.arrows is None else self.arrows.as_lists(),
            }
        )


@dataclass(frozen=True)
class Saved:
    """The saved events of a point."""

    path: Path
    point: str
    model: str


def needs(evidence: StudyEvidence) -> str | None:
    return None if _saved(evidence) else "No run has saved events."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the events on the page."""
    events = (
        (saved.point, id_) for saved in _saved(evidence) for id_ in SavedEvents.ids(saved.path)
    )
    found: dict[str, list[int]] = {}
    for point, event in islice(events, MAX_VIEWERS):
        found.setdefault(point, []).append(event)
    return found


def fragment(evidence: StudyEvidence) -> str:
    """Sliders through the frames of the first saved events."""
    found = []
    for saved in _saved(evidence):
        fields = SavedEvents.read(saved.path)
        for number, event in enumerate(fields.sample_id.tolist()):
            found.append(_viewer(fields, number, saved, _scores(evidence, saved.point, event)))
    return viewer_template(__name__).render(
        viewers=found[:MAX_VIEWERS],
        omitted=max(0, len(found) - MAX_VIEWERS),
        rate_bar=list(zip(RATE_COLOURS[1:], RATE_EDGES, strict=True)),
        difference_bar=list(zip(DIFFERENCE_COLOURS, (*DIFFERENCE_EDGES, None), strict=True)),
        missing=MISSING,
    )


def _saved(evidence: StudyEvidence) -> list[Saved]:
    """The saved events, those of the studied models first."""
    paths = saved_files(evidence, SavedEvents.FILE)
    points = evidence.points.filter(polars.col("point").is_in(list(paths)))
    models = rain_models(points) if points.height else []
    return [Saved(paths[point], point, model.label) for model in models for point in model.points]


def _viewer(fields: SavedEvents, number: int, saved: Saved, scores: dict[int, str]) -> Viewer:
    past = fields.observed.shape[1]
    observed = np.concatenate([fields.observed[number], fields.target[number]]).astype(np.float32)
    predicted = np.clip(fields.predicted[number].astype(np.float32), 0, None)
    leads = [fields.frame_minutes * (frame + 1 - past) for frame in range(len(observed))]
    height, width = observed.shape[-2:]
    motion = None if fields.motion is None else fields.motion[number].astype(np.float32)
    return Viewer(
        event=int(fields.sample_id[number]),
        point=saved.point,
        model=saved.model,
        height=height,
        width=width,
        leads=leads,
        observed=sprite(rate_classes(observed), [*RATE_COLOURS, MISSING]),
        predicted=sprite(rate_classes(predicted), [*RATE_COLOURS, MISSING]),
        difference=sprite(
            difference_classes(predicted - observed[past:]), [*DIFFERENCE_COLOURS, MISSING]
        ),
        x_ticks=ticks(width * fields.pixel_km),
        y_ticks=ticks(height * fields.pixel_km),
        arrows=None if motion is None else arrows(motion, fields.pixel_km, fields.frame_minutes),
        scores=[scores.get(lead, "") for lead in leads if lead > 0],
    )


def _scores(evidence: StudyEvidence, point: str, event: int) -> dict[int, str]:
    """By lead time: the event's errors as text, of its first partition."""
    table = evidence.table(BY_LEAD)
    if not {"point", "sample_id", "lead"} <= set(table.columns):
        return {}
    rows = table.filter(polars.col("point") == point, polars.col("sample_id") == event)
    rows = rows.unique(subset="lead", keep="first", maintain_order=True)
    return {row["lead"]: _sentence(row) for row in rows.iter_rows(named=True)}


def _sentence(row: dict[str, Any]) -> str:
    parts = []
    for name, words in SCORES.items():
        value = row.get(name)
        if value is not None:
            parts.append(words.format("undefined" if np.isnan(value) else f"{value:.3g}"))
    return " · ".join(parts)


def ticks(side: float) -> list[tuple[float, str]]:
    """At most six round numbers of km along a side, from 0."""
    steps = (factor * 10.0**power for power in range(-2, 6) for factor in (1, 2, 5))
    step = next(step for step in steps if side / step <= 5)
    return [(at * step / side, f"{at * step:g}") for at in range(int(side / step) + 1)]
