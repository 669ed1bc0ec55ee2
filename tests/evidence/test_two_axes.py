"""A statistic with two axes: from the output of a test step to tables, metrics and the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars
import pytest

from saibench.analysis.tracing.columns import axis_contributions, column_of, rows_of_point
from saibench.errors import UserError
from saibench.evidence import writer
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, write_table
from saibench.evidence.statistic import Axis, Statistic, crossed
from saibench.report.measured import MeasuredMetrics
from saibench.report.packed import Packer
from saibench.report.sample_columns import SampleColumns
from saibench.report.sample_errors import SampleErrors

LEAD, VARIABLE = Axis("lead", (6, 12, 18)), Axis("variable", ("t2m", "u10"))
MAE = Statistic(
    "mae", "K", "pixel", "error", crossed(LEAD, VARIABLE), {"mae": "mean", "p90": "quantile_0.9"}
)
COUNT = 40
ERRORS = np.abs(np.random.default_rng(5).normal(size=(COUNT, 3, 2))).astype(np.float32)


def checked(statistic: Statistic = MAE, **values: np.ndarray) -> dict[str, np.ndarray]:
    given = {"sample_id": np.arange(COUNT), statistic.key: ERRORS} | values
    writer.check_keys([statistic], given)
    return writer.checked_values([statistic], given)


def test_a_metric_of_each_pair_is_its_own_mean() -> None:
    found = writer.metrics([MAE], checked(), np.arange(10, COUNT))
    assert len(found) == 2 * 3 * 2
    for i, lead in enumerate(LEAD.labels):
        for j, variable in enumerate(VARIABLE.labels):
            values = ERRORS[10:, i, j].astype(np.float64)
            entry = found[f"mae_{lead}_{variable}"]
            assert entry["value"] == pytest.approx(values.mean(), rel=1e-12)
            assert found[f"p90_{lead}_{variable}"]["value"] == pytest.approx(
                np.quantile(values, 0.9), rel=1e-12
            )
            assert entry["of"]["axis"] == "lead_variable"
            assert entry["of"]["label"] == f"{lead}_{variable}"


def test_values_of_another_shape_are_refused_with_both_axes() -> None:
    for shape in ((COUNT, 6), (COUNT, 2, 3), (COUNT, 3)):
        with pytest.raises(UserError, match=rf"'lead_variable/mae'.*\({COUNT}, 3, 2\)"):
            checked(**{MAE.key: np.ones(shape)})


def test_undefined_pairs_are_ignored() -> None:
    partial = Statistic("mae", "K", "pixel", "error", MAE.axis, {"mae": "mean"}, partial=True)
    defined = np.ones(ERRORS.shape, dtype=bool)
    defined[:30, 1, 0] = False
    found = writer.metrics(
        [partial], checked(partial, **{partial.defined_key: defined}), np.arange(COUNT)
    )
    assert found["mae_12_t2m"]["count"] == 10 and found["mae_12_u10"]["count"] == COUNT
    assert found["mae_12_t2m"]["value"] == pytest.approx(ERRORS[30:, 1, 0].mean(), rel=1e-6)
    with pytest.raises(UserError, match=r"'lead_variable/mae\.defined'"):
        checked(partial, **{partial.defined_key: defined.reshape(COUNT, 6)})
    broken = np.where(defined, ERRORS, np.nan)
    broken[3, 2, 1] = np.nan
    with pytest.raises(RuntimeError, match=r"ids \[3\].*18_u10"):
        checked(partial, **{partial.key: broken, partial.defined_key: defined})


def test_weights_and_columns_of_one_axis_are_repeated() -> None:
    species = Axis("species", ("C", "F"), {"num_atoms": (2, 0)}, weight="num_atoms")
    both = crossed(species, Axis("component", ("x", "y", "z")))
    assert both.columns["num_atoms"] == (2, 2, 2, 0, 0, 0) and both.weight == "num_atoms"
    assert both.columns["component"] == ("x", "y", "z") * 2
    assert both.defined.tolist() == [True] * 3 + [False] * 3
    with pytest.raises(ValueError, match="lead"):
        crossed(LEAD, Axis("draw", (0, 1), {"lead": (6, 12)}))
    with pytest.raises(ValueError, match=r"species.*other"):
        crossed(species, Axis("other", (1,), {"size": (1,)}, weight="size"))


@pytest.fixture
def evidence(tmp_path: Path) -> StudyEvidence:
    """A study of one run, with the tables and metrics that an evaluation writes."""
    folder, values = tmp_path / "study" / "point", checked()
    keys = polars.DataFrame(
        {"point": "p", "partition": "test", "sample_id": np.arange(COUNT), "seen_in_training": 0}
    ).with_columns(polars.col("seen_in_training").cast(polars.Boolean))
    features = polars.DataFrame({"sample_id": np.arange(COUNT), "x": np.arange(COUNT) / 2})
    fields = [Field("x", "float64", role="feature", known="before")]
    samples = writer.sample_table(keys, features, fields, [MAE], values)
    along = writer.axis_table(keys, MAE.axis, [MAE], values)  # type: ignore[arg-type]
    write_table(folder / "samples.parquet", samples.rows, samples.fields)
    write_table(folder / "by_lead_variable.parquet", along.rows, along.fields)
    metrics = {"test": writer.metrics([MAE], values, np.arange(COUNT))}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    settings = {"held_out": "test"}
    record = {"point": "p", "state": "complete", "settings": settings, "slug": "p", "study": "s"}
    (folder / "run.json").write_text(json.dumps(record))
    return StudyEvidence.load(folder.parent)


@pytest.mark.filterwarnings("error")
def test_an_error_beyond_single_precision_is_infinite() -> None:
    failing = Statistic("mse", "", "point", "error", LEAD, failures=True)
    keys = polars.DataFrame({"point": ["p"], "partition": ["test"], "sample_id": [0]})
    values = {failing.key: np.array([[1.0, 1e39, np.inf]])}
    table = writer.axis_table(keys, LEAD, [failing], values)
    assert table.rows["mse"].to_list() == [1.0, np.inf, np.inf]


def test_the_table_has_a_row_per_sample_and_pair(evidence: StudyEvidence) -> None:
    assert evidence.axes == ["lead_variable"]
    rows = evidence.table("by_lead_variable")
    assert rows.height == COUNT * 6
    for i, lead in enumerate(LEAD.labels):
        for j, variable in enumerate(VARIABLE.labels):
            own = rows.filter(lead=lead, variable=variable).sort("sample_id")
            np.testing.assert_array_equal(own["mae"].to_numpy(), ERRORS[:, i, j])
    by_lead = rows.group_by("lead", maintain_order=True).agg(polars.col("mae").mean())
    np.testing.assert_allclose(by_lead["mae"], ERRORS.mean(axis=(0, 2)), rtol=1e-6)
    roles = {field.name: field.role for field in evidence.fields("by_lead_variable")}
    assert roles["lead_variable"] == "key" and roles["lead"] == roles["variable"] == "feature"


def test_each_pair_has_its_interval_on_the_page(evidence: StudyEvidence) -> None:
    numbers = MeasuredMetrics(evidence).numbers("p", "test")
    for name in ("mae_6_t2m", "mae_18_u10", "p90_12_t2m"):
        interval = numbers[name].interval
        assert interval is not None and interval.estimate == pytest.approx(numbers[name].value)
        assert interval.low < interval.estimate < interval.high
    assert numbers["mae_18_u10"].value == pytest.approx(ERRORS[:, 2, 1].mean(), rel=1e-6)


def test_the_page_holds_the_profile_of_each_sample(evidence: StudyEvidence) -> None:
    measured = MeasuredMetrics(evidence)
    columns = SampleColumns(measured, {}, SampleErrors([], {}))
    found = columns.of("p", "test", Packer())
    assert found is not None
    assert found["axes"]["lead_variable"]["labels"][:3] == ["6_t2m", "6_u10", "12_t2m"]
    assert list(found["axes"]["lead_variable"]["columns"]) == ["mae"]


def test_errors_are_traced_to_pairs(evidence: StudyEvidence) -> None:
    rows, _ = rows_of_point(evidence, "p", "test")
    mean = column_of(evidence, rows, "lead_variable/mae", 0.0)
    np.testing.assert_allclose(mean.values, ERRORS.mean(axis=(1, 2)), rtol=1e-6)
    parts = axis_contributions(evidence, rows, "lead_variable", "mae", 0.0)
    assert parts.names == ("6_t2m", "6_u10", "12_t2m", "12_u10", "18_t2m", "18_u10")
    np.testing.assert_allclose(parts.errors, ERRORS.reshape(COUNT, 6), rtol=1e-6)
