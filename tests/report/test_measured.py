"""Intervals of recorded metrics from their samples, and the samples on the page."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import logit as logit_of
from sklearn.metrics import roc_auc_score
from synthetic_jet_study import MadeTagger, write_jet_study
from synthetic_study import PARTITION, WINDOWS, write_study

from saibench.analysis.estimates import estimate_mean
from saibench.analysis.metric_sources import Statistics, mean_of
from saibench.config.reported import check_reported
from saibench.errors import PartFailed, UserError
from saibench.evidence.independence import ORDER_COLUMN
from saibench.evidence.reader import StudyEvidence
from saibench.imports.user_names import names_of_one_command, trust_modules
from saibench.report.measured import MeasuredMetrics
from saibench.report.packed import Packer
from saibench.report.page import render, write_report
from saibench.report.page_data import page_data, page_studies
from saibench.report.sample_columns import Thinning
from saibench.report.sample_errors import SampleErrors, error_statistics, ideals


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    folder = tmp_path_factory.mktemp("measured") / "study"
    return StudyEvidence.load(write_study(folder, WINDOWS[:2], frames=120, figures=[]))


def test_metric_of_a_species_has_the_interval_of_its_rows(evidence: StudyEvidence) -> None:
    point = WINDOWS[0].point
    numbers = MeasuredMetrics(evidence).numbers(point, PARTITION)
    rows = evidence.table("by_species").filter(point=point, species="O")
    expected = estimate_mean(rows, "force_mae").interval
    found = numbers["force_mae_O"]
    assert found.interval is not None and (found.unit, found.per) == ("meV/Å", "component")
    assert astuple(found.interval) == pytest.approx(astuple(expected), rel=1e-9)
    assert all(number.interval is not None for number in numbers.values())


def test_area_under_a_roc_curve_has_an_interval(tmp_path: Path) -> None:
    made = MadeTagger(0.1)
    folder = write_jet_study(tmp_path, [made], jets=600)
    evidence = StudyEvidence.load(folder)
    rows = evidence.samples.filter(partition="held_out").sort("sample_id")
    label, logit = rows["label"].to_numpy(), rows["logit"].to_numpy()
    area = {"auc": {"value": roc_auc_score(label, logit), "unit": "", "count": 600}}
    (folder / made.point / "metrics.json").write_text(json.dumps({"held_out": area}))
    found = MeasuredMetrics(StudyEvidence.load(folder)).numbers(made.point, "held_out")["auc"]
    rng = np.random.default_rng(0)
    again = []
    for _ in range(400):
        drawn = np.concatenate(
            [rng.choice(np.flatnonzero(label == one), (label == one).sum()) for one in (0, 1)]
        )
        again.append(roc_auc_score(label[drawn], logit[drawn]))
    # of an area near 1 on the scale of logits (Pepe, 2003, §5.2.4)
    half = 1.96 * float(np.std(logit_of(again)))
    low, high = expit(logit_of(area["auc"]["value"]) + np.array([-half, half]))
    assert found.interval is not None
    assert found.interval.low == pytest.approx(low, abs=0.2 * (high - low))
    assert found.interval.high == pytest.approx(high, abs=0.2 * (high - low))


def test_metric_with_failed_samples_is_infinite_on_the_page(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", WINDOWS[:2], frames=40, figures=[])
    (path,) = folder.glob(f"*{WINDOWS[0].point}/metrics.json")
    metrics = json.loads(path.read_text())
    metrics[PARTITION]["force_mae"] |= {"value": None, "failures": 3}
    path.write_text(json.dumps(metrics))
    evidence = StudyEvidence.load(folder)
    found = MeasuredMetrics(evidence).numbers(WINDOWS[0].point, PARTITION)["force_mae"]
    assert found.value == np.inf and found.interval is None
    assert "<strong>infinite</strong>" in render(evidence)


def test_metric_has_the_interval_of_its_recorded_column(evidence: StudyEvidence) -> None:
    """Two columns have the same unit and mean; the record decides, not the number."""
    point = WINDOWS[0].point
    entry = {"value": 1.0, "unit": "meV/Å", "per": "atom", "count": 120}
    wide, narrow = np.tile([0.0, 2.0], 60), np.tile([0.9, 1.1], 60)
    samples = evidence.samples.filter(point=point).select("sample_id", ORDER_COLUMN)
    columns = {("narrow", "", ""): narrow, ("wide", "", ""): wide}
    statistics = Statistics(samples, columns)
    of = {"column": "wide", "how": "mean"}
    found = mean_of("error", entry | {"of": of}, statistics)
    assert found is not None and found.name == "wide"
    assert mean_of("error", entry, statistics) is None  # an older record, and no column so named
    assert mean_of("narrow", entry, statistics) is not None
    assert mean_of("narrow", entry | {"value": 1.2}, statistics) is None


def test_root_mean_squares_and_quantiles_have_intervals(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", WINDOWS[:1], frames=200, figures=[])
    (path,) = folder.glob("*/metrics.json")
    errors = StudyEvidence.load(folder).samples["energy_error"].to_numpy()
    values = {
        "root_mean_square": float(np.sqrt(np.mean(errors**2))),
        "quantile_abs_0.9": float(np.quantile(np.abs(errors), 0.9)),
    }
    metrics = {
        how: {"value": value, "unit": "meV", "of": {"column": "energy_error", "how": how}}
        for how, value in values.items()
    }
    path.write_text(json.dumps({PARTITION: metrics}))
    numbers = MeasuredMetrics(StudyEvidence.load(folder)).numbers(WINDOWS[0].point, PARTITION)
    for how, value in values.items():
        interval = numbers[how].interval
        assert interval is not None and interval.count == 200
        assert interval.estimate == pytest.approx(value)
        assert interval.low < value < interval.high


def test_an_infinite_rejection_is_its_bound_on_the_page(tmp_path: Path) -> None:
    made = MadeTagger(0.1)
    folder = write_jet_study(tmp_path, [made], jets=40)
    above = {"rejection_50": {"value": None, "above": 1060.4, "unit": "", "count": 40}}
    (folder / made.point / "metrics.json").write_text(json.dumps({"held_out": above}))
    assert "&gt; 1,060" in render(StudyEvidence.load(folder))


def test_thinned_samples_include_every_kth_the_worst_and_the_saved() -> None:
    ids, errors = np.arange(5000) * 2, np.random.default_rng(0).gamma(1.0, size=5000)
    chosen = Thinning(10, {"a": [2, 4]}).rows("a", ids, errors)
    assert chosen[::10].all() and chosen[[1, 2]].all()
    assert chosen[np.argsort(-errors)[:100]].all()
    assert 500 <= chosen.sum() <= 602
    assert Thinning(1, {}).rows("a", ids, errors).all()


def test_page_of_many_samples_keeps_to_its_budget(
    evidence: StudyEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {}
    for budget in (1_000, 10_000_000):
        monkeypatch.setattr("saibench.report.sample_columns.BUDGET", budget)
        monkeypatch.setattr("saibench.report.sample_columns.AXIS_BUDGET", budget)
        monkeypatch.setattr("saibench.report.sample_columns.NUM_WORST", 3)
        packer = Packer()
        data = page_data(page_studies([evidence]), packer)
        kept = data["cells"][WINDOWS[0].point][PARTITION]["samples"]
        assert kept["total"] == 120
        sizes[budget] = kept["kept"], packer.size
    assert sizes[10_000_000][0] == 120 and sizes[1_000][0] < 30
    assert sizes[1_000][1] < 0.5 * sizes[10_000_000][1]


def test_samples_are_ranked_by_their_distance_from_the_ideal(tmp_path: Path) -> None:
    trace = {"response": ["lead/none", "correct"], "ideal": {"correct": 1}}
    made = MadeTagger(0.1)
    folder = write_jet_study(tmp_path, [made], jets=100, record={"trace": trace})
    evidence = StudyEvidence.load(folder)
    errors = SampleErrors(error_statistics(MeasuredMetrics(evidence)), ideals(evidence))
    assert errors.names[0] == "correct"
    assert "score" in evidence.samples.columns and "score" not in errors.names, "is no error"
    sizes = errors.sizes(evidence.samples)
    np.testing.assert_array_equal(sizes, 1 - evidence.samples["correct"].to_numpy())


def test_samples_without_a_trace_are_ranked_by_the_headline(evidence: StudyEvidence) -> None:
    names = error_statistics(MeasuredMetrics(evidence))
    assert names[:2] == ["force_mae", "energy_error_per_atom"]


BRIER = """
import polars
from saibench.analysis.bootstrap import Interval

def metric_interval(name, entry, statistics):
    if name == "broken":
        raise RuntimeError("a defect")
    if (entry.get("of") or {}).get("how") != "brier":
        return None
    half = 0.01 * statistics.samples.height
    return Interval(entry["value"] - half, entry["value"], entry["value"] + half, 40, 40), None
"""


def study_with_own_metric(folder: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose record names a module for the intervals of a custom metric."""
    made = MadeTagger(0.1)
    named = [module, "saibench.analysis.classification.metric_intervals"]
    study = write_jet_study(folder / "study", [made], jets=40, record={"metric_intervals": named})
    brier = {"value": 0.2, "unit": "", "count": 40, "of": {"how": "brier"}}
    auc = {"value": 0.9, "unit": "", "count": 40, "of": {"how": "auc", "columns": ["logit"]}}
    metrics = {"held_out": {"brier": brier, "auc": auc}}
    (study / made.point / "metrics.json").write_text(json.dumps(metrics))
    own = folder / "own"
    own.mkdir()
    (own / f"{module}.py").write_text(f"open({str(own / 'trace')!r}, 'w')\n{BRIER}")
    monkeypatch.syspath_prepend(own)
    return study


def test_interval_of_a_custom_metric_comes_from_the_recorded_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_with_own_metric(tmp_path, "own_brier", monkeypatch)
    with names_of_one_command():
        trust_modules(["own_brier"])
        measured = MeasuredMetrics(StudyEvidence.load(study))
        numbers = measured.numbers(MadeTagger(0.1).point, "held_out")
    assert numbers["brier"].interval is not None and numbers["auc"].interval is not None
    assert numbers["brier"].interval.low == pytest.approx(0.2 - 0.4)
    assert not measured.missing


def test_untrusted_module_of_intervals_is_named_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_with_own_metric(tmp_path, "foreign_brier", monkeypatch)
    measured = MeasuredMetrics(StudyEvidence.load(study))
    numbers = measured.numbers(MadeTagger(0.1).point, "held_out")
    assert numbers["brier"].interval is None and numbers["auc"].interval is not None
    assert "&#39;foreign_brier&#39;" in render(measured.evidence)
    assert not (tmp_path / "own" / "trace").exists()


def test_defect_of_a_module_of_intervals_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_with_own_metric(tmp_path, "broken_brier", monkeypatch)
    for path in study.glob("*/metrics.json"):
        path.write_text(path.read_text().replace('"brier"', '"broken"', 1))
    with names_of_one_command():
        trust_modules(["broken_brier"])
        with pytest.warns(PartFailed, match="broken_brier"):
            write_report(study)
    assert "a defect" in (study / "report.failures.log").read_text()


def test_module_without_intervals_is_refused_before_training() -> None:
    with pytest.raises(UserError, match=r"metric_intervals.*saibench\.units.*metric_interval"):
        check_reported({"metric_intervals": ["saibench.units"]})
    with pytest.raises(UserError, match=r"classification\.metric_intervals"):
        check_reported({"metric_intervals": ["saibench.analysis.metric_interval"]})
