"""The title of a page in words, from records of now and of 0.1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import WINDOWS, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.report.heading import data_name, model_line, model_name, page_title


def study_of(folder: Path, *changes: dict[str, Any]) -> StudyEvidence:
    """A study of as many runs as there are changes of a record."""
    made = WINDOWS[: len(changes)]
    write_study(folder, made, frames=20, figures=[])
    for one, change in zip(made, changes, strict=True):
        path = folder / f"{one.slug}-{one.point}" / "run.json"
        record = json.loads(path.read_text())
        settings = {**record["settings"], **change.pop("settings", {})}
        path.write_text(json.dumps({**record, "settings": settings, **change}))
    return StudyEvidence.load(folder)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"data.molecule": "ethanol", "data._target_": "a.GFN2Simulation"}, "ethanol"),
        ({"data._target_": "package.SimulatedJets"}, "simulated jets"),
        ({"data._target_": "package.MRMS"}, "MRMS"),
        ({"data.count": 5}, ""),
    ],
)
def test_data_are_named_by_a_setting_or_by_their_class(settings: dict[str, Any], name: str) -> None:
    assert data_name({"settings": settings}) == name


def test_data_with_a_title_are_named_by_it() -> None:
    title = "Kuramoto–Sivashinsky equation"
    settings = {"data._target_": "package.KuramotoSivashinsky"}
    assert data_name({"settings": settings, "data": {"title": title}}) == title


def test_model_is_named_by_the_class_of_its_net() -> None:
    settings = {"model.name": "particle_transformer_small"}
    assert model_name({"settings": settings, "model": "ParticleTransformer"}) == (
        "ParticleTransformer"
    )
    assert model_name({"settings": settings}) == "particle transformer small"
    assert model_name({"settings": {}}) == ""


def test_title_names_task_data_and_models(tmp_path: Path) -> None:
    ethanol = {"settings": {"data.name": "ethanol"}, "model": "NequIP"}
    one = study_of(tmp_path / "one", {**ethanol}, {**ethanol})
    assert page_title(one) == "Force field: ethanol, NequIP"
    assert model_line(one) == "2 runs of NequIP, trained on 1,000 samples"
    many = study_of(tmp_path / "many", *({**ethanol, "model": f"Net{i}"} for i in range(4)))
    assert page_title(many) == "Force field: ethanol, 4 models"
    two = study_of(tmp_path / "two", {**ethanol}, {**ethanol, "model": "MACE"})
    assert page_title(two) == "Force field: ethanol, NequIP and MACE"
