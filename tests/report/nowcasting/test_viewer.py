"""Saved rain events on the page."""

from __future__ import annotations

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from PIL import Image
from synthetic_rain_study import STUDY, MadeRain, write_rain_study

from saibench.config.reported import check_reported
from saibench.errors import PartFailed, UserError
from saibench.evidence.nowcasting.saved_events import SavedEvents, saved_events
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting.radar import RATE_COLOURS, difference_classes, rate_classes
from saibench.report import render, write_report
from saibench.report.nowcasting import viewer as event_viewer
from saibench.report.nowcasting.arrows import arrows
from saibench.report.nowcasting.viewer import ticks

VIEWER = "saibench.report.nowcasting.viewer"
SIDE = 64


def made_rain(frames: int, shift: float) -> np.ndarray:
    """A blob that moves to the right, mm/h `(1, frames, SIDE, SIDE)`."""
    y, x = np.mgrid[:SIDE, :SIDE]
    centres = [20 + shift * frame for frame in range(frames)]
    moved = [40 * np.exp(-((x - centre) ** 2 + (y - 30) ** 2) / 90) for centre in centres]
    return np.stack(moved)[None].astype(np.float32)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_rain_study(tmp_path, STUDY, record={"explorers": [VIEWER]})
    for made in STUDY[:2]:
        rain = made_rain(29, 0.8)
        rain[0, 3, :4] = np.nan  # a strip of missing pixels
        motion = np.zeros((1, 20, 2, SIDE, SIDE))
        motion[:, :, 0] = -1.5  # rain comes from the left
        predicted = made_rain(20, 1.0) - 0.5
        kept = saved_events(
            [104], rain[:, :9], rain[:, 9:], predicted, 2.0,
            None if made.model == "persistence" else motion,
        )  # fmt: skip
        kept.write(folder / f"{made.slug}-{made.point}" / SavedEvents.FILE)
    return folder


def test_viewer_has_each_model_with_axes_units_and_errors(study: Path) -> None:
    evidence = StudyEvidence.load(study)
    assert event_viewer.needs(evidence) is None
    html = event_viewer.fragment(evidence)
    page = Page(html)
    assert page.links and all(address.startswith("data:image/") for address in page.links)
    assert html.index("nowcastnet") < html.index("persistence")
    assert html.count("Event 104 ") == 2 and html.count("mm/h</text>") == 4
    assert html.count("with motion") == 1
    data = [json.loads(text) for text in re.findall(r"application/json\">(.*?)</script>", html)]
    assert data[0]["leads"] == list(range(-80, 201, 10))
    rows = evidence.table("by_lead")
    first = STUDY[1].point
    error = rows.filter(point=first, sample_id=104, lead=60)["mae"].item()
    assert f"MAE {error:.3g} mm/h" in data[0]["scores"][5]
    assert data[1]["arrows"] is None
    assert len(html.encode()) < 1.5e6


def test_pixels_have_the_colour_of_their_rain_rate(study: Path) -> None:
    html = event_viewer.fragment(StudyEvidence.load(study))
    address = Page(html).links[0]
    image = Image.open(BytesIO(base64.b64decode(address.rpartition(",")[2])))
    assert image.size == (SIDE, 29 * SIDE)
    colours = np.asarray(image.convert("RGB"))
    peak = colours[0 * SIDE + 30, 20]  # 40 mm/h
    assert "#{:02x}{:02x}{:02x}".format(*peak) == RATE_COLOURS[8] == "#e3211c"
    assert colours[SIDE - 1, SIDE - 1].tolist() == [255, 255, 255]
    assert colours[3 * SIDE + 1, 1].tolist() == [0xC9] * 3  # missing


@pytest.mark.parametrize(
    ("rate", "position"), [(0.0, 0), (0.1, 1), (0.49, 1), (0.5, 2), (64.0, 9), (128, 9)]
)
def test_rates_are_classed_at_their_lower_edge(rate: float, position: int) -> None:
    assert rate_classes([rate]).tolist() == [position]
    assert rate_classes([np.nan]).tolist() == [len(RATE_COLOURS)]
    assert difference_classes([-40.0, 0.0, 0.4, 0.5, 40.0]).tolist() == [0, 4, 4, 5, 8]


def test_arrows_are_displacements_to_scale() -> None:
    motion = np.zeros((1, 2, 56, 56), dtype=np.float32)
    motion[:, 0], motion[:, 1] = -2.0, 1.0  # from the left and from below, pixels in 10 minutes
    found = arrows(motion, pixel_km=2.0)
    assert found.fastest == pytest.approx(np.sqrt(5) * 6 * 2)  # km/h
    hours = found.minutes / 60
    assert found.ends[0, 3, 5] == pytest.approx([12 * hours / 56, -6 * hours / 56])
    assert np.hypot(*(56 * found.ends[0, 0, 0])) <= 1.5 * 56 / 14


def test_ticks_are_few_and_round() -> None:
    assert ticks(1024.0) == [(0.0, "0"), (500 / 1024, "500"), (1000 / 1024, "1000")]
    assert [text for _, text in ticks(128.0)] == ["0", "50", "100"]


def test_page_has_the_viewer_and_is_self_contained(study: Path) -> None:
    html = write_report(study).read_text()
    page = Page(html)
    assert event_viewer.title in html
    assert page.tags.count("input") == 2
    assert not [a for a in page.links if not a.startswith(("data:", "#"))]


def test_page_without_events_has_the_reason(tmp_path: Path) -> None:
    folder = write_rain_study(tmp_path, record={"explorers": [VIEWER]})
    evidence = StudyEvidence.load(folder)
    assert f"{event_viewer.needs(evidence)}" in render(evidence)


def test_missing_or_invalid_viewer_is_named_on_the_page(tmp_path: Path) -> None:
    record = {"explorers": ["saibench.report.nothing", "saibench.report.text"]}
    html = render(StudyEvidence.load(write_rain_study(tmp_path, [MadeRain()], record=record)))
    assert "&#39;saibench.report.nothing&#39;" in html
    assert "title, needs, fragment" in html


def test_missing_viewer_is_refused_before_training() -> None:
    with pytest.raises(UserError, match=r"saibench\.report\.nowcasting\.viewer"):
        check_reported({"explorers": ["saibench.report.nowcasting.viewr"]})


def test_defect_of_a_viewer_is_warned_of_after_the_page_is_written(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(evidence: StudyEvidence) -> str:
        raise RuntimeError("a defect")

    monkeypatch.setattr(event_viewer, "fragment", broken)
    with pytest.warns(PartFailed, match="viewer .*RuntimeError: a defect"):
        write_report(study)
    assert "RuntimeError: a defect" in (study / "report.html").read_text()


def test_damaged_file_prevents_only_the_viewer(study: Path) -> None:
    path = next(study.glob(f"nowcastnet*/{SavedEvents.FILE}"))
    path.write_bytes(b"")
    assert str(path) in write_report(study).read_text()
