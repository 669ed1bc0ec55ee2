"""Features of the model among the predictors of an error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import saibench
from made_traces import CORNERS, SAMPLES, TRACE, write_traced_study
from sklearn.linear_model import LinearRegression

from saibench.analysis.answers.traces import trace_sentences
from saibench.analysis.rank_correlation import ranks_of
from saibench.analysis.tracing import explained
from saibench.analysis.tracing.config import trace_config
from saibench.analysis.tracing.explained import explained_shares
from saibench.analysis.tracing.permutations import correlation_p_values
from saibench.analysis.tracing.records import PointTrace
from saibench.analysis.tracing.sentences import response_sentences
from saibench.analysis.tracing.study_traces import trace_points
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import BEFORE, Field, read_table, write_table

SPREAD = Field("committee_std", "float64", "meV/Å", known=BEFORE, title="spread of the nets")
LISTED = ["committee_std", "latent_distance", "force_mae", "time"]
CARD = {**TRACE, "trust": {"statistic": "force_mae", "feature": LISTED}}


def series(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two data features with a feature of the model that depends on both; the error."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((count, 2))
    hidden = rng.standard_normal(count)
    error = data[:, 0] + hidden + 0.5 * rng.standard_normal(count)
    of_model = data[:, 0] + hidden + 0.5 * rng.standard_normal(count)
    return np.column_stack([data, of_model]), error


def test_the_share_of_a_model_feature_is_beyond_that_of_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R² of the ranks by scikit-learn on the same folds, with and without the feature."""
    monkeypatch.setattr(explained, "DEGREES", (1,))
    features, error = series(300)
    blocks = np.arange(300) // 3
    found = explained_shares(features, error, blocks, num_first=2)
    of_data = explained_shares(features[:, :2], error, blocks)
    assert [one.estimate for one in found.shares[:2]] == pytest.approx(
        [one.estimate for one in of_data.shares], abs=1e-9
    )
    ranks = ranks_of(np.column_stack([error, features]))
    fold = (np.random.default_rng(0).permutation(100) % explained.FOLDS)[blocks]

    def r_squared(columns: list[int]) -> float:
        left = np.empty((300, 2))
        for number in range(explained.FOLDS):
            own = fold == number
            model = LinearRegression().fit(ranks[~own][:, columns], ranks[~own, 0])
            left[own, 0] = ranks[own, 0] - model.predict(ranks[own][:, columns])
            left[own, 1] = ranks[own, 0] - ranks[~own, 0].mean()
        return float(1 - (left[:, 0] ** 2).sum() / (left[:, 1] ** 2).sum())

    beyond = r_squared([1, 2, 3]) - r_squared([1, 2])
    assert beyond > 0.1
    assert found.shares[2].estimate == pytest.approx(beyond, abs=1e-4)
    total = sum(one.estimate for one in found.shares)
    assert total == pytest.approx(found.together.estimate, abs=1e-9)


def test_data_features_are_not_controlled_for_features_of_the_model() -> None:
    features, error = series(200)
    ranks = ranks_of(np.column_stack([error, features]))
    whole = correlation_p_values(ranks, 1, 99, num_first=2)
    of_data = correlation_p_values(ranks[:, :3], 1, 99)
    np.testing.assert_array_equal(whole[1][:2], of_data[1])
    np.testing.assert_array_equal(whole[1][2], correlation_p_values(ranks, 1, 99)[1][2])
    np.testing.assert_array_equal(whole[0], correlation_p_values(ranks, 1, 99)[0])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose card lists a feature of the model that its evidence has, and others."""
    folder = tmp_path_factory.mktemp("study")
    write_traced_study(folder, CORNERS[1:2], frames=240, record=CARD)
    (path,) = folder.glob("*/samples.parquet")
    samples = read_table(path)
    noise = 0.05 * np.random.default_rng(2).standard_normal(samples.height)
    spread = np.log(samples["force_mae"].to_numpy()) + noise
    write_table(path, samples.with_columns(committee_std=spread), [*SAMPLES, SPREAD])
    return folder


@pytest.fixture(scope="module")
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


@pytest.fixture(scope="module")
def trace(evidence: StudyEvidence) -> PointTrace:
    return trace_points(evidence, list(evidence.metrics), trace_config(evidence))[0]


def test_features_of_the_model_follow_those_of_the_data(
    trace: PointTrace, evidence: StudyEvidence
) -> None:
    force = trace.responses[0]
    names = [one.feature.name for one in force.associations]
    assert [one.of_model for one in force.associations] == [False] * (len(names) - 1) + [True]
    assert names[0] == "distance" and names[-1] == "committee_std"
    assert names.count("time") == 1 and "force_mae" not in names
    named = ("distance", "chance", "time", "kind")
    data = trace_points(
        evidence, [trace.point], trace_config(evidence, responses=("force_mae",), features=named)
    )[0].responses[0]
    by_name = {one.feature.name: one for one in data.associations}
    for one in force.associations[:-1]:
        alone = by_name[one.feature.name]
        assert one.rho.interval.estimate == pytest.approx(alone.rho.interval.estimate)
        assert one.partial is not None and alone.partial is not None
        assert one.partial.interval.estimate == pytest.approx(alone.partial.interval.estimate)
    assert force.associations[-1].share.low > 0


def test_features_of_the_model_are_marked(trace: PointTrace, evidence: StudyEvidence) -> None:
    text = "\n".join(response_sentences(trace.responses[0], 0.05))
    assert "features of the model beyond these: committee_std" in text
    assert "committee_std (of the model)" in text and "other data features" in text
    (first, _) = trace_sentences(trace, trace_config(evidence), evidence)
    assert "the model's spread of the nets (committee_std) explains" in first


def test_the_json_document_marks_features_of_the_model(study: Path) -> None:
    ended = saibench(Path(), "trace", str(study), "--json")
    (point,) = json.loads(ended.out)["points"]
    marks = {
        one["feature"]["name"]: one["of_model"] for one in point["responses"][0]["associations"]
    }
    assert marks.pop("committee_std") and not any(marks.values())
