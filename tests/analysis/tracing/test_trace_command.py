"""The trace command on a study whose errors are known by construction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from command_line import saibench
from made_traces import BIAS, BIASED, CORNERS, PARTITION, TRACE, write_traced_study
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import ttest_1samp

from saibench.analysis.answers.drivers import drivers_of, drivers_sentence
from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing import bias, columns, comparisons, records, sentences
from saibench.analysis.tracing.change_points import Candidate, Segments
from saibench.analysis.tracing.config import trace_config
from saibench.analysis.tracing.reading import _only_after
from saibench.analysis.tracing.study_traces import trace_points
from saibench.analysis.tracing.trace import trace_response
from saibench.analysis.trusted_range.of_evidence import chosen_points
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import AFTER, BEFORE, read_fields, read_table, write_table
from saibench.figures import biased_stretches, error_shares
from saibench.figures.style import svg
from saibench.findings import tracing as findings
from saibench.findings.finding import study_findings
from saibench.report.export import export
from saibench.settings import TraceSettings, validated

NARROW = CORNERS[0].slug


def trace(*arguments: object) -> tuple[int, str, str]:
    ended = saibench(Path(), "trace", *map(str, arguments))
    return ended.status, ended.out, ended.err


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = {
        **TRACE,
        "findings": ["saibench.findings.tracing"],
        "figures": ["saibench.figures.error_shares", "saibench.figures.biased_stretches"],
    }
    return write_traced_study(tmp_path_factory.mktemp("study"), record=record)


@pytest.fixture(scope="module")
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


@pytest.fixture(scope="module")
def narrow(evidence: StudyEvidence) -> records.PointTrace:
    return trace_points(evidence, chosen_points(evidence, [NARROW]), trace_config(evidence))[0]


def test_errors_are_traced_to_their_causes(narrow: records.PointTrace) -> None:
    force = narrow.responses[0]
    assert force.response.name == "force_mae"
    first = force.associations[0]
    assert (
        first.feature.name == "distance"
        and first.rho.is_significant(0.05)
        and first.share.low > 0.5
    )
    others = {one.feature.name: one for one in force.associations[1:]}
    assert set(others) == {"time", "chance", "kind"}
    assert not any(one.rho.is_significant(0.05) for one in others.values())
    assert first.worst is first.ranges[-1]
    by_name = {one.name: one for one in force.components}
    assert by_name["O"].share.estimate == pytest.approx(0.5)
    assert by_name["O"].size == pytest.approx(1 / 3)
    assert by_name["O"].counted == "atoms"
    assert by_name["O"].relative.is_significant(0.05)
    assert force.mean.count == 396
    notes = " ".join(force.notes)
    assert "4 samples" in notes
    assert "copy is collinear with distance" in notes


def test_data_without_the_responses_are_traced_by_the_other_one(tmp_path: Path) -> None:
    for response, expected in ((["lead/mse"], "force_mae"), (["energy_error"], "energy_error")):
        record = {"trace": {"response": response, "otherwise": "force_mae"}}
        validated(TraceSettings, record["trace"])
        folder = write_traced_study(tmp_path / expected, CORNERS[:1], 40, record)
        assert trace_config(StudyEvidence.load(folder)).responses == (expected,)


def test_a_response_without_a_finite_ideal_is_refused(evidence: StudyEvidence) -> None:
    config = replace(trace_config(evidence), ideal={"force_mae": np.inf}, bias=None)
    point = chosen_points(evidence, [NARROW])[0]
    with pytest.raises(UserError, match=r"force_mae .*--ideal"):
        trace_response(evidence, point, PARTITION, "force_mae", config)


def test_biased_stretch_is_found_with_its_samples(narrow: records.PointTrace) -> None:
    assert narrow.bias is not None
    (stretch,) = narrow.bias.biased(0.05)
    ids = set(stretch.sample_ids)
    truth = set(range(1000 + BIASED.start, 1000 + BIASED.stop))
    assert len(ids ^ truth) <= 12
    assert stretch.mean.low <= BIAS <= stretch.mean.high
    assert stretch.change.p <= 0.01 and stretch.change.is_significant(0.05)
    (reason,) = narrow.refused
    assert "too few to trace energy error" in reason, "the bias makes the correlation time long"


def test_only_changes_significant_among_all_comparisons_cut_the_series(
    evidence: StudyEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A p-value of 0.045 among the 17 comparisons of the force error is not significant."""

    def trace_cut(bounds: tuple[int, ...], p: tuple[float, ...]) -> records.BiasTrace:
        first = Candidate(bounds[1], bounds[-2], min(p))
        cut = Segments(bounds, p, first, block=1)
        monkeypatch.setattr("saibench.analysis.tracing.bias.segments", lambda *_, **__: cut)
        points = chosen_points(evidence, [NARROW])
        (found,) = trace_points(evidence, points, trace_config(evidence, responses=("force_mae",)))
        assert found.bias is not None
        return found.bias

    unsure_within = trace_cut((0, 116, 146, 176, 396), (0.001, 0.045, 0.001))
    assert [len(one.sample_ids) for one in unsure_within.stretches] == [116, 60, 220]
    assert all(one.change.is_significant(0.05) for one in unsure_within.stretches)
    opening, stretch = sentences.bias_sentences(unsure_within, 0.05)
    assert "changes 2 times" in opening and "60 of 396 samples" in stretch

    unsure = trace_cut((0, 116, 176, 396), (0.045, 0.045))
    assert unsure.stretches == () and unsure.first.q > 0.05
    assert len(sentences.bias_sentences(unsure, 0.05)) == 1


def test_a_bias_that_is_not_significant_is_not_supported(narrow: records.PointTrace) -> None:
    """Of 17 comparisons one in 20 has p < 0.05 by chance, and its 95 % interval excludes zero."""
    assert narrow.bias is not None
    interval = Interval(0.01, 0.5, 0.99, 87, 396)
    nowhere = replace(narrow.bias, mean=interval, stretches=())
    for q, verdict in ((0.04, "supported"), (0.06, "inconclusive")):
        trace = replace(nowhere, bias=records.Tested(interval, 0.04, q))
        assert findings._biased(trace, 0.05, "").verdict == verdict
        (text,) = sentences.bias_sentences(trace, 0.05)
        assert ("not significantly different from 0" in text) == (verdict == "inconclusive")
        few = replace(trace, mean=replace(interval, num_blocks=4))
        assert ("4 independent blocks" in findings._biased(few, 0.05, "").numbers) == (q < 0.05)


def test_p_value_of_a_bias_is_students_where_errors_are_not_skewed() -> None:
    for count in (8, 60):
        half = np.abs(np.random.default_rng(count).standard_normal(count // 2))
        values = 0.4 + np.concatenate([half, -half])
        found = bias._p_of_mean(values, np.arange(count))
        assert found == pytest.approx(ttest_1samp(values, 0).pvalue, rel=0.01)


def test_q_values_are_benjamini_and_hochbergs(narrow: records.PointTrace) -> None:
    tests = [one for one in comparisons.tested_in(narrow) if not np.isnan(one.p)]
    p = np.array([one.p for one in tests])
    order = np.argsort(p)
    raw = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(raw[::-1])[::-1]
    np.testing.assert_allclose([one.q for one in tests], np.minimum(q, 1.0))
    interval = tests[0].interval
    (undefined,) = comparisons.adjusted([records.Tested(interval, float("nan"))])
    assert np.isnan(undefined.q)


def test_command_prints_three_lines_a_run(study: Path) -> None:
    status, out, _ = trace(study, "--point", NARROW)
    assert status == 0
    heading, drivers, check = out.splitlines()
    assert heading == NARROW
    assert "distance explains" in drivers and "species O (33.3 % of the atoms)" in drivers
    assert "50.0 %" in drivers and "force MAE (force_mae)" in drivers
    assert "396 samples" in check and "5 %" in check


def test_json_is_the_saved_document(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "traces.json"
    status, out, err = trace(study, "--point", NARROW, "--json", "--save", path)
    assert status == 0 and str(path) in err
    saved = json.loads(path.read_text())
    assert json.loads(out) == {name: one for name, one in saved.items() if name != "digest"}


def test_command_prints_sentences_and_tables_and_saves_all(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "traces.json"
    options = ["--point", NARROW, "--response", "force_mae", "--feature", "distance", "chance"]
    status, out, _ = trace(study, *options, "--verbose", "--save", path)
    assert status == 0
    assert "distance: ρ = 0." in out and "No significant rank correlation with chance" in out
    assert "O contributes 50.0 %" in out and "of force MAE with 33.3 % of the atoms" in out
    assert "are biased: −" in out and "false discovery rate of 5 %" in out
    assert "partial ρ" in out
    document = json.loads(path.read_text())
    assert document["format"] == "saibench error trace"
    (point,) = document["points"]
    ranges = point["responses"][0]["associations"][0]["ranges"]
    samples = [one for part in ranges for one in part["sample_ids"]]
    assert sorted(samples) == list(range(1004, 1400))
    assert any("distance: ρ = 0." in line for line in point["sentences"])


def test_console_file_page_and_export_have_the_same_q_values(tmp_path: Path) -> None:
    """The console traces every seed, the others the first of each setting."""
    record = {
        **TRACE,
        "findings": ["saibench.findings.tracing"],
        "figures": ["saibench.figures.error_shares", "saibench.figures.biased_stretches"],
    }
    seeds = [CORNERS[0], replace(CORNERS[0], seed=1), CORNERS[2]]
    folder = write_traced_study(tmp_path / "study", seeds, frames=240, record=record)
    status, out, _ = trace(folder, "--verbose", "--save", tmp_path / "traces.json")
    assert status == 0
    document = json.loads((tmp_path / "traces.json").read_text())
    first_seeds = [point for point in document["points"] if "seed1" not in point["slug"]]
    saved = {
        (point["label"], response["response"]["name"], *name): test["q"]
        for point in first_seeds
        for response in point["responses"]
        for name, test in (
            *(((one["feature"]["name"], "rho"), one["rho"]) for one in response["associations"]),
            *(((one["name"], "times the mean"), one["relative"]) for one in response["components"]),
        )
    }
    evidence = StudyEvidence.load(folder)
    export(evidence, tmp_path / "exported")
    exported = polars.read_csv(tmp_path / "exported/tables/error_shares.csv")
    for table in (error_shares.table(evidence), exported):
        rows = table.filter(polars.col("number").is_in(["rho", "times the mean"]))
        names = rows.select("points", "response", "name", "number").rows()
        assert dict(zip(names, rows["q"], strict=True)) == pytest.approx(saved, rel=1e-12)
    on_page = [line for one in study_findings(evidence) for line in one.numbers.split("\n")]
    sentences_of = {line for point in first_seeds for line in point["sentences"]}
    with_q = [line for line in on_page if "(q " in line]
    assert with_q and set(with_q) <= sentences_of
    assert all(line in out for line in with_q)


@pytest.mark.parametrize("settings", [1, 2])
@pytest.mark.parametrize("trained", [True, False])
def test_one_seed_of_several_is_inconclusive_for_the_setting(
    settings: int, trained: bool, tmp_path: Path
) -> None:
    record = {
        **TRACE,
        "findings": ["saibench.findings.tracing"],
        **({} if trained else {"steps": 0}),
    }
    points = [CORNERS[1], replace(CORNERS[1], seed=1), CORNERS[2]][: settings + 1]
    folder = write_traced_study(tmp_path / "study", points, frames=240, record=record)
    found = [one for one in study_findings(StudyEvidence.load(folder)) if "seed" in one.variant]
    assert {one.variant.rpartition(", ")[2] for one in found} == {"seed = 0"}
    decided = [one for one in found if "supported" in (one.verdict, one.nets_verdict)]
    assert decided
    for one in decided:
        assert (one.verdict, one.nets_verdict) == (
            ("inconclusive", "supported") if trained else ("supported", "")
        )
        assert ("one seed" in one.numbers) == trained


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--response", "force_mea"], "'force_mae'"),
        (["--feature", "distanse"], "'distance'"),
        (["--response", "spezies/force_mae"], "'species'"),
        (["--response", "species/force_mea"], "'species/force_mae'"),
        (["--partition", "last_tent"], "'last_tenth'"),
        (["--point", "size0.3-count100-seed0"], "'size0.3-count1000-seed0'"),
        (["--level", "5"], "--level 5"),
        (["--ideal", "1"], "--response"),
        (["--ideal", "nan", "--response", "force_mae"], "--ideal nan"),
        (["--across", "window", "nope"], "'nope'"),
        (["--save", "/nowhere/traces.json"], "/nowhere"),
        (["--feature", "distance", "distance"], "distance is named twice"),
    ],
)
def test_mistakes_are_one_sentence(study: Path, arguments: list[str], sentence: str) -> None:
    status, out, err = trace(study, *arguments)
    assert status == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1 and out == ""


def test_an_unknown_name_is_refused_before_anything_is_traced(
    evidence: StudyEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saibench.analysis.tracing.study_traces.trace_response", None)
    points = chosen_points(evidence, [NARROW])
    with pytest.raises(UserError, match="'time'"):
        trace_points(evidence, points, trace_config(evidence, along="tim"))


def test_a_share_that_is_not_significant_is_reported_as_such(narrow: records.PointTrace) -> None:
    force = narrow.responses[0]
    assert "no significant" not in sentences.together_sentence(force)
    nothing = replace(force, together=Interval(-0.046, -0.019, 0.008, 87, 964))
    found = sentences.together_sentence(nothing)
    assert "no significant" in found and "(−1.9 % [−4.6, 0.8])" in found


def test_a_correlation_without_a_significant_share_is_named(
    narrow: records.PointTrace, evidence: StudyEvidence
) -> None:
    force = narrow.responses[0]
    first = replace(force.associations[0], share=Interval(-0.25, 0.05, 0.21, 23, 964))
    assert first.rho.is_significant(0.05)
    numbers = drivers_of(replace(force, associations=(first,), components=(), parts=()), 0.05)
    assert (numbers.drivers, numbers.correlates) == ((), (first.feature.name,))
    assert f"correlates with {first.feature.name}" in drivers_sentence(numbers, evidence)


def test_labels_do_not_overlap_bars_below_0(narrow: records.PointTrace) -> None:
    below = Interval(-0.02, -0.012, 0.014, 87, 964)
    bars = [replace(one, share=below) for one in narrow.responses[0].associations]
    figure = Figure(figsize=(4.2, 2.5))
    axes = figure.subplots()
    error_shares._draw_features(axes, bars, [one.feature.name for one in bars], 0.05)
    FigureCanvasAgg(figure).draw()
    to_data = axes.transData.inverted()
    left = [to_data.transform(text.get_window_extent())[0][0] for text in axes.texts]
    assert len(left) == len(bars) and min(left) > 100 * below.high
    assert axes.get_xlim()[1] >= max(text.get_position()[0] for text in axes.texts)


def test_failed_samples_are_counted_and_leave_no_mean(
    evidence: StudyEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_column = columns.column_of

    def column_of(*given: Any, **options: Any) -> columns.Column:
        found = read_column(*given, **options)
        if given[2] == "force_mae":
            values = np.where(np.arange(len(found.values)) < 3, np.inf, found.values)
            return replace(found, values=values)
        return found

    monkeypatch.setattr("saibench.analysis.tracing.reading.column_of", column_of)
    point = chosen_points(evidence, [NARROW])[0]
    found = trace_response(evidence, point, "last_tenth", "force_mae", trace_config(evidence))
    assert np.isnan(found.mean.estimate) and np.isnan(found.mean.high)
    assert any(note.startswith("3 of ") for note in found.notes)
    assert "undefined" in sentences.heading(found)
    assert found.associations and np.isfinite(found.associations[0].rho.interval.estimate)


def test_a_run_trained_on_all_samples_is_refused(tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path, CORNERS[1:2], frames=30)
    (path,) = folder.glob("*/samples.parquet")
    seen = polars.lit(True).alias("seen_in_training")
    write_table(path, read_table(path).with_columns(seen), read_fields(path))
    status, out, err = trace(folder)
    assert status == 2 and out == "" and "0 samples of last_tenth are too few" in err


def test_an_error_is_not_its_own_feature(study: Path) -> None:
    _, out, _ = trace(study, "--point", NARROW, "--response", "chance", "--feature", "chance")
    assert "chance is the error itself" in out


def test_without_the_feature_of_the_card_the_bias_alone_is_not_traced(tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path, CORNERS[1:2], frames=240)
    (path,) = folder.glob("*/samples.parquet")
    fields = [field for field in read_fields(path) if field.name != "time"]
    write_table(path, read_table(path).drop("time"), fields)
    status, out, _ = trace(folder)
    assert status == 0 and "distance explains" in out


def test_too_few_samples_are_refused(tmp_path: Path) -> None:
    status, _, err = trace(write_traced_study(tmp_path / "few", CORNERS[1:2], frames=15))
    assert status == 2 and "11 samples of last_tenth are too few to trace force MAE" in err


def test_report_has_findings_and_figures(evidence: StudyEvidence) -> None:
    found = {(one.claim.partition(" (§")[0], one.variant): one for one in study_findings(evidence)}
    assert not any(one.error for one in found.values())
    narrow = "subset.count = 1000, window = 0–30 %"
    assert found["energy error is biased in stretches of time", narrow].verdict == "supported"
    assert found["force MAE correlates with data features", narrow].verdict == "supported"
    assert found["force MAE differs between species and kind", narrow].verdict == "supported"
    local = found["errors by window are more local than errors by subset.count", "energy error"]
    assert (
        local.verdict == "inconclusive"
        and local.nets_verdict == "supported"
        and "points above" in local.numbers
    )
    for module in (error_shares, biased_stretches):
        assert module.needs(evidence) is None
        figure = module.draw(evidence)
        assert svg(figure) == svg(module.draw(evidence))
        assert module.table(evidence).height > 3
    assert "Shapley" in error_shares.caption(evidence)
    assert "are biased: −" in biased_stretches.caption(evidence)
    first = biased_stretches.table(evidence)["points"][0]
    assert biased_stretches.reading(evidence).startswith(f"{first}: energy error: ")
    shaded = biased_stretches.table(evidence).filter(polars.col("biased"))
    assert shaded["points"].to_list() == [narrow]


def test_a_run_without_a_signed_error_names_what_is_missing(tmp_path: Path) -> None:
    record = {"trace": {"response": ["force_mae"]}}
    folder = write_traced_study(tmp_path / "study", CORNERS[1:2], frames=60, record=record)
    evidence = StudyEvidence.load(folder)
    assert "names no signed error" in str(biased_stretches.needs(evidence))


def test_records_without_trace_use_the_shipped_workload(tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path / "study", CORNERS[:1], frames=40, record={"trace": []})
    config = trace_config(StudyEvidence.load(folder))
    assert config.responses == ("force_mae", "energy_error")
    assert config.across == ("window", "subset.count")


def test_trace_of_a_workload_has_no_other_key() -> None:
    settings = {key: value for key, value in TRACE["trace"].items() if key != "along"}
    assert validated(TraceSettings, settings).along is None
    with pytest.raises(UserError, match="unknown key"):
        validated(TraceSettings, {**TRACE["trace"], "feature": "time"})


def test_constant_bias_is_reported_with_its_size_and_share(tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path, [CORNERS[1]], record=TRACE)
    path = folder / CORNERS[1].slug / "samples.parquet"
    rows = read_table(path)
    errors = rows["energy_error"].to_numpy() - 60.0
    write_table(path, rows.with_columns(energy_error=errors), read_fields(path))
    evidence = StudyEvidence.load(folder)
    (point,) = trace_points(evidence, chosen_points(evidence), trace_config(evidence))
    assert point.bias is not None and point.bias.bias.is_significant(0.05)
    unseen = errors[4:]  # the first four were trained on
    assert point.bias.mean.estimate == pytest.approx(unseen.mean())
    assert point.bias.mean.low < -60 < point.bias.mean.high
    share = abs(unseen.mean()) / np.abs(unseen).mean()
    assert point.bias.share.estimate == pytest.approx(share)
    (text,) = sentences.bias_sentences(point.bias, 0.05)
    assert "no stretch of time differs" in text and "100.0 %" in text


def test_features_known_only_after_the_truth_are_noted(evidence: StudyEvidence) -> None:
    after = [Quantity(name, known=AFTER) for name in ("label", "outcome")]
    (one,) = _only_after([*after[:1], Quantity("energy", known=BEFORE)], evidence)
    (two,) = _only_after(after, evidence)
    assert one.startswith("label is ")
    assert two.startswith("label, outcome are ")
