"""A custom workload: its studies, techniques and results, found by `--config-dir`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import polars
import pytest
from command_line import QUIET, REPOSITORY, Ended, saibench, train

STUDY = """# @package _global_
# My rain over its first hour.
#   python train.py -m --config-dir=mine +sweeps=my_rain/first_hour

defaults:
  - override /workload: my_rain
  - override /model: persistence
  - override /trainer: none
  - _self_

study: my_first_hour
subset: {count: 9}

hydra:
  mode: MULTIRUN
  sweeper:
    params: {seed: 0}
"""
TOOLBOX = """
Active area scoping:
  study: my_rain/first_hour
  partitions_by: [saibench.datamodules.samplers.Tail]
  statistics: [lead/mae]
Sample efficiency:
  not_applicable: There is one sample.
"""
PAPER = """
findings: [saibench.findings.nowcasting.claims]
results:
  my_intensity:
    title: intensity of my rain
    section: §1
    studies:
      my_rain/first_hour: [saibench.figures.nowcasting.mean_intensity_by_lead]
    claims:
      - text: It rains.
        numbers: my_rain.events
"""
CODE = """
def events(evidence):
    return f"{evidence.samples.height} events."
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A custom config folder, next to the working folder `here`."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    folder = tmp_path / "mine"
    card = (REPOSITORY / "conf" / "workload" / "nowcasting.yaml").read_text()
    card = card.replace("name: nowcasting", "name: my_rain")
    files = {
        "workload/my_rain.yaml": card.replace("sweeps/nowcasting/", "sweeps/my_rain/"),
        "sweeps/my_rain/first_hour.yaml": STUDY,
        "sweeps/my_rain/toolbox.yaml": TOOLBOX,
        "sweeps/my_rain/paper.yaml": PAPER,
        "my_rain.py": CODE,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "here").mkdir()
    yield folder
    sys.modules.pop("my_rain", None)


def called(mine: Path, command: str, *arguments: str) -> Ended:
    return saibench(mine.parent / "here", command, f"--config-dir={mine}", *arguments)


def test_custom_studies_and_techniques_are_listed(mine: Path) -> None:
    listed = called(mine, "studies")
    assert listed.status == 0, listed.err
    own = listed.out.partition("my_rain: dense matrix")[2]
    assert "My rain over its first hour." in own
    assert "Active area scoping → first_hour" in own
    assert "Sample efficiency: not applicable. There is one sample." in own
    assert "Cumulative metrics" not in own
    study = called(mine, "studies", "first_hour")
    assert "runs: 1\n" in study.out and "techniques: Active area scoping" in study.out
    assert called(mine, "reproduce", "table3").status == 0
    table = polars.read_csv(mine.parent / "here/outputs/reproduced/table3/table3.csv")
    assert table.filter(technique="Active area scoping")["my_rain"].item() == "first_hour"
    assert "my_rain" not in saibench(mine.parent / "here", "studies").out


def test_custom_result_is_drawn(mine: Path) -> None:
    ended = called(mine, "reproduce", "my_intensity", *QUIET, "data.events=20", "data.size=32")
    assert ended.status == 0, ended.err
    assert f"reproduce --config-dir={mine} my_intensity" in ended.out
    assert "here   4 events." in ended.out
    drawn = mine.parent / "here/outputs/reproduced/my_intensity/mean_intensity_by_lead.csv"
    assert drawn.is_file()


@pytest.mark.parametrize(
    ("file", "old", "new", "parts"),
    [
        ("toolbox.yaml", "Active area", "Activ area", ["'Activ area scoping'", "'Active area"]),
        ("toolbox.yaml", "study:", "stdy:", ["toolbox.yaml: Active area scoping: 'study'"]),
        ("toolbox.yaml", "study:", "notes: none\n  study:", ["'notes'", "in_paper"]),
        ("toolbox.yaml", TOOLBOX, "- a list", ["toolbox.yaml"]),
        ("toolbox.yaml", "statistics: [", "statistics: ", ["toolbox.yaml"]),
        ("paper.yaml", "title:", "titel:", ["paper.yaml: results.my_intensity", "title"]),
        ("paper.yaml", "my_intensity:", "fig3:", ["paper.yaml: results.fig3"]),
        ("paper.yaml", "numbers:", "text:", ["paper.yaml: results.my_intensity"]),
        ("paper.yaml", "my_rain.events", "my_rain.evnts", ["'my_rain.evnts'"]),
        ("paper.yaml", "my_rain.events", "os.getcwd", ["'os'", "refused"]),
        ("paper.yaml", "mean_intensity_by", "mean_intensty_by", ["mean_intensity_by_lead"]),
    ],
)
def test_mistakes_in_the_files_are_refused_before_a_run(
    mine: Path, file: str, old: str, new: str, parts: list[str]
) -> None:
    path = mine / "sweeps" / "my_rain" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    arguments = ["studies"] if file == "toolbox.yaml" else ["reproduce", "my_intensity"]
    ended = called(mine, *arguments)
    assert ended.status == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert all(part in ended.err for part in parts), ended.err
    assert not list((mine.parent / "here").iterdir())


def test_missing_toolbox_is_named(mine: Path) -> None:
    (mine / "sweeps" / "my_rain" / "toolbox.yaml").unlink()
    ended = called(mine, "studies")
    assert (ended.status, "my_rain/toolbox.yaml" in ended.err) == (2, True)


@pytest.mark.parametrize("name", ["my_rain/toolbox", "my_rain/paper", "force_field/paper"])
def test_files_that_describe_studies_are_no_studies(mine: Path, name: str) -> None:
    ended = train(mine.parent / "here", "-m", f"--config-dir={mine}", f"+sweeps={name}")
    assert ended.status == 2
    assert f"sweeps={name}" in ended.err


def test_flags_precede_the_name(tmp_path: Path) -> None:
    ended = saibench(tmp_path, "reproduce", "fig3", "--config-dir=mine")
    assert (ended.status, "--config-dir=mine" in ended.err) == (2, True)
