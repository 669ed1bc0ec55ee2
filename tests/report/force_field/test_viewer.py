"""Saved frames of molecules on the page."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import Made, write_study

from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.reader import StudyEvidence
from saibench.report import render
from saibench.report.force_field import viewer as molecule_viewer
from saibench.report.viewers import viewer_samples

VIEWER = "saibench.report.force_field.viewer"
MADE = [Made(size=0.3), Made(size=0.9)]
WHY = "</script><b>why</b>"


def made_frames(*ids: int) -> SavedFrames:
    vectors = np.random.default_rng(ids[0]).normal(size=(3, len(ids), 3, 3)).astype(np.float32)
    whys = np.array([WHY] * len(ids))
    return SavedFrames(np.array(ids), whys, np.array([8, 1, 1]), *vectors)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_study(tmp_path / "study", MADE, frames=40, figures=[])
    for made in MADE:
        path = folder / f"{made.slug}-{made.point}" / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "explorers": [VIEWER]}))
    made_frames(9600, 9601).write(folder / f"{MADE[0].slug}-{MADE[0].point}" / SavedFrames.FILE)
    return folder


def vectors(text: str) -> np.ndarray:
    """As the page's script reads them."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view(np.float32).ravel()


def test_page_has_positions_and_errors_of_every_saved_frame(study: Path) -> None:
    evidence = StudyEvidence.load(study)
    html = molecule_viewer.fragment(evidence)
    assert WHY not in html
    (content,) = re.findall(r'application/json" class="frames">(.*?)</script>', html)
    (point,) = json.loads(content)["points"].items()
    kept = SavedFrames.read(study / f"{MADE[0].slug}-{MADE[0].point}" / SavedFrames.FILE)
    assert point[0] == MADE[0].point
    assert point[1]["ids"] == [9600, 9601] and point[1]["why"] == [WHY, WHY]
    assert point[1]["symbols"] == ["O", "H", "H"] and point[1]["words"] == "window.size = 0.3"
    np.testing.assert_allclose(vectors(point[1]["positions"]), kept.positions.ravel(), rtol=1e-4)
    np.testing.assert_allclose(vectors(point[1]["error"]), kept.force_error.ravel(), rtol=1e-3)


def test_frames_of_several_molecules_have_their_own_atoms(study: Path) -> None:
    path = study / f"{MADE[0].slug}-{MADE[0].point}" / SavedFrames.FILE
    frames = made_frames(9600, 9601)
    replace(frames, atomic_numbers=np.array([[8, 1, 1], [6, 8, 0]])).write(path)
    html = molecule_viewer.fragment(StudyEvidence.load(study))
    (content,) = re.findall(r'application/json" class="frames">(.*?)</script>', html)
    ((_, point),) = json.loads(content)["points"].items()
    assert point["padded"] == 3 and point["symbols"] == [["O", "H", "H"], ["C", "O"]]
    assert [len(radii) for radii in point["radii"]] == [3, 2]


def test_saved_frames_are_listed_by_point(study: Path) -> None:
    assert viewer_samples(StudyEvidence.load(study)) == {MADE[0].point: [9600, 9601]}


def test_page_without_frames_has_the_reason(study: Path) -> None:
    next(study.glob(f"*/{SavedFrames.FILE}")).unlink()
    evidence = StudyEvidence.load(study)
    assert f"{molecule_viewer.needs(evidence)}" in render(evidence)


def test_damaged_file_prevents_only_the_viewer(study: Path) -> None:
    path = next(study.glob(f"*/{SavedFrames.FILE}"))
    path.write_bytes(b"")
    page = render(StudyEvidence.load(study))
    assert str(path) in page and MADE[1].point in page
