"""Figures of force fields: their numbers compared with numpy, and what they need."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import polars as pl
import pytest
from figure_readings import checked_reading
from imported_anew import imported_anew
from scipy import stats
from synthetic_study import FIGURES, PARTITION, WINDOWS, Made, write_point, write_study

from saibench.analysis.force_field.window_similarity import CENTRED, PLAIN
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.figures.force_field import (
    energy_against_force,
    energy_error_over_time,
    force_error_by_size,
    window_similarity,
    windows,
)
from saibench.figures.style import svg
from saibench.imports.user_names import name_targets, names_of_one_command

ALL = [figure_module(name) for name in FIGURES]


def mean_of(evidence: StudyEvidence, made: Made, column: str) -> float:
    samples = evidence.samples.filter(pl.col("point") == made.point)
    return float(samples[column].abs().mean())


LABELS = {
    force_error_by_size: {
        "force MAE [meV/Å]",
        "energy MAE per atom [meV/atom]",
        "frames trained on (log scale)",
    },
    windows: {"position in the trajectory [%]", "force MAE [meV/Å]"},
    window_similarity: {
        "mean SOAP similarity to the test",
        "start of the window [%]",
        "centred similarity to the test",
        "force MAE [meV/Å]",
    },
    energy_error_over_time: {"time in the trajectory [ps]", "energy error [meV]"},
    energy_against_force: {
        "force MAE of the frame [meV/Å]",
        "|energy error| of the frame [meV]",
    },
}


@pytest.mark.parametrize("figure", LABELS, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_figure_is_drawn_with_units_count_and_partition(
    figure: ModuleType, evidence: StudyEvidence
) -> None:
    settings = dict(matplotlib.rcParams)
    assert figure.needs(evidence) is None
    drawn = figure.draw(evidence)
    assert dict(matplotlib.rcParams) == settings
    labels = {text for axes in drawn.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert labels - {""} == LABELS[figure]
    caption = figure.caption(evidence)
    assert f"300 samples of {PARTITION} (" in caption
    assert "[me" in caption
    assert not figure.table(evidence).is_empty()
    assert svg(drawn) == svg(figure.draw(evidence))
    assert checked_reading(figure, evidence)


def test_axes_show_all_data(tmp_path: Path) -> None:
    made = [
        Made(start, size, count)
        for start, size in ((0.0, 0.9), (0.6, 0.3))
        for count in (200, 600, 1000)
    ]
    evidence = StudyEvidence.load(write_study(tmp_path, made, frames=60))
    for figure in set(LABELS) - {window_similarity}:
        for axes in figure.draw(evidence).axes:
            view, data = axes.viewLim, axes.dataLim
            assert min(view.intervalx) <= data.x0 and data.x1 <= max(view.intervalx)
            assert min(view.intervaly) <= data.y0 and data.y1 <= max(view.intervaly)


def test_figures_do_not_import_pyplot() -> None:
    with imported_anew(without="matplotlib.pyplot"):
        for name in FIGURES:
            importlib.import_module(name)


def test_errors_by_size_are_means_over_frames_and_seeds(evidence: StudyEvidence) -> None:
    numbers = force_error_by_size.table(evidence)
    assert sorted(numbers["train_count"].unique()) == [200, 400, 600, 800, 1000]
    seeds = [Made(size=0.9, count=400, seed=seed) for seed in (0, 1, 2)]
    at_400 = numbers.filter(pl.col("train_count") == 400)
    means = at_400.filter(pl.col("point").is_null())
    for statistic, column in (("force MAE", "force_mae"), ("energy MAE per atom", "energy_error")):
        row = means.filter((pl.col("statistic") == statistic) & (pl.col("species") == "all"))
        expected = np.mean([mean_of(evidence, made, column) for made in seeds])
        expected /= 21 if column == "energy_error" else 1
        assert row["estimate"].item() == pytest.approx(expected, rel=1e-12)
        assert row["low"].item() < expected < row["high"].item()
        assert row["samples"].item() == 300
    single = at_400.filter((pl.col("point") == seeds[1].point) & (pl.col("species") == "all"))
    expected = mean_of(evidence, seeds[1], "force_mae")
    assert any(value == pytest.approx(expected) for value in single["estimate"])


def test_readings_have_the_numbers_of_the_evidence(evidence: StudyEvidence) -> None:
    ends = [
        np.mean(
            [mean_of(evidence, Made(size=0.9, count=count, seed=s), "force_mae") for s in seeds]
        )
        for count, seeds in ((200, (0, 1, 2)), (1000, (0, 1, 2)))
    ]
    found = force_error_by_size.reading(evidence)
    assert "between 200 and 1,000 training frames" in found
    numbers = [float(one) for one in re.findall(r"(?:from|to) ([\d.]+)", found)]
    assert numbers == pytest.approx(ends, rel=0.05), "two digits of the interval's width"
    errors = energy_error_over_time.table(evidence)
    first = errors.filter(effect=errors["effect"][0], model=errors["model"][0])["energy_error"]
    assert f"{first.abs().mean():.1f} meV" in energy_error_over_time.reading(evidence)


def test_errors_of_species_average_to_the_error_of_all_atoms(evidence: StudyEvidence) -> None:
    means = force_error_by_size.table(evidence).filter(
        pl.col("point").is_null() & (pl.col("statistic") == "force MAE")
    )
    for _, of_size in means.group_by("train_count"):
        error = dict(of_size.select("species", "estimate").iter_rows())
        assert set(error) == {"all", "H", "C", "O"}
        weighted = (8 * error["H"] + 9 * error["C"] + 4 * error["O"]) / 21
        assert error["all"] == pytest.approx(weighted, rel=1e-12)


def test_windows_are_sorted_with_the_best_on_top(evidence: StudyEvidence) -> None:
    means = windows.table(evidence).filter(pl.col("point").is_null())
    assert means.height == len(WINDOWS) == 15
    assert means["estimate"].is_sorted()
    for made in WINDOWS:
        row = means.filter(
            (pl.col("window_start") - made.start).abs() < 1e-9,
            (pl.col("window_end") - made.start - made.size).abs() < 1e-9,
        )
        assert row.height == 1
        if made.size != 0.9:  # that window has three seeds
            expected = mean_of(evidence, made, "force_mae")
            assert row["estimate"].item() == pytest.approx(expected, rel=1e-12)
    labels = [text.get_text() for text in windows.draw(evidence).axes[0].get_yticklabels()]
    assert labels == means["window"].to_list()


def test_window_without_a_size_ends_at_the_test(tmp_path: Path) -> None:
    study = write_study(tmp_path, [Made(0.15, None), Made(0.0, 0.3)], frames=40)
    names = set(windows.table(StudyEvidence.load(study))["window"])
    assert names == {"15–90 %", "0–30 %"}


def test_test_region_begins_at_the_recorded_limit(tmp_path: Path) -> None:
    study = write_study(tmp_path, [Made(0.15, None), Made(0.0, 0.3)], frames=40)
    for path in study.glob("*/run.json"):
        recorded = '"settings": {"training.limit": 0.75,'
        path.write_text(path.read_text().replace('"settings": {', recorded))
    evidence = StudyEvidence.load(study)
    assert set(windows.table(evidence)["window"]) == {"15–75 %", "0–30 %"}
    shaded = windows.draw(evidence).axes[0].patches[0]
    assert shaded.get_x() == pytest.approx(75)


def test_rank_correlation_is_spearmans_over_windows(evidence: StudyEvidence) -> None:
    made = [one for one in WINDOWS if one.size != 0.9]
    numbers = window_similarity.table(evidence)
    for one in made:
        row = numbers.filter(
            (pl.col("window_start") - one.start).abs() < 1e-9,
            (pl.col("window_end") - one.start - one.size).abs() < 1e-9,
        )
        samples = evidence.samples.filter(pl.col("point") == one.point)
        for column in (PLAIN, CENTRED, "force_mae"):
            assert row[column].item() == pytest.approx(samples[column].mean(), rel=1e-9)
            assert row[f"{column}_low"].item() < row[column].item() < row[f"{column}_high"].item()
    rho = window_similarity.rank_correlation(evidence)
    columns = numbers["soap_similarity_window_centred"], numbers["force_mae"]
    assert rho.estimate == pytest.approx(stats.spearmanr(*columns).statistic, abs=1e-12)
    assert -1 <= rho.low <= rho.estimate <= rho.high <= 1


def test_energy_errors_are_those_of_the_extreme_windows_and_sizes(evidence: StudyEvidence) -> None:
    numbers = energy_error_over_time.table(evidence)
    pairs = {
        "effect of the training window": (Made(0.0, 0.3), Made(0.0, 0.9)),
        "effect of the training set's size": (Made(size=0.9, count=200), Made(size=0.9)),
    }
    assert set(numbers["effect"]) == set(pairs)
    for effect, models in pairs.items():
        of_effect = numbers.filter(pl.col("effect") == effect)
        assert of_effect["point"].unique(maintain_order=True).to_list() == [m.point for m in models]
        for model in models:
            rows = of_effect.filter(pl.col("point") == model.point)
            samples = evidence.samples.filter(pl.col("point") == model.point).sort("time")
            assert rows["energy_error"].to_list() == samples["energy_error"].to_list()
            assert rows["time"].is_sorted()


def test_panel_without_runs_is_omitted(tmp_path: Path) -> None:
    sizes = [Made(size=0.9, count=count) for count in (200, 1000)]
    evidence = StudyEvidence.load(write_study(tmp_path, sizes, frames=40))
    assert len(energy_error_over_time.draw(evidence).axes) == 1
    assert "two training windows" in str(windows.needs(evidence))


def test_energy_against_force_correlates_single_frames(evidence: StudyEvidence) -> None:
    numbers = energy_against_force.table(evidence)
    few = numbers.filter(pl.col("model") == "200 frames")
    samples = evidence.samples.filter(pl.col("point") == Made(size=0.9, count=200).point)
    rho = energy_against_force.rank_correlation(few)
    expected = stats.spearmanr(samples["force_mae"], np.abs(samples["energy_error"])).statistic
    assert rho.estimate == pytest.approx(expected, abs=1e-12)
    left, right = energy_against_force.draw(evidence).axes
    assert (left.get_xlim(), left.get_ylim()) == (right.get_xlim(), right.get_ylim())


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_missing_runs_of_a_figure_are_reported(figure: ModuleType, tmp_path: Path) -> None:
    write_point(tmp_path / "one", Made(), frames=30)
    alone = figure.needs(StudyEvidence.load(tmp_path))
    assert alone is not None and "It takes " in alone
    record = tmp_path / "one" / "run.json"
    settings = '"settings": {\n  "held_out": "whole_trajectory",'
    record.write_text(record.read_text().replace('"settings": {', settings))
    untested = figure.needs(StudyEvidence.load(tmp_path))
    assert "partition whole_trajectory" in str(untested)
    nothing = write_study(tmp_path / "failed", [Made(state="failed", cause="out of memory")])
    assert figure.needs(StudyEvidence.load(nothing)).startswith("No run was tested")


def test_missing_statistic_is_named(tmp_path: Path) -> None:
    study = write_study(tmp_path, WINDOWS[:3], frames=30)
    evidence = StudyEvidence.load(study)
    without = evidence.samples.drop(PLAIN)
    evidence.__dict__["samples"] = without
    assert "soap_similarity_window" in str(window_similarity.needs(evidence))


def test_runs_of_two_models_are_drawn_separately(tmp_path: Path) -> None:
    for model in ("nequip", "cartesian"):
        made = [Made(start, 0.3, seed=3 if model == "nequip" else 4) for start in (0, 0.15)]
        write_study(tmp_path, made, frames=30)
        for one in made:
            path = tmp_path / f"{one.slug}-{one.point}" / "run.json"
            path.write_text(path.read_text().replace("nequip_small", model))
    numbers = windows.table(StudyEvidence.load(tmp_path))
    assert set(numbers["variant"]) == {"model = nequip", "model = cartesian"}
    assert numbers["point"].is_null().all()  # no run is another's seed
    assert len(windows.draw(StudyEvidence.load(tmp_path)).axes) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("saibench.figures.nothing", r"saibench\.figures\.nothing"),
        ("saibench.figures.style", "title, paper, needs"),
    ],
)
def test_module_that_is_no_figure_is_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        figure_module(name)


def test_failing_import_of_a_figure_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_figure.py").write_text("import a_package_that_is_absent\n")
    monkeypatch.syspath_prepend(tmp_path)
    with names_of_one_command():
        name_targets(["my_figure"])
        with pytest.raises(ModuleNotFoundError, match="a_package_that_is_absent"):
            figure_module("my_figure")
