"""Rain events to look through: observation, prediction and difference, with the motion drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
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
from saibench.report.viewers import saved_files, viewer_template

title = "Events to look through"

MAX_VIEWERS = 8
FIRST_SHOWN = 60
"""Lead time in minutes that is shown first."""
SCORES = {"mae": "MAE {} mm/h", "csi_16": "CSI at 16 mm/h {}", "displacement": "δr {} km"}
"""Errors of the shown frame, as they read beside it."""


@dataclass(frozen=True)
class Viewer:
    """What the template shows of one event and model."""

    event: int
    point: str
    model: str
    height: int
    width: int
    leads: list[int]
    """Of all frames, in minutes; up to 0 they are observed and nothing is predicted."""
    observed: str
    predicted: str
    difference: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    """Positions along a side, as a share of it, and km."""
    arrows: Arrows | None
    scores: list[str]
    """One line a predicted frame."""

    @property
    def minutes(self) -> int:
        """Between two frames."""
        return self.leads[1] - self.leads[0]

    @property
    def num_predicted(self) -> int:
        return sum(lead > 0 for lead in self.leads)

    @property
    def shown(self) -> int:
        """Position of the frame that is shown first."""
        return min(range(len(self.leads)), key=lambda at: abs(self.leads[at] - FIRST_SHOWN))

    @property
    def json(self) -> str:
        """What the page's script needs to know."""
        data: dict[str, Any] = {
            "height": self.height,
            "width": self.width,
            "leads": self.leads,
            "scores": self.scores,
            "arrows": None if self.arrows is None else self.arrows.as_lists(),
        }
        return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


@dataclass(frozen=True)
class Kept:
    """A point that kept the fields of events."""

    path: Path
    point: str
    model: str


def needs(evidence: StudyEvidence) -> str | None:
    return None if _kept(evidence) else "No point kept the fields of an event."


def samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the events that are on the page."""
    found: dict[str, list[int]] = {}
    for kept in _kept(evidence):
        for event in SavedEvents.ids(kept.path):
            if sum(map(len, found.values())) < MAX_VIEWERS:
                found.setdefault(kept.point, []).append(event)
    return found


def fragment(evidence: StudyEvidence) -> str:
    """Sliders through the frames of the first events that were kept."""
    found = [viewer for kept in _kept(evidence) for viewer in _viewers(evidence, kept)]
    return viewer_template(__name__).render(
        viewers=found[:MAX_VIEWERS],
        left_out=max(0, len(found) - MAX_VIEWERS),
        rate_bar=list(zip(RATE_COLOURS[1:], RATE_EDGES, strict=True)),
        difference_bar=list(zip(DIFFERENCE_COLOURS, (*DIFFERENCE_EDGES, None), strict=True)),
        missing=MISSING,
    )


def _kept(evidence: StudyEvidence) -> list[Kept]:
    """Those of the models under study first."""
    paths = saved_files(evidence, SavedEvents.FILE)
    points = evidence.points.filter(polars.col("point").is_in(list(paths)))
    models = rain_models(points) if points.height else []
    return [Kept(paths[point], point, model.label) for model in models for point in model.points]


def _viewers(evidence: StudyEvidence, kept: Kept) -> Iterator[Viewer]:
    fields = SavedEvents.read(kept.path)
    for number, event in enumerate(fields.sample_id.tolist()):
        yield _viewer(fields, number, kept, _scores(evidence, kept.point, event))


def _viewer(fields: SavedEvents, number: int, kept: Kept, scores: dict[int, str]) -> Viewer:
    past = fields.observed.shape[1]
    observed = np.concatenate([fields.observed[number], fields.target[number]]).astype(np.float32)
    predicted = np.clip(fields.predicted[number].astype(np.float32), 0, None)
    leads = [fields.frame_minutes * (frame + 1 - past) for frame in range(len(observed))]
    height, width = observed.shape[-2:]
    motion = None if fields.motion is None else fields.motion[number].astype(np.float32)
    return Viewer(
        event=int(fields.sample_id[number]),
        point=kept.point,
        model=kept.model,
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
    """By lead time: the event's errors in words, of the first partition that holds it."""
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
    """At most six round numbers of km along a side, from 0 on."""
    steps = (factor * 10.0**power for power in range(-2, 6) for factor in (1, 2, 5))
    step = next(step for step in steps if side / step <= 5)
    return [(at * step / side, f"{at * step:g}") for at in range(int(side / step) + 1)]
