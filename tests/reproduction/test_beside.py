"""Figures drawn and findings told from made-up studies, without a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_jet_study import PRIOR, RANGES, SIZES, write_jet_study
from synthetic_rain_study import MadeRain, write_draws, write_rain_study, write_shifts
from synthetic_study import write_study

from saibench.evidence.reader import StudyEvidence
from saibench.reproduction import reproduce as command
from saibench.reproduction.beside import NO_QUESTION
from saibench.reproduction.results import RESULTS
from saibench.reproduction.runs import Ran

NET = MadeRain("nowcastnet")


def shifted(folder: Path) -> Path:
    write_shifts(folder / f"{NET.slug}-{NET.point}", NET)
    return folder


def drawn_again(folder: Path) -> Path:
    write_draws(folder / f"{NET.slug}-{NET.point}", NET, draws=20)
    return folder


MADE: dict[str, Callable[[Path], Path]] = {
    "force_field": lambda folder: write_study(folder, frames=200),
    "sizes": lambda folder: write_jet_study(folder, SIZES[::2]),
    "turned": lambda folder: write_jet_study(folder, PRIOR[:6], turned=True),
    "ranges": lambda folder: write_jet_study(folder, [*RANGES[:2], RANGES[-1]], jets=8000),
    "rain": write_rain_study,
    "shifts": shifted,
    "draws": drawn_again,
}
OF_RESULT = {
    **dict.fromkeys(("fig3", "fig4", "fig6"), "force_field"),
    **{"fig7": "sizes", "fig8": "turned", "fig9": "turned"},
    **dict.fromkeys(("fig10", "fig11", "fig12"), "ranges"),
    **dict.fromkeys(("fig14", "fig18", "fig19", "fig21"), "rain"),
    **{"fig13": "shifts", "fig20": "draws"},
}
"""The figures whose text has most to it; others are drawn by tests/figures alone."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = MADE[name](tmp_path_factory.mktemp(name) / "study")
        return folders[name]

    return folder


@pytest.mark.parametrize("name", OF_RESULT)
def test_figure_is_written_and_every_finding_is_answered(
    name: str,
    made: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = made(OF_RESULT[name])
    points = tuple(StudyEvidence.load(folder).records)
    monkeypatch.setattr(command, "run_study", lambda study, _: Ran(study, folder, points, 0))
    monkeypatch.chdir(tmp_path)
    assert command.reproduce(name, full=False, overrides=[]) == 0
    told = capsys.readouterr().out
    assert NO_QUESTION not in told
    result = RESULTS[name]
    for said in result.said:
        assert said.text[:40] in " ".join(told.split())
    written = tmp_path / "outputs" / "reproduced" / name
    for module in result.parts[0].figures:
        stem = written / module.rpartition(".")[2]
        assert stem.with_suffix(".svg").read_text().startswith("<?xml")
        assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert len(stem.with_suffix(".csv").read_text().splitlines()) > 1
    assert result.label in (written / "found.txt").read_text()
