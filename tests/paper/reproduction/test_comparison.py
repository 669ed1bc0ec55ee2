"""Comparisons with the paper's claims, on synthetic studies whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from synthetic_jet_study import RANGES, write_jet_study
from synthetic_rain_study import MadeRain, by_lead, write_rain_study
from synthetic_study import Made, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import INCONCLUSIVE, SUPPORTED, Finding
from saibench.paper.reproduction import force_field, jet_tagging, nowcasting
from saibench.paper.reproduction import reproduce as command
from saibench.paper.reproduction.comparison import NOT_TESTED, answers, comparison
from saibench.paper.reproduction.force_field import BIASED
from saibench.paper.reproduction.result import PaperClaim
from saibench.paper.reproduction.results import named_result
from saibench.paper.reproduction.runs import StudyRun

WINDOWS = [Made(0.0, 0.3), Made(0.0, 0.9), Made(0.3, 0.3), Made(0.6, 0.3)]
SIZES = [Made(0.0, 0.9, count=count) for count in (200, 1000)]
EVENTS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = [*WINDOWS, *(one for one in SIZES if one not in WINDOWS)]
    return write_study(tmp_path_factory.mktemp("study") / "study", made, frames=120)


@pytest.fixture(scope="module")
def rain(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    made = [MadeRain("nowcastnet")]
    return StudyEvidence.load(write_rain_study(tmp_path_factory.mktemp("rain"), made, EVENTS))


def at(lead: int, column: str) -> np.ndarray:
    rows = by_lead(MadeRain("nowcastnet"), EVENTS).filter(lead=lead)
    return rows[column].to_numpy()


def of_points(folder: Path, made: list[Made]) -> StudyEvidence:
    return StudyRun("synthetic", folder, tuple(one.point for one in made), 0).evidence()


@pytest.mark.parametrize("status", [130, 143])
def test_signal_in_one_study_ends_the_command(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def stopped(study: str, overrides: object) -> StudyRun:
        begun.append(study)
        return StudyRun(study, tmp_path, (), status)

    monkeypatch.setattr(command, "run_study", stopped)
    monkeypatch.chdir(tmp_path)
    assert command.reproduce("fig5", full=False, overrides=[]) == status
    assert len(begun) == 1 and not list(tmp_path.iterdir())


def test_figure_is_drawn_from_the_runs_of_the_command_alone(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran = StudyRun("force_field/sample_efficiency", folder, tuple(one.point for one in SIZES), 0)
    monkeypatch.setattr(command, "run_study", lambda study, overrides: ran)
    monkeypatch.chdir(tmp_path)
    assert command.reproduce("fig6", full=True, overrides=[]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for part in ("Figure 6", "full size", "with 200 frames", "with 1,000 frames", "120 frames"):
        assert part in out
    written = tmp_path / "outputs" / "reproduced" / "fig6"
    stem = written / "energy_against_force"
    assert stem.with_suffix(".svg").read_text().startswith("<?xml")
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert polars.read_csv(stem.with_suffix(".csv")).height == 2 * 120
    assert (written / "found.txt").read_text().count("Figure 6") == 1


def test_evidence_of_some_runs_has_their_rows_alone(folder: Path) -> None:
    evidence = of_points(folder, WINDOWS[:2])
    points = {one.point for one in WINDOWS[:2]}
    assert set(evidence.points["point"]) == points
    assert set(evidence.samples["point"]) == points
    assert set(evidence.metrics) == points


def test_best_and_worst_window_are_reported_with_their_means(folder: Path) -> None:
    evidence = of_points(folder, WINDOWS)
    means = evidence.samples.group_by("point").agg(polars.col("force_mae").mean()).sort("force_mae")
    text = force_field.best_and_worst_window(evidence)
    assert "4 windows is 0–90 % " in text
    assert f"of {means['force_mae'][0]:.1f} [" in text
    assert f"with {means['force_mae'][-1]:.1f} [" in text


def test_energy_of_the_smallest_training_set_is_reported(folder: Path) -> None:
    evidence = of_points(folder, SIZES)
    fewest = evidence.samples.filter(point=SIZES[0].point)["energy_error_per_atom"].abs().mean()
    text = force_field.energy_of_fewest_frames(evidence)
    assert text.startswith(f"{fewest:.1f} [")
    assert "200 frames" in text and "120" in text


def test_similarities_are_those_of_the_narrowest_windows_by_their_start(folder: Path) -> None:
    text = force_field.similarity_by_start(of_points(folder, WINDOWS))
    places = [text.index(name) for name in ("0–30 %", "30–60 %", "60–90 %")]
    assert places == sorted(places)
    assert " 0–90 %" not in text
    assert text.endswith(" of 2.")


def test_numbers_of_training_jets_are_reported(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_jet_study(tmp_path, RANGES[:2], jets=300))
    trained = [record["partitions"]["train"] for record in evidence.records.values()]
    totals = {
        sum(sum(one[name][:-1]) for name in ("top_jets", "qcd_jets"))  # not the candidates
        for one in trained
    }
    text = jet_tagging.jets_by_range(evidence)
    assert all(f": {total:,}" in text for total in totals)


def test_means_of_rain_are_those_over_its_events(rain: StudyEvidence) -> None:
    for column, text in (
        ("mae", nowcasting.raw_and_active(rain)),
        ("active_area_mae", nowcasting.raw_and_active(rain)),
        ("displacement", nowcasting.growth_of_displacement(rain)),
        ("displacement_y", nowcasting.mean_direction(rain)),
    ):
        for lead in (60, 120, 180):
            mean = f"{np.nanmean(at(lead, column)):.2f}".replace("-", "−")
            assert f"{mean} [" in text
    assert f"({EVENTS}, {EVENTS}, {EVENTS} events)" in nowcasting.raw_and_active(rain)


def test_events_respond_at_the_lead_times_that_have_a_csi(rain: StudyEvidence) -> None:
    text = nowcasting.responses_of_events(rain)
    rows = rain.table("by_lead")
    first = int(text.partition("event ")[2].split()[0])
    defined = rows.filter(sample_id=first)["csi_16"].fill_nan(None).is_not_null().sum()
    assert f"event {first} {defined} of 20 at 16 mm/h" in text


def test_spreads_of_rain_are_those_of_its_events(rain: StudyEvidence) -> None:
    text = nowcasting.spread_of_errors(rain)
    for column in ("mae", "active_area_mae"):
        low, high = np.nanquantile(at(60, column), [0.25, 0.75])
        assert f"{low:.2f} to {high:.2f} mm/h" in text
    of_events = rain.table("by_lead").filter(lead=60)["observed_rate"].to_numpy()
    assert nowcasting.fullest_intensity(rain).endswith(f"of {len(of_events):,} events.")
    assert "at 16 mm/h (" in nowcasting.width_of_csi(rain)


def test_each_variant_of_a_claim_has_its_own_line() -> None:
    found = [
        Finding(BIASED, SUPPORTED, "3 [2, 4] mm/h.", "narrow"),
        Finding("another", SUPPORTED, "1.", ""),
        Finding(BIASED, INCONCLUSIVE, "0 [−1, 1] mm/h.", ""),
    ]
    claim = PaperClaim(text="Something.", claim=f"{force_field.__name__}.BIASED")
    assert answers(claim, found) == [
        "supported (narrow): 3 [2, 4] mm/h.",
        "inconclusive: 0 [−1, 1] mm/h.",
    ]
    assert answers(claim, found[1:2]) == [NOT_TESTED]


def test_missing_runs_are_reported_instead_of_numbers(folder: Path) -> None:
    lines = comparison(named_result("fig4"), [], of_points(folder, WINDOWS[:2]))
    assert any("3 training windows" in line for line in lines)
