"""The list of shipped studies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from saibench.cli import _commands
from saibench.errors import UserError
from saibench.paper.toolbox.listing import all_lines, named_lines
from saibench.paper.toolbox.studies import Study, all_studies, measured_times, study_named
from saibench.shipped import root


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return all_studies()


def record(folder: Path, workload: str, state: str, seconds: float) -> None:
    folder.mkdir(parents=True)
    content = {"point": folder.name, "settings": {}, "workload": workload, "state": state}
    (folder / "run.json").write_text(json.dumps({**content, "seconds": {"total": seconds}}))


def test_every_file_under_sweeps_is_listed(studies: list[Study], tmp_path: Path) -> None:
    files = (root() / "sweeps").rglob("*.yaml")
    names = {str(file.relative_to(root() / "sweeps").with_suffix("")) for file in files}
    describing = {name for name in names if name.rpartition("/")[2] in ("toolbox", "paper")}
    assert "toolbox" in describing
    assert {study.name for study in studies} == names - describing
    text = "\n".join(all_lines(tmp_path))
    for study in studies:
        assert study.first_sentence.endswith((".", "?"))
        assert study.first_sentence[:40] in " ".join(text.split())
    assert text.count("not run here") == len(studies)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("force_field/time_extrapolation", 15),
        ("force_field/time_slices_mini", 3),
        ("jet_tagging/energy_extrapolation_mini", 4),
        ("jet_tagging/rotation", 15),  # 3 inputs × 5 sizes of its parent
        ("nowcasting/trend_imbalance", 4),
        ("nowcasting/trend_imbalance_mini", 2),  # its own seeds instead of its parent's
    ],
)
def test_number_of_runs_is_that_of_the_sweeper(name: str, points: int) -> None:
    assert study_named(name).num_points == points


def test_commands_of_several_lines_are_joined_and_parse(studies: list[Study]) -> None:
    for study in studies:
        assert any(f"+sweeps={study.name}" in command for command in study.commands)
        assert not any("\\" in command for command in study.commands)
    parser = OverridesParser.create()
    first = study_named("force_field/time_extrapolation").commands[1]
    overrides = parser.parse_overrides(first.split()[3:])
    assert [o.key_or_group for o in overrides][-1] == "trainer.max_steps"


def test_time_is_that_of_complete_runs_on_all_data(tmp_path: Path) -> None:
    for molecule, seconds in (("ethanol", 60.0), ("aspirin", 180.0)):
        study = tmp_path / f"time_extrapolation-{molecule}"
        record(study / "a", "force_field", "complete", seconds)
        record(study / "b", "force_field", "failed", 1000.0)
    record(tmp_path / "time_extrapolation_mini-ethanol" / "a", "force_field", "complete", 7.0)
    times = measured_times(study_named("force_field/time_extrapolation"), tmp_path)
    assert [(one.complete, one.seconds) for one in times] == [(1, 180.0), (1, 60.0)]
    assert "2 runs took 4 min" in "\n".join(all_lines(tmp_path))


def test_damaged_records_are_ignored(tmp_path: Path) -> None:
    for name, text in (("cut", '{"workload": "force_'), ("list", "[]")):
        place = tmp_path / "time_extrapolation-ethanol" / name
        place.mkdir(parents=True)
        (place / "run.json").write_text(text)
    study = study_named("force_field/time_extrapolation")
    assert study.is_folder("time_extrapolation-ethanol") and measured_times(study, tmp_path) == []


def test_missing_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--outputs .*/none "):
        _commands(["studies", "--outputs", str(tmp_path / "none")])


def test_runs_of_another_workload_are_ignored(tmp_path: Path) -> None:
    record(tmp_path / "error_tracing" / "a", "jet_tagging", "complete", 7.0)
    assert measured_times(study_named("nowcasting/error_tracing"), tmp_path) == []


def test_study_is_described_by_its_full_or_short_name(tmp_path: Path) -> None:
    lines = named_lines("force_field/time_slices", tmp_path)
    assert lines == named_lines("time-slices", tmp_path)
    text = "\n".join(lines)
    assert "runs: 3" in text
    assert "techniques: Time frame slices" in text
    assert "sweeps over: window={start: 0, size: 0.3}" in text
    both = "\n".join(named_lines("error_tracing", tmp_path))
    assert "jet_tagging/error_tracing" in both
    assert "nowcasting/error_tracing" in both


def test_technique_is_described_with_commands_and_reasons(tmp_path: Path) -> None:
    text = "\n".join(named_lines("equivariance test", tmp_path))
    assert "python train.py -m +sweeps=force_field/equivariance" in text
    assert "jet_tagging: not applicable. " in text


def test_unknown_name_is_refused_with_the_closest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean 'time_extrapolation'\?"):
        named_lines("time_extrapolatoin", tmp_path)
