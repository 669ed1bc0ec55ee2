"""A workload outside the package: train, sweep, evaluate, interpret and report."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import (
    QUIET,
    evaluate,
    no_page,
    one_error_model,
    only_point,
    saibench,
    separate_imports,
    train,
)

from saibench.analysis.trusted_range import TrustedRange
from saibench.evidence.reader import StudyEvidence

TOY = Path(__file__).parent / "toy_workload"
OWN = f"--config-dir={TOY}"
SMALL = ("trainer.max_steps=60", "trainer.val_every=30", *QUIET)
ROUNDING = 1e-5
"""Relative, of angles and errors in single precision."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run its study of two runs, and evaluate a further partition."""
    folder = tmp_path_factory.mktemp("toy")
    with separate_imports("pendulum"), one_error_model():
        swept = train(folder, OWN, "-m", "+sweeps=pendulum/release", "release=40,120", *SMALL)
    assert swept.status == 0, swept.err
    narrow = next(folder.glob("outputs/release/release40-*"))
    with separate_imports("pendulum"), one_error_model():
        again = evaluate(folder, OWN, f"run={narrow}", "test=[wide]", *QUIET)
    assert again.status == 0, again.err
    return folder / "outputs" / "release"


@pytest.fixture(autouse=True)
def own_imports(study: Path) -> Iterator[None]:
    with separate_imports("pendulum"):
        yield


@pytest.fixture
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


def narrow(evidence: StudyEvidence) -> str:
    """Return the run that was trained on small angles."""
    (point,) = (key for key, one in evidence.records.items() if one["settings"]["release"] == 40)
    return point


def rows(evidence: StudyEvidence, table: str, point: str, partition: str) -> pl.DataFrame:
    of = (pl.col("point") == point) & (pl.col("partition") == partition)
    return evidence.table(table).filter(of)


@pytest.mark.parametrize("partition", ["held_out", "wide"])
def test_metrics_are_those_that_numpy_finds_in_the_evidence(
    evidence: StudyEvidence, partition: str
) -> None:
    point = narrow(evidence)
    samples = rows(evidence, "samples", point, partition)
    readings = rows(evidence, "by_after", point, partition)
    predicted, angle = (readings[name].to_numpy().astype(float) for name in ("predicted", "angle"))
    found = {name: one["value"] for name, one in evidence.metrics[point][partition].items()}
    last = (readings["after"] == 2000).to_numpy()
    expected = {
        "angle_mae": np.abs(predicted - angle).mean(),
        "angle_mae_2000": np.abs(predicted - angle)[last].mean(),
        "late_error": (predicted - angle)[last].mean(),
        "skill": 1 - np.square(predicted - angle).sum() / np.square(angle).sum(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=ROUNDING), name
    assert len(angle) == 4 * samples.height
    assert evidence.metrics[point][partition]["skill"]["count"] == samples.height
    assert evidence.metrics[point][partition]["angle_mae"]["unit"] == "°"


def test_further_partition_is_of_the_same_swings(evidence: StudyEvidence) -> None:
    point = narrow(evidence)
    held_out, wide = (rows(evidence, "samples", point, name) for name in ("held_out", "wide"))
    expected = held_out.filter(pl.col("release") >= 60)
    assert 0 < wide.height == expected.height < held_out.height
    assert set(wide["sample_id"]) == set(expected["sample_id"])


def test_evidence_shows_where_a_harmonic_oscillator_fails(evidence: StudyEvidence) -> None:
    samples = rows(evidence, "samples", narrow(evidence), "held_out")
    small, large = samples["release"] < 30, samples["release"] > 90
    assert samples.filter(small)["angle_error"].mean() < 2
    assert samples.filter(large)["angle_error"].mean() > 20


def test_page_holds_its_figure_and_metric(study: Path) -> None:
    with one_error_model():
        reported = saibench(study, "report", str(study), f"--config-dir={TOY}")
    assert reported.status == 0, reported.err
    page = (study / "report.html").read_text()
    assert "Error by angle of release" in page
    assert "Mean absolute error of the angle in bins of 20°, over 180 samples" in page
    assert "skill" in page and "angle MAE" in page


def test_page_without_its_folder_names_the_missing_module(study: Path) -> None:
    with one_error_model():
        alone = saibench(study, "report", str(study))
    assert alone.status == 0, alone.err
    assert "--trust-module pendulum" in (study / "report.html").read_text()


def test_trusted_range_of_its_feature(study: Path, evidence: StudyEvidence, tmp_path: Path) -> None:
    point = narrow(evidence)
    saved = tmp_path / "range.json"
    ended = saibench(study, "trust", str(study), "--point", point, "--save", str(saved))
    assert ended.status == 0, ended.err
    trusted = TrustedRange.load(saved)
    assert (trusted.tolerance, [one.name for one in trusted.features]) == (5, ["release"])
    ((low, high),) = trusted.trusted().intervals
    samples = rows(evidence, "samples", point, "held_out")
    inside = samples.filter(pl.col("release").is_between(low, high))["angle_error"].to_numpy()
    assert len(inside) > 30 and np.mean(inside <= 5) >= 0.9
    assert high < 90, "there the error is far above the tolerance"


def test_trace_of_its_errors(study: Path, evidence: StudyEvidence, tmp_path: Path) -> None:
    point, saved = narrow(evidence), tmp_path / "traces.json"
    ended = saibench(study, "trace", str(study), "--point", point, "--save", str(saved))
    assert ended.status == 0, ended.err
    (trace,) = json.loads(saved.read_text())["points"]
    samples = rows(evidence, "samples", point, "held_out")
    ranks = [samples[name].rank().to_numpy() for name in ("release", "angle_error")]
    (association,) = trace["responses"][0]["associations"]
    rho = association["rho"]["interval"]["estimate"]
    assert rho == pytest.approx(np.corrcoef(*ranks)[0, 1], rel=1e-6)


def test_effect_of_its_setting_needs_another_that_varies(study: Path) -> None:
    """The sampler that contains `release` is not another setting."""
    ended = saibench(study, "trace", str(study), "--across", "release", "seed")
    assert ended.status == 2
    assert "seed" in ended.err


def test_export_holds_its_figure_under_its_full_name(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported = saibench(study, "export", str(study), str(out), f"--config-dir={TOY}")
    assert exported.status == 0, exported.err
    assert (out / "figures" / "pendulum_figure.png").is_file()
    drawn = pl.read_csv(out / "tables" / "pendulum_figure.csv")
    assert drawn["swings"].sum() == 2 * 180


def test_its_study_is_listed_with_its_time(study: Path) -> None:
    listed = saibench(study.parents[1], "studies", f"--config-dir={TOY}")
    assert listed.status == 0, listed.err
    of_workload = listed.out.partition("pendulum: scalar · quantitative · time series")[2]
    (line,) = (line for line in of_workload.splitlines() if line.strip().startswith("release "))
    assert re.search(r"\b3 runs +2 runs\b", line)


def test_swings_of_small_angles_are_those_of_the_exact_solution() -> None:
    sys.path.insert(0, str(TOY))
    from pendulum.data import GRAVITY, READ_AT, SimulatedSwings

    swings = SimulatedSwings(swings=20, largest=3, noise=0)
    made = swings._arrays(Path())
    seconds, damping = np.array(READ_AT) / 1000, swings.friction / 2
    frequency = np.sqrt(GRAVITY / swings.length - damping**2)
    shape = np.cos(frequency * seconds) + damping / frequency * np.sin(frequency * seconds)
    exact = made["release"][:, None] * np.exp(-damping * seconds) * shape
    # sin x is x but for x²/6 of it: the period is longer by x²/16 for x = 3°
    np.testing.assert_allclose(made["angle"], exact, atol=3 * (np.radians(3) ** 2 / 16) * 6.3)


def test_installed_package_is_the_same_workload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configs are in the package, which `--config-dir` or `--trust-module` allows."""
    package = tmp_path / "site-packages" / "pendulum"
    shutil.copytree(TOY / "pendulum", package)
    for group in ("workload", "data", "model", "sweeps"):
        shutil.copytree(TOY / group, package / group)
    monkeypatch.syspath_prepend(package.parent)
    with no_page():
        trained = train(tmp_path, f"--config-dir={package}", "workload=pendulum", *SMALL)
        assert trained.status == 0, trained.err
        point = only_point(tmp_path)
        again = (f"run={point}", "test=[wide]", *QUIET)
        assert "--trust-module" in evaluate(tmp_path, *again).err
        assert evaluate(tmp_path, *again, "--trust-module=pendulum").status == 0
        assert evaluate(tmp_path, *again, f"--config-dir={package}").status == 0
    reported = saibench(tmp_path, "report", str(point), "--trust-module=pendulum")
    assert reported.status == 0, reported.err
    assert "Mean absolute error of the angle in bins" in (point / "report.html").read_text()
