"""A study of field dynamics from the command line to its report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import BLANK, QUIET, evaluate, one_error_model, saibench, train

from saibench.analysis.field_dynamics.common_task import scores
from saibench.analysis.field_dynamics.forecasts import forecasts
from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.of_evidence import chosen_points
from saibench.analysis.trusted_range.reading import read_samples
from saibench.analysis.trusted_range.rows import known_features
from saibench.datamodules.field_dynamics.kuramoto_sivashinsky import LARGEST_LYAPUNOV_EXPONENT
from saibench.evidence.field_dynamics.saved_forecasts import SavedForecasts
from saibench.evidence.known import is_of_model
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import BEFORE
from saibench.figures.field_dynamics import error_spectrum, errors_by_lead
from saibench.findings.field_dynamics.claims import BEATS_ZEROS, LONGER_VALID, PHASE, findings
from saibench.imports.targets import build
from saibench.report.field_dynamics import viewer
from saibench.runs.point import load_point

SMALL = (
    *("data.trajectories=60", "data.frames=31", "data.points=32", "data.length=22"),
    *("data.transient=20", "datamodule.leads=6", "trainer.max_steps=30", "trainer.val_every=10"),
    *("datamodule.batch_size=8", "subset.count=50"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    folder = tmp_path_factory.mktemp("fields")
    with pytest.MonkeyPatch.context() as patch, one_error_model():
        patch.setattr("saibench.report.drawn.svg", lambda figure: BLANK)
        ended = train(
            folder, "-m", "workload=field_dynamics", *QUIET, *SMALL,
            "model=field_persistence,field_zeros,field_linear",
        )  # fmt: skip
    assert ended.status == 0, ended.err
    return StudyEvidence.load(folder / "outputs" / "field_dynamics")


def test_runs_have_evidence_of_every_lead_band_and_wavenumber(study: StudyEvidence) -> None:
    samples = study.samples
    assert samples["trajectory"].unique().len() == 12
    assert study.dependence is not None
    for table, rows in (("by_lead", 6), ("by_lead_band", 18), ("by_wavenumber", 17)):
        assert study.table(table).height == rows * samples.height
    wave = (
        study.table("by_wavenumber").group_by("point", "sample_id").agg(pl.col("error_power").sum())
    )
    lead = study.table("by_lead").group_by("point", "sample_id").agg(pl.col("mse").mean())
    both = wave.join(lead, on=["point", "sample_id"])
    assert (both["error_power"] / both["mse"] - 1).abs().max() < 1e-6  # Parseval


def test_figures_of_a_study_share_its_forecasts_and_scores(study: StudyEvidence) -> None:
    assert forecasts(study) is forecasts(study)
    assert scores(study) is scores(study)


def test_the_linear_propagator_beats_persistence_at_the_first_lead(study: StudyEvidence) -> None:
    found = forecasts(study)
    first = {
        name: found.along(found.named(name), "lead", "nrmse")[:, 0].mean()
        for name in ("persistence", "linear", "zeros")
    }
    assert first["linear"] < first["persistence"] < first["zeros"] == pytest.approx(1.0)


def test_forecasts_have_the_residual_of_their_equation_which_a_range_may_read(
    study: StudyEvidence,
) -> None:
    (field,) = [one for one in study.fields("samples") if one.name == "pde_residual"]
    assert is_of_model(field) and field.title
    found = forecasts(study)
    still, zeros, linear = (
        found.of_sample(found.named(name), "pde_residual").mean()
        for name in ("persistence", "zeros", "linear")
    )
    assert 0 < still < zeros and 0 < linear < zeros
    assert "pde_residual" in known_features(study)
    assert "pde_residual" in trust_config(study).features


def test_a_range_over_lead_time_is_in_lyapunov_times(study: StudyEvidence) -> None:
    config = trust_config(study, statistic="lead/standardised_error", features=["lead_time", "mu"])
    found = read_samples(study, chosen_points(study)[:1], config)
    assert (found.quantities[0].unit, found.quantities[0].known) == ("Lyapunov times", BEFORE)
    time_step = load_point(next(study.folder.glob("*linear*"))).settings["data"]["time_step"]
    times = time_step * np.tile(np.arange(1, 7), len(found.errors) // 6)
    expected = times * LARGEST_LYAPUNOV_EXPONENT / found.feature("mu")
    np.testing.assert_allclose(found.feature("lead_time"), expected, rtol=1e-6)


def test_claims_are_tested_on_trained_models(study: StudyEvidence) -> None:
    assert {one.claim for one in findings(study)} == {LONGER_VALID, BEATS_ZEROS, PHASE}
    assert {one.variant for one in findings(study)} == {"linear"}
    assert all(one.error is None for one in findings(study))


@pytest.mark.parametrize("figure", [errors_by_lead, error_spectrum])
def test_figures_are_drawn_of_their_table(study: StudyEvidence, figure) -> None:
    assert figure.needs(study) is None
    assert {"persistence", "zeros", "linear"} <= set(figure.table(study)["model"])
    assert figure.draw(study).axes
    assert figure.caption(study).strip()
    assert figure.reading(study).strip()


def test_forecasts_are_saved_and_shown_beside_the_truth(
    study: StudyEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saibench.report.drawn.svg", lambda figure: BLANK)
    paths = {path.parent.name: path for path in study.folder.glob("*/forecasts.npz")}
    saved = SavedForecasts.read(next(path for name, path in paths.items() if "persist" in name))
    assert saved.truth.shape == saved.predicted.shape == (2, 7, 1, 32)
    assert saved.times.tolist() == [0, 1, 2, 3, 4, 5, 6]
    still = saved.truth[:, :1].repeat(7, axis=1)
    np.testing.assert_allclose(saved.predicted, still, atol=1e-5)  # standardised and restored
    point = study.points.filter(pl.col("model.name") == "persistence")["point"][0]
    error = np.linalg.norm(saved.predicted[0] - saved.truth[0]) / np.linalg.norm(saved.truth[0, 1:])
    own = study.samples.filter(point=point, sample_id=int(saved.sample_id[0]))
    assert own["relative_l2"].item() == pytest.approx(error, rel=1e-5)
    html = viewer.fragment(study)
    assert len(paths) == 3 and html.count("data:image/svg") == 6
    assert "Lyapunov times" in html and "median amplitude" in html
    assert viewer.samples(study)[point] == saved.sample_id.tolist()
    assert viewer.title in (study.folder / "report.html").read_text()


def test_metrics_have_units_and_the_page_is_written(study: StudyEvidence) -> None:
    metrics = json.loads(next(study.folder.glob("*linear*/metrics.json")).read_text())["held_out"]
    assert metrics["valid_time"]["unit"] == "Lyapunov times"
    assert "VRMSE" in (study.folder / "report.html").read_text()


def test_training_trajectories_in_another_file_are_reported(
    study: StudyEvidence, tmp_path: Path
) -> None:
    trained = next(study.folder.glob("*linear*/run.json")).parent
    node = load_point(trained).settings["datamodule"]
    data = build(node, "datamodule")
    own, seen = data.trajectories, data.seen_rows
    source = {**node["source"], "seed": 7, "trajectories": 8}
    fresh = build({**node, "source": source}, "datamodule").trajectories
    of_trajectory, frame = data.starts.trajectory, data.starts.frame
    leaked = list(of_trajectory[seen[[0, -1]]])
    is_shared = [  # forecasts of 7 frames with one in common
        np.abs(frame[seen[of_trajectory[seen] == one]] - start).min() <= 6
        for one in leaked for start in frame[of_trajectory == one]
    ]  # fmt: skip
    values = np.concatenate([fresh.values, own.values[leaked]])[:, :, 0]
    mu = np.concatenate([fresh.parameters["mu"], own.parameters["mu"][leaked]])
    np.savez(tmp_path / "other.npz", u=values)
    window = "saibench.datamodules.field_dynamics.samplers.TrajectoryWindow"
    ended = evaluate(
        tmp_path, f"run={trained}", *QUIET, "data=field_arrays", "data.key=u",
        f"data.file={tmp_path / 'other.npz'}", "data.axes=[trajectory,time,x]", "data.lengths=[22]",
        "data.time_step=1", f"+data.parameters.mu={mu.tolist()}",
        f"+partitions.fresh={{samplers: [{{_target_: {window}, start: 0, stop: 0.8}}]}}",
        "test=[fresh,held_out]",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    (other,) = study.folder.parent.glob(f"{study.folder.name}-on-*/*/run.json")
    ended = saibench(tmp_path, "audit", str(other.parent))
    assert ended.status == 0, ended.err
    audit = json.loads(other.read_text())["audit"]
    assert audit["held_out"]["same"]["estimate"] == pytest.approx(np.mean(is_shared))
    assert audit["held_out"]["score"]["estimate"] >= 0.5
    assert audit["fresh"]["score"]["estimate"] == 0.0
    assert audit["fresh"]["test"] == 4 * audit["held_out"]["test"]
    closest = audit["held_out"]["pairs"][0]
    assert closest["distance"] == pytest.approx(0, abs=1e-5)
