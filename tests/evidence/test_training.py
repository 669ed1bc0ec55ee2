"""Records name the settings that select training data; no code knows those of a workload."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic_study import WINDOWS, Made, write_study

from saibench.analysis.learning_curve.reading import curve_config, learning_curves
from saibench.analysis.setting_axes import axes_of
from saibench.errors import UserError
from saibench.evidence import selection
from saibench.evidence.reader import StudyEvidence

MADE = [*WINDOWS[:2], Made(0.6, None), Made(0.0, 0.3, count=500)]
NAMES = {"window.start": "span.from", "window.size": "span.length", "subset.count": "events"}
TRAINING = {
    "sizes": ["events"],
    "window": {"start": "span.from", "size": "span.length", "limit": "span.end"},
}


def study(folder: Path, training: dict | None, **settings: float) -> StudyEvidence:
    """A synthetic study whose settings have other names, declared in its records or not."""
    write_study(folder, MADE, frames=20, figures=[])
    for path in folder.glob("*/run.json"):
        record = json.loads(path.read_text())
        own = record["settings"]
        record["settings"] = {NAMES.get(name, name): value for name, value in own.items()}
        record["settings"] |= settings
        path.write_text(json.dumps(record | ({"training": training} if training else {})))
    return StudyEvidence.load(folder)


def test_windows_do_not_depend_on_the_names_of_settings(tmp_path: Path) -> None:
    older = StudyEvidence.load(write_study(tmp_path / "older", MADE, frames=20, figures=[]))
    named = study(tmp_path / "named", TRAINING)
    columns = ["point", "window", "window_start", "window_end"]
    assert selection.tested(named).select(columns).equals(selection.tested(older).select(columns))
    assert selection.tested(older)["window"].to_list() == ["0–30 %", "0–30 %", "0–45 %", "60–90 %"]
    assert [v.cells for v in selection.windows_of_equal_count(selection.tested(named))] == [
        v.cells for v in selection.windows_of_equal_count(selection.tested(older))
    ]
    assert "window" in selection.settings_of(selection.tested(named))
    assert not {"span.from", "span.length"} & set(selection.settings_of(selection.tested(named)))
    assert selection.test_start(named) == 0.9


def test_a_window_ends_at_its_recorded_limit(tmp_path: Path) -> None:
    named = study(tmp_path / "named", TRAINING, **{"span.end": 0.8})
    assert (
        "60–80 %" in selection.tested(named)["window"].to_list()
        and selection.test_start(named) == 0.8
    )


def test_a_workload_without_windows_has_none(tmp_path: Path) -> None:
    plain = study(tmp_path / "plain", {"sizes": ["events"], "window": None})
    assert "window" not in selection.compared_points(plain).columns
    assert {"span.from", "span.length", "events"} <= set(
        selection.settings_of(selection.tested(plain))
    )
    with pytest.raises(UserError, match=r"-m … events=200,1000"):
        axes_of(StudyEvidence(Path(), dict([next(iter(plain.records.items()))]), {}, {}))


def test_a_learning_curve_is_over_the_declared_sizes(tmp_path: Path) -> None:
    named = study(tmp_path / "named", TRAINING)
    (curve,) = learning_curves(named, curve_config(named, statistic="force_mae"))
    assert curve.sizes.tolist() == [500, 1000]
    other = study(tmp_path / "other", {"sizes": ["seed"], "window": TRAINING["window"]})
    assert learning_curves(other, curve_config(other, statistic="force_mae")) == []


def test_a_window_that_is_no_number_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"settings\.span\.from"):
        study(tmp_path / "broken", TRAINING, **{"span.from": True})
    with pytest.raises(UserError, match=r"training\.window\.limit"):
        study(tmp_path / "half", {"window": {"start": "a", "size": "b"}})
